"""The job lines every measured program reads, and its answers: VERB NETWORK BASE COUNT CALLERS, then JSON.

A job makes or removes COUNT networks numbered from BASE, with CALLERS at a time. The answer holds the
milliseconds of each one, the wall time, the CPU time of the program, and what went wrong.
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

# Makes or removes the network with a number, of the named CNI network.
Act = Callable[[str, int], None]


def serve(
    set_up: Act, tear_down: Act, more: Mapping[str, Callable[[str, int, int, int], dict[str, Any]]]
) -> None:
    """Answer jobs until stdin ends. `more` are verbs beyond set_up, tear_down and churn."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        verb, network, base, count, callers = line.split()
        if verb in more:
            told = more[verb](network, int(base), int(count), int(callers))
        else:
            up = set_up if verb in {"set_up", "churn"} else None
            down = tear_down if verb in {"tear_down", "churn"} else None
            told = run(up, down, network, int(base), int(count), int(callers))
        print(json.dumps(told), flush=True)


def run(
    up: Act | None, down: Act | None, network: str, base: int, count: int, callers: int
) -> dict[str, Any]:
    """Do a job and time it."""
    up_ms = [0.0] * (count if up else 0)
    down_ms = [0.0] * (count if down else 0)
    numbers = itertools.count()
    faults: list[str] = []

    def caller() -> None:
        for number in iter(lambda: next(numbers), None):
            if number >= count:
                return
            for act, times in ((up, up_ms), (down, down_ms)):
                if act is None:
                    continue
                started = time.perf_counter()
                try:
                    act(network, base + number)
                except Exception as exc:  # noqa: BLE001 - told in the answer, and a failed run is no figure
                    faults.append(repr(exc))
                times[number] = (time.perf_counter() - started) * 1e3

    used = cpu_ms()
    started = time.perf_counter()
    if callers == 1:
        caller()
    else:
        threads = [threading.Thread(target=caller) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return {
        "up_ms": up_ms,
        "down_ms": down_ms,
        "wall_ms": (time.perf_counter() - started) * 1e3,
        "cpu_ms": cpu_ms() - used,
        "errors": len(faults),
        "last_error": faults[-1] if faults else "",
    }


def cpu_ms() -> float:
    """CPU time of this process and of the children it waited for."""
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in found) * 1e3
