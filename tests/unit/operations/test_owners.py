"""A caller has its own networks and no others: everything that an identity may ask of another's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.bench import VM, Bench, FakePlace, bench
from tests.faults.seam import Seam, standing
from vmplumbd.errors import (
    AgentError,
    LimitExceeded,
    PathNotAllowed,
    ResumePositionLost,
    SpecConflict,
    VmNotFound,
)
from vmplumbd.model.caller import Caller
from vmplumbd.model.ids import VmId
from vmplumbd.model.lifecycle import Phase
from vmplumbd.operations.agent import Resume
from vmplumbd.operations.book import Operation
from vmplumbd.operations.collect import CollectOrder
from vmplumbd.operations.set_up import prepare
from vmplumbd.operations.tear_down import TearDownOrder

MINE = Caller(identity="spiffe://td/mine", sees_all=False)
OTHER = Caller(identity="spiffe://td/other", sees_all=False)
ADMINISTRATOR = Caller(identity="spiffe://td/root")
DOWN = TearDownOrder(timeout=60)


@pytest.fixture
def made() -> Iterator[Bench]:
    """A bench; everything that is still there at the end is torn down."""
    with standing(Seam()) as seam, bench(seam, FakePlace(), adopted=False) as one:
        yield one
        one.finish()
        assert one.rows() == (0, 0)


def set_up(made: Bench, by: Caller, vm_id: str = VM) -> Operation:
    operation = made.agent.set_up(VmId(vm_id), made.order, by=by)
    made.work(lambda: operation.log.finished)
    return operation


def test_a_network_belongs_to_who_set_it_up_also_after_a_restart(made: Bench) -> None:
    set_up(made, MINE)
    assert made.agent.get(VM, MINE).owner == MINE.identity
    made.stop()
    made.start()
    assert made.agent.get(VM, MINE).owner == MINE.identity
    assert [one.vm_id for one in made.agent.list(MINE)] == [VM]
    assert [one.vm_id for one in made.agent.list(ADMINISTRATOR)] == [VM]
    assert made.agent.list(OTHER) == []


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda made, _: made.agent.get(VM, OTHER), VmNotFound),
        (lambda made, _: made.agent.check(VM, OTHER), VmNotFound),
        (lambda made, _: set_up(made, OTHER), SpecConflict),
        (
            lambda made, _: made.agent.validate(VM, made.order.spec, made.order.spec_hash, OTHER),
            SpecConflict,
        ),
        (
            lambda made, uid: made.agent.set_up(VM, made.order, Resume(uid=uid, sequence=1), OTHER),
            ResumePositionLost,
        ),
    ],
    ids=["get", "check", "set up", "validate", "resume"],
)
def test_another_caller_is_told_what_it_would_be_told_of_nothing(
    made: Bench, ask: Callable[[Bench, str], object], told: type[AgentError]
) -> None:
    uid = set_up(made, MINE).uid
    with pytest.raises(told) as caught:
        ask(made, uid)
    said = str(caught.value)
    assert MINE.identity not in said
    # Who resumes has said the uid itself.
    assert uid not in said or told is ResumePositionLost
    assert made.stands()


def test_anothers_teardown_finds_nothing_and_touches_nothing(made: Bench) -> None:
    uid = set_up(made, MINE).uid
    for order in (DOWN, TearDownOrder(timeout=60, uid=uid), TearDownOrder(timeout=60, force=True)):
        assert made.agent.tear_down(VM, order, by=OTHER) is None
    assert made.stands()


def test_anothers_teardown_is_not_seen(made: Bench) -> None:
    set_up(made, MINE)
    running = made.agent.tear_down(VM, DOWN, by=MINE)
    assert running is not None
    assert made.agent.tear_down(VM, DOWN, by=OTHER) is None
    made.work(lambda: running.log.finished)
    with pytest.raises(ResumePositionLost):
        made.agent.tear_down(VM, DOWN, Resume(uid=running.uid, sequence=0), OTHER)
    assert made.agent.tear_down(VM, DOWN, Resume(uid=running.uid, sequence=0), MINE) is running


def test_a_set_up_that_runs_is_its_callers_alone(made: Bench) -> None:
    running = made.agent.set_up(VM, made.order, by=MINE)
    with pytest.raises(SpecConflict):
        made.agent.set_up(VM, made.order, by=OTHER)
    assert made.agent.tear_down(VM, DOWN, by=OTHER) is None
    assert made.agent.set_up(VM, made.order, by=MINE) is running
    made.work(lambda: running.log.finished)
    assert made.stands()


def test_an_administrators_repetition_leaves_a_network_to_its_owner(made: Bench) -> None:
    first = set_up(made, MINE)
    assert set_up(made, ADMINISTRATOR) is first
    assert made.agent.get(VM, MINE).owner == MINE.identity


def test_a_collection_takes_what_is_the_callers(made: Bench) -> None:
    set_up(made, MINE)
    set_up(made, OTHER, "vm-2")
    call = made.agent.collect(
        CollectOrder(valid_vm_ids=frozenset(), as_of_revision=1 << 40, dry_run=False, by=OTHER)
    )
    made.work(lambda: call.operation.log.finished)
    assert call.collected is not None
    assert [one.vm_id for one in call.collected.fates] == ["vm-2"]
    assert made.stands()


class Meanwhile:
    """A kernel in which something happens right after the first look at a namespace."""

    def __init__(self, kernel: Any, act: Callable[[], object]) -> None:
        self._kernel = kernel
        self._acts = [act]

    def netns_identity(self, path: str) -> object:
        try:
            return self._kernel.netns_identity(path)
        finally:
            if self._acts:
                self._acts.pop()()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kernel, name)


def test_a_namespace_that_another_makes_while_it_is_judged_is_not_moved_into(made: Bench) -> None:
    made.order = replace(made.order, spec=replace(made.order.spec, netns_path="/run/netns/one-name"))
    kernel: Any = Meanwhile(made.tools.kernel, lambda: set_up(made, MINE))
    tools = replace(made.tools, kernel=kernel)
    with pytest.raises(PathNotAllowed):
        prepare(tools, VmId("vm-2"), made.order.spec, OTHER)
    assert made.agent.get(VM, MINE).phase is Phase.READY


def test_networks_and_operations_of_one_identity_are_bounded(made: Bench) -> None:
    few = Caller(identity=MINE.identity, sees_all=False, max_networks=1)
    running = made.agent.set_up(VM, made.order, by=few)
    # What is being set up counts, before there is a record.
    with pytest.raises(LimitExceeded) as caught:
        made.agent.set_up(VmId("vm-2"), made.order, by=few)
    assert caught.value.limit == "policy.max_networks"
    made.work(lambda: running.log.finished)
    with pytest.raises(LimitExceeded):
        made.agent.set_up(VmId("vm-2"), made.order, by=few)
    assert made.agent.set_up(VM, made.order, by=few) is running
    set_up(made, OTHER, "vm-3")
    down = made.agent.tear_down(VmId("vm-3"), DOWN, by=OTHER)
    assert down is not None
    made.work(lambda: down.log.finished)
    idle = Caller(identity=MINE.identity, sees_all=False, max_operations=0)
    with pytest.raises(LimitExceeded) as caught:
        made.agent.set_up(VmId("vm-2"), made.order, by=idle)
    assert caught.value.limit == "policy.max_operations"
