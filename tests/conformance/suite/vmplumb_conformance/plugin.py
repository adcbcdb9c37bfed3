#!/usr/bin/env python3
"""A CNI plugin that does what a file says: fail n times, hang until a file is there, print garbage, succeed.

It goes last in a list. Its configuration has `directory`, in which it reads `<container id>.json`:

    {"ADD": [{"error": 11}, {"wait": "gate"}, {}], "otherwise": {"DEL": {"error": 100, "msg": "no"}}}

The n-th call of a command does the n-th step, later ones what `otherwise` says; a command that is not there
succeeds. Keys of a step, done in this order: `wait` NAME (until the file `<container id>.NAME` is there), `last`
SECONDS, `stderr` TEXT, `print` TEXT (instead of a result), `error` CODE with `msg` and `details`, `exit` STATUS,
`result` (merged into the result of the plugins before). Every call is written to `<container id>.log`: COMMAND
"begin", then "end". Calls without a container (GC, STATUS) are written to `host.log`, with the network's name.

Runs alone: it imports nothing but Python's own library.
"""

import json
import os
import sys
import time
from pathlib import Path

VERSIONS = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]


def main() -> int:
    command = os.environ.get("CNI_COMMAND", "")
    if command == "VERSION":
        print(json.dumps({"cniVersion": "1.1.0", "supportedVersions": VERSIONS}))
        return 0
    conf = json.load(sys.stdin)
    directory = Path(conf["directory"])
    container = os.environ.get("CNI_CONTAINERID", "")
    if not container:
        note(directory / "host.log", f"{command} {conf.get('name', '')}")
        return 0
    log = directory / f"{container}.log"
    number = note(log, f"{command} begin", count=f"{command} begin")
    try:
        return play(step_of(directory, container, command, number), directory, container, command, conf)
    finally:
        note(log, f"{command} end")


def step_of(directory: Path, container: str, command: str, number: int) -> dict:  # type: ignore[type-arg]
    """What the script says for the `number`-th call, from 0."""
    try:
        script = json.loads((directory / f"{container}.json").read_text())
    except FileNotFoundError:
        return {}
    steps = script.get(command, [])
    chosen = steps[number] if number < len(steps) else script.get("otherwise", {}).get(command, {})
    return dict(chosen)


def play(step: dict, directory: Path, container: str, command: str, conf: dict) -> int:  # type: ignore[type-arg]
    if "wait" in step:
        gate = directory / f"{container}.{step['wait']}"
        while not gate.exists():
            time.sleep(0.005)
    time.sleep(step.get("last", 0))
    if "stderr" in step:
        sys.stderr.write(step["stderr"])
    if "print" in step:
        print(step["print"])
        return int(step.get("exit", 0))
    if "error" in step:
        error = {
            "cniVersion": conf.get("cniVersion", "1.0.0"),
            "code": step["error"],
            "msg": step.get("msg", "as the script says"),
            "details": step.get("details", ""),
        }
        print(json.dumps(error))
        return 1
    if "exit" in step:
        return int(step["exit"])
    if command == "ADD":
        before = conf.get(
            "prevResult", {"cniVersion": conf.get("cniVersion", "1.0.0"), "interfaces": [], "ips": []}
        )
        print(json.dumps({**before, **step.get("result", {})}))
    return 0


def note(log: Path, line: str, *, count: str = "") -> int:
    """Append a line; how often `count` was there before."""
    with log.open("a+") as out:
        out.seek(0)
        before = out.read().splitlines().count(count)
        out.write(line + "\n")
    return before


if __name__ == "__main__":
    sys.exit(main())
