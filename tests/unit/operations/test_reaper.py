"""Namespaces of networks that are gone die a few at a time, and their addresses are given back after that."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from vmplumbd.errors import JournalFailed
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.outcome import Plan
from vmplumbd.model.record import Release
from vmplumbd.operations.lanes import LaneName, Sleep, WaitFor, Work
from vmplumbd.operations.reaper import LARGEST_BATCH, MOST_HELD, Reaper, batch_size
from vmplumbd.operations.tools import Going, Tools


@pytest.mark.parametrize(
    ("held", "set_ups", "size"),
    [
        (1, 0, LARGEST_BATCH),
        (400, 0, LARGEST_BATCH),
        (400, 1, 2),
        (400, 8, 16),
        (400, 32, LARGEST_BATCH),
        (MOST_HELD, 1, 2),
        (MOST_HELD + 1, 1, LARGEST_BATCH),
    ],
)
def test_batches_are_small_beside_few_set_ups(held: int, set_ups: int, size: int) -> None:
    assert batch_size(held, set_ups) == size


class Devices:
    """A held namespace and its host device: let go, it goes when the test says so."""

    def __init__(self) -> None:
        self.let_go = False
        self.over = False
        self._tells: list[Callable[[], None]] = []

    def close(self) -> None:
        self.let_go = True

    def then(self, tell: Callable[[], None]) -> None:
        if self.over:
            tell()
        else:
            self._tells.append(tell)

    def saw_gone(self, indexes: Iterable[int]) -> None:
        raise AssertionError(indexes)

    def cancel(self) -> None:
        self._tells.clear()

    def go(self) -> None:
        self.over = True
        for tell in self._tells:
            tell()


class Stage:
    """A reaper whose lane is run by hand, beside as many set-ups as the test says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.set_ups = 0
        self.owed: dict[int, Release] = {}
        self.journal_fails = False
        self.taken: set[str] = set()
        self.parked: list[tuple[float, Work]] = []
        self._uids = itertools.count()
        tools = SimpleNamespace(
            clock=SimpleNamespace(monotonic=lambda: self.now),
            lanes=SimpleNamespace(submit=self._submit),
            book=SimpleNamespace(
                set_ups_about=lambda _: self.set_ups,
                owes=lambda release: self.owed.get(release.release_id) is release,
                is_taken=self.taken.__contains__,
                released=self._released,
                tried_release=lambda release, _: release,
                boot_id="boot",
            ),
        )
        self.reaper = Reaper(lambda: cast("Tools", tools))

    def take(self, count: int) -> list[Devices]:
        """So many networks are torn down."""
        made = [Devices() for _ in range(count)]
        for devices in made:
            # As the journal: the first number that is free, so numbers come again.
            number = next(n for n in range(1000) if n not in self.owed)
            release = Release(
                release_id=number, vm_id=VmId(f"vm-{number}"), uid=Uid(f"uid-{next(self._uids)}"), boot_id="boot",
                plan=Plan(), host_devices=(("veth0", number),), created=0.0,
            )  # fmt: skip
            self.owed[number] = release
            self.reaper.take(release, Going(expected=devices, held=devices))
        return made

    def run(self, seconds: float = 0.0) -> None:
        """Let time pass, and do what is due."""
        self.now += seconds
        while ready := [entry for entry in self.parked if entry[0] <= self.now]:
            self.parked.remove(ready[0])
            self._advance(ready[0][1])

    def _submit(self, work: Work, lane: LaneName, *, background: bool) -> None:
        assert (lane, background) == (LaneName.TEAR_DOWN, True)
        self.parked.append((self.now, work))

    def _advance(self, work: Work) -> None:
        for park in work:
            if isinstance(park, Sleep):
                self.parked.append((self.now + park.seconds, work))
            else:
                assert isinstance(park, WaitFor)
                assert park.seconds is not None
                entry = (self.now + park.seconds, work)
                self.parked.append(entry)
                park.when(functools.partial(self._wake, entry))
            return

    def _wake(self, entry: tuple[float, Work]) -> None:
        if entry in self.parked:
            self.parked.remove(entry)
            self.parked.append((self.now, entry[1]))

    def _released(self, ids: list[int]) -> None:
        if self.journal_fails:
            raise JournalFailed("no space")
        for number in ids:
            del self.owed[number]


