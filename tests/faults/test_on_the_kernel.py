"""Each act of the kernel room fails in turn, on the real kernel: system calls, mounts, netlink messages.

What the rest of the agent does to files and journal fails in `test_on_fakes.py`, with real files too. Here each
act gets one of its faults, before or after by turns; `python -m tools.effects --run` gives it all.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest

from tests.faults.bench import Bench, HostPlace, bench
from tests.faults.cases import What, all_broken, record
from tests.faults.seam import Fault, Seam, standing
from tests.host import Host
from tests.snapshot import snapshot


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("adopted", [False, True], ids=["namespace made", "namespace adopted"])
@pytest.mark.parametrize("what", [What.SET_UP, What.TEAR_DOWN], ids=lambda what: what.value)
def test_a_refusal_of_the_kernel_at_any_step_leaves_nothing(host: Host, what: What, adopted: bool) -> None:
    before = snapshot()
    place = HostPlace()

    def make(seam: Seam) -> AbstractContextManager[Bench]:
        return bench(seam, place, adopted=adopted)

    with standing(Seam()) as seam:
        recorded = record(what, make, seam)
        fitting: dict[int, list[Fault]] = {}
        for one in recorded.faults(every=False):
            if recorded.effects[one.number].place.startswith("kernel."):
                fitting.setdefault(one.number, []).append(one)
        faults = [some[number // 2 % len(some)] for number, some in fitting.items()]
        # An adopted namespace has most of its acts in common with one that is made.
        faults = faults[::3] if adopted else faults
        broken = all_broken(recorded, faults, make, seam, both=False)
    place.leave()
    assert broken == []
    assert snapshot() == before


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("what", [What.SET_UP, What.REFILL], ids=lambda what: what.value)
def test_a_refusal_of_the_kernel_at_any_step_of_a_claim_or_a_filling_leaves_nothing(
    host: Host, what: What
) -> None:
    before = snapshot()
    place = HostPlace()

    def make(seam: Seam) -> AbstractContextManager[Bench]:
        return bench(seam, place, adopted=False, pool=1, filled=what is not What.REFILL)

    with standing(Seam()) as seam:
        recorded = record(what, make, seam)
        fitting: dict[int, list[Fault]] = {}
        for one in recorded.faults(every=False):
            if recorded.effects[one.number].place.startswith("kernel."):
                fitting.setdefault(one.number, []).append(one)
        faults = [some[number // 2 % len(some)] for number, some in fitting.items()]
        assert len(faults) > 20
        broken = all_broken(recorded, faults, make, seam, both=False)
    assert broken == []
    assert snapshot() == before


@pytest.mark.parametrize("what", [What.SET_UP, What.ROLL_BACK, What.TEAR_DOWN], ids=lambda what: what.value)
def test_a_directory_that_was_made_for_the_namespace_goes_with_it(host: Host, what: What) -> None:
    before = snapshot()
    place = HostPlace()

    def make(seam: Seam) -> AbstractContextManager[Bench]:
        return bench(seam, place, adopted=False, netns_path="/run/netns/of-mine/vm")

    with standing(Seam()) as seam:
        recorded = record(what, make, seam)
        faults = [
            one
            for one in recorded.faults(every=False)
            # A directory that is there after all is somebody else's, and stays.
            if recorded.effects[one.number].place.endswith("_directory") and one.error != "EEXIST"
        ]
        assert faults
        broken = all_broken(recorded, faults, make, seam, both=False)
    assert broken == []
    assert snapshot() == before
