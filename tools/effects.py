"""Everything that set-up, its undoing, teardown, release and recovery do, and every fault that fits each of it.

    python -m tools.effects             the list, as one run of each operation recorded it
    python -m tools.effects --run       each of these faults in turn, with a retry and without: minutes
    python -m tools.effects --each      the effects one by one, in their order

The list is made by running the operations (`tests/faults`): on a fake kernel, where requests of the kernel's
Protocol are counted, and on the real kernel of a host of its own, where system calls and netlink messages are.
Exit status 0: nothing was broken, 1: something was, and what is printed, 2: this machine cannot run it.
"""

from __future__ import annotations

import argparse
import collections
import enum
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from tests import host as hosts
from tests.faults.bench import Bench, FakePlace, HostPlace, Place, bench
from tests.faults.cases import Recorded, What, all_broken, record
from tests.faults.chains import CHAINS, POOLED
from tests.faults.doors import door
from tests.faults.seam import Fault, Seam, standing

if TYPE_CHECKING:
    from tests.faults.cases import Make

PLACES = ("fake", "host")


@contextmanager
def place_of(name: str) -> Iterator[Place]:
    """The fake kernel, or the real one in a host of its own."""
    if name == "fake":
        yield FakePlace()
        return
    with hosts.private_host():
        place = HostPlace()
        yield place
        place.leave()


class Namespace(enum.Enum):
    """Where a network's namespace comes from."""

    MADE = "made"
    ADOPTED = "adopted"
    CLAIMED = "claimed"


def operations_of(namespace: Namespace) -> tuple[What, ...]:
    """The operations that there are with such namespaces."""
    return tuple(one for one in What if one is not What.REFILL or namespace is Namespace.CLAIMED)


def maker(place: Place, chain: str, namespace: Namespace, what: What) -> Make:
    """How benches are made there."""

    def make(seam: Seam) -> AbstractContextManager[Bench]:
        return bench(
            seam,
            place,
            chain=CHAINS[chain],
            adopted=namespace is Namespace.ADOPTED,
            pool=int(namespace is Namespace.CLAIMED),
            filled=what is not What.REFILL,
        )

    return make


def title(recorded: Recorded, name: str, chain: str, namespace: Namespace) -> str:
    """Which operation, where, of which network, in which namespace."""
    return f"{chain}, {recorded.what.value}, namespace {namespace.value}, {name} kernel"


def counts(recorded: Recorded, faults: Sequence[Fault]) -> str:
    """How many effects and faults."""
    effects = recorded.effects[recorded.since :]
    changing = sum(door(one.door).changes for one in effects)
    lasting = sum(bool(one.lasting) for one in faults)
    return (
        f"{len(effects)} effects, {changing} of them changes; {len(faults)} faults, {lasting} of them lasting"
    )


def table(recorded: Recorded, faults: Sequence[Fault]) -> Iterator[str]:
    """One line for each door and each module that goes through it."""
    by_number = collections.Counter(one.number for one in faults if not one.lasting)
    rows: collections.Counter[tuple[str, str]] = collections.Counter()
    fitting: collections.Counter[tuple[str, str]] = collections.Counter()
    for number, effect in enumerate(recorded.effects):
        if number >= recorded.since:
            key = (effect.place.split(":")[0], effect.door)
            rows[key] += 1
            fitting[key] += by_number[number]
    for (module, name), count in sorted(rows.items()):
        there = door(name)
        before = " ".join(there.before) or "-"
        after = " ".join(there.after) or "-"
        yield f"  {module:28} {name:28} x{count:<3} {fitting[module, name]:4}  before: {before}  after: {after}"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", action="store_true", help="let each fail, and judge what comes of it")
    parser.add_argument("--each", action="store_true", help="every effect in its order")
    parser.add_argument(
        "--some", action="store_true", help="one fault of each effect before it, and one after"
    )
    parser.add_argument("--place", choices=PLACES, help="one kernel only")
    parser.add_argument("--operation", choices=[one.name.lower() for one in What], help="one operation only")
    parser.add_argument("--namespace", choices=[one.value for one in Namespace], help="one kind only")
    parser.add_argument("--network", choices=CHAINS, help="one network of tests/faults/chains.py only")
    given = parser.parse_args()
    networks = [given.network] if given.network else list(CHAINS)
    places = [given.place] if given.place else list(PLACES)
    operations = [one for one in What if given.operation in (None, one.name.lower())]
    refused = hosts.become_root() or hosts.refusal() if "host" in places else None
    if refused:
        print(f"effects: this machine cannot run it: {refused}", file=sys.stderr)
        return 2
    totals: collections.Counter[str] = collections.Counter()
    broken = 0
    for name, chain, namespace in itertools.product(places, networks, Namespace):
        if given.namespace not in (None, namespace.value):
            continue
        if namespace is Namespace.CLAIMED and chain not in POOLED:
            continue
        with place_of(name) as place, standing(Seam()) as seam:
            for what in operations_of(namespace):
                if what not in operations:
                    continue
                make = maker(place, chain, namespace, what)
                recorded = record(what, make, seam)
                faults = recorded.faults(every=not given.some)
                totals["effects"] += len(recorded.effects) - recorded.since
                totals["faults"] += len(faults)
                print(
                    f"{title(recorded, name, chain, namespace)}: {counts(recorded, faults)}",
                    flush=True,
                )
                if given.each:
                    for number, effect in enumerate(recorded.effects[recorded.since :], recorded.since):
                        print(f"  {number:4} {effect}")
                elif not given.run:
                    print("\n".join(table(recorded, faults)))
                if given.run:
                    began = time.monotonic()
                    found = all_broken(recorded, faults, make, seam, both=not given.some)
                    broken += len(found)
                    print(f"  {len(found)} broken, {time.monotonic() - began:.0f} s")
                    for one in found:
                        print(f"    {one}", flush=True)
    print(
        f"in all {totals['effects']} effects, {totals['faults']} faults"
        + (f", {broken} broken" if given.run else "")
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