def test_beside_a_set_up_two_go_at_a_time_and_the_next_when_these_have_gone() -> None:
    stage = Stage()
    stage.set_ups = 1
    devices = stage.take(5)
    stage.run()
    assert [one.let_go for one in devices] == [True, True, False, False, False]
    devices[0].go()
    stage.run()
    assert [one.let_go for one in devices] == [True, True, False, False, False]
    devices[1].go()
    stage.run()
    assert [one.let_go for one in devices] == [True, True, True, True, False]
    assert set(stage.owed) == {2, 3, 4}


def test_what_a_vmm_holds_does_not_keep_the_others() -> None:
    stage = Stage()
    stage.set_ups = 1
    devices = stage.take(3)
    stage.run()
    devices[0].go()
    stage.run(0.3)
    assert devices[2].let_go
    devices[2].go()
    stage.run()
    assert set(stage.owed) == {1}
    devices[1].go()
    stage.run()
    assert set(stage.owed) == set()
    assert stage.parked == []


def test_one_alone_waits_for_company_and_many_do_not() -> None:
    stage = Stage()
    seen: list[bool] = []
    (first,) = stage.take(1)
    for seconds in (0.0, 0.02):
        stage.run(seconds)
        seen.append(first.let_go)
    assert seen == [False, True]
    first.go()
    stage.run()
    many = stage.take(LARGEST_BATCH + 1)
    stage.run()
    assert [one.let_go for one in many] == [*[True] * LARGEST_BATCH, False]


def test_who_is_waited_for_goes_first_and_needs_no_company() -> None:
    stage = Stage()
    stage.set_ups = 1
    devices = stage.take(4)
    last = stage.owed[3]
    for release in (last, last, replace(last, uid=Uid("another's"))):
        stage.reaper.hurry(release)
    stage.run()
    assert [one.let_go for one in devices] == [True, False, False, True]
    devices[3].go()
    stage.run()
    assert set(stage.owed) == {0, 1, 2}
    alone = Stage()
    (one,) = alone.take(1)
    alone.reaper.hurry(alone.owed[0])
    alone.run()
    assert one.let_go


def test_an_end_lets_go_of_all_and_of_what_comes_after() -> None:
    stage = Stage()
    devices = stage.take(3)
    stage.reaper.close()
    late = stage.take(1)
    assert all(one.let_go for one in (*devices, *late))


def test_a_vm_that_came_back_and_a_journal_that_fails_are_tried_again() -> None:
    stage = Stage()
    stage.taken.add("vm-0")
    devices = stage.take(2)
    stage.run(0.02)
    stage.journal_fails = True
    for one in devices:
        one.go()
    stage.run()
    assert set(stage.owed) == {0, 1}
    stage.journal_fails = False
    stage.run(1.5)
    assert set(stage.owed) == {0}
    stage.taken.clear()
    stage.run(1.5)
    assert set(stage.owed) == set()


def test_a_release_done_by_another_does_not_take_the_one_that_has_its_number_now() -> None:
    """A set-up of the same VM settles what the reaper has put off; the journal gives the number again."""
    stage = Stage()
    stage.taken.add("vm-0")
    (first,) = stage.take(1)
    stage.run(0.02)
    first.go()
    stage.run()
    stage.owed.clear()
    stage.taken.clear()
    (second,) = stage.take(1)
    stage.run(1.5)
    assert set(stage.owed) == {0}
    second.go()
    stage.run()
    assert set(stage.owed) == set()
