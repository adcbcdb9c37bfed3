"""What recovery and DEL promise, one sentence at a time, on the fake kernel with real files and a real journal."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.kernel import HOST, FakeKernel, Link
from tests.faults import chains
from tests.faults.bench import NETNS, VM, Bench, FakePlace, bench
from tests.faults.cases import What, crash_before_the_commit, record
from tests.faults.seam import Seam, standing
from tests.torture import journals
from vmplumb.v1 import vm_network_pb2
from vmplumbd.cni.invoke import Command, Invocation, Invoker
from vmplumbd.errors import AgentError, SpecConflict
from vmplumbd.journal import schema
from vmplumbd.model import net
from vmplumbd.model.caller import LOCAL
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.record import Release
from vmplumbd.model.spec import CniConfiguration, NetworkInterface, NetworkSpec
from vmplumbd.operations.agent import CheckCall
from vmplumbd.operations.book import Operation
from vmplumbd.operations.collect import CollectOrder
from vmplumbd.operations.tear_down import TearDownOrder
from vmplumbd.rpc import convert, figures


@pytest.fixture
def seam() -> Iterator[Seam]:
    with standing(Seam()) as made:
        yield made


@pytest.fixture
def place() -> FakePlace:
    return FakePlace()


def torn_down_while_held(made: Bench, place: FakePlace) -> tuple[Release, Callable[[], None]]:
    """The network is torn down while a VMM holds its tap: the release that is left, and how to let go."""
    assert made.set_up().log.error is None
    let_go = place.fake.hold(NETNS)
    assert made.tear_down() is None
    made.work()
    (release,) = made.tools.book.releases()
    return release, let_go


def has_tried(made: Bench, times: int) -> bool:
    return made.tools.book.releases()[0].attempts >= times


def test_a_release_that_fails_is_tried_again_with_back_off_and_shown(seam: Seam, place: FakePlace) -> None:
    with bench(seam, place, adopted=False) as made:
        before = made.seen()
        _, let_go = torn_down_while_held(made, place)
        seam.refuse("plugin host-local DEL", "code 999")
        let_go()
        tried_at: list[float] = []
        for tries in range(1, 7):
            made.work(until=functools.partial(has_tried, made, tries))
            tried_at.append(made.clock.jumped)
        told = figures.status_response(made.agent, LOCAL)
        assert (told.figures.pending_releases, told.figures.failed_releases) == (1, 1)
        assert [one.vm_id for one in told.pending_releases] == [VM]
        assert "a fault of the test" in told.figures.last_release_failure.message
        waits = [later - earlier for earlier, later in itertools.pairwise(tried_at)]
        assert all(later > 1.4 * earlier for earlier, later in itertools.pairwise(waits))
        seam.disarm()
        made.settle()
        assert figures.status_response(made.agent, LOCAL).figures.pending_releases == 0
        assert made.seen() == before


def test_a_teardown_that_fails_is_listed_with_its_tries_until_it_is_through(
    seam: Seam, place: FakePlace
) -> None:
    with bench(seam, place, adopted=True) as made:
        made.set_up()
        seam.refuse("kernel.DelLink", "EPERM")
        assert made.tear_down() is not None
        made.work(until=lambda: made.agent.list()[0].release_attempts >= 3)
        (record_,) = made.agent.list()
        shown = convert.network(replace(record_, spec=b""), None, key=b"key")
        assert shown.phase == vm_network_pb2.PHASE_FAILED
        assert [one.what for one in shown.leftovers] == ["net/eth0"]
        seam.disarm()
        made.settle()
        assert made.tear_down() is None


def test_after_a_restored_snapshot_a_release_does_not_wait_for_a_link_that_is_another_s(
    seam: Seam, place: FakePlace
) -> None:
    with bench(seam, place, adopted=False) as made:
        before = made.seen()
        release, _ = torn_down_while_held(made, place)
        made.stop()
        # The memory of the host is that of another day: its indexes were given to other links.
        ((_, index),) = release.host_devices
        other = Link(index=index, name="other0", kind="dummy")
        restored = FakeKernel()
        host = restored.world.spaces[HOST]
        restored.world = replace(
            restored.world,
            spaces={HOST: replace(host, links=(*host.links, other), next_index=index + 1)},
        )
        place.fake = restored
        made.start()
        made.settle()
        assert made.rows() == (0, 0)
        assert restored.host().link(index=index).name == "other0"
        assert made.seen()["files"] == before["files"]


def test_an_address_is_freed_after_its_masquerade_and_its_device(seam: Seam, place: FakePlace) -> None:
    def make(seam: Seam) -> AbstractContextManager[Bench]:
        return bench(seam, place, chain=chains.masqueraded, adopted=False)

    names = [str(one) for one in record(What.TEAR_DOWN, make, seam).effects]

    def first(text: str) -> int:
        return next(number for number, name in enumerate(names) if text in name)

    freed = first("os.unlink  [plugins.host_local")
    assert first("kernel.change_rules") < freed
    assert first("kernel.SetLink  [operations.reap:") < freed
    assert first("kernel.unlink_netns") < freed


@pytest.mark.parametrize(("strict", "freed"), [(False, True), (True, False)], ids=["by default", "strict"])
def test_a_plugin_that_fails_its_del_keeps_the_others_only_where_that_is_asked(
    seam: Seam, place: FakePlace, strict: bool, freed: bool
) -> None:
    with bench(seam, place, adopted=True, strict=strict) as made:
        made.set_up()
        seam.refuse("plugin tc-redirect-tap DEL", "code 999")
        assert made.tear_down() is not None
        reserved = any("10.1.0.2" in name for name in made.seen()["files"])
        assert reserved is not freed
        seam.disarm()
        made.settle()


def test_a_set_up_that_is_refused_an_address_leaves_the_network_that_has_it(
    seam: Seam, place: FakePlace
) -> None:
    with bench(seam, place, adopted=False) as made:
        made.set_up()
        there = made.seen()
        told = made.set_up_other("vm-2", args=(("IP", "10.1.0.2"),)).log.error
        assert isinstance(told, AgentError)
        assert "10.1.0.2" in str(told)
        assert made.seen() == there
        assert made.findings() == []
        made.finish()


def test_a_network_that_stands_and_the_journal_never_knew_is_no_former_life(
    seam: Seam, place: FakePlace
) -> None:
    with bench(seam, place, adopted=False) as made:
        before = made.seen()
        made.set_up()
        there = made.seen()
        made.stop()
        for one in (made.directory / "state").iterdir():
            one.unlink()
        made.start()
        refused = made.set_up().log.error
        assert isinstance(refused, SpecConflict)
        assert "vmplumbctl import" in (refused.hint or "")
        assert made.seen() == there
        assert made.rows() == (0, 0)
        # Its namespace is gone, and so is its life: DEL clears what it left, as the SDK does.
        made.place.run(lambda: made.tools.kernel.delete_netns(NETNS))
        assert made.set_up().log.error is None
        assert made.findings() == []
        made.finish()
        assert made.seen() == before


@pytest.mark.parametrize("version", range(1, schema.VERSION))
def test_a_journal_of_an_older_schema_is_taken_over_with_its_rows(
    seam: Seam, place: FakePlace, version: int
) -> None:
    with bench(seam, place, adopted=False) as made:
        made.set_up()
        (ready,) = made.tools.book.records()
        made.stop()
        path = made.directory / "state/journal.db"
        journals.make_older(path, version)
        found = made.start()
        assert found.adopted == (VM,)
        assert made.tools.book.records() == [ready]
        made.finish()
        assert made.rows() == (0, 0)


def test_what_is_ready_stays_ready_over_a_restart(seam: Seam, place: FakePlace) -> None:
    with bench(seam, place, adopted=False) as made:
        made.set_up()
        there = made.seen()
        made.stop()
        assert made.start().adopted == (VM,)
        assert made.seen() == there
        record_ = made.tools.book.get(VM)
        assert record_ is not None
        assert record_.phase is Phase.READY
        made.finish()


def test_who_hears_of_an_end_may_call_again_at_once(seam: Seam, place: FakePlace) -> None:
    with bench(seam, place, adopted=False) as made:
        before = made.seen()
        checks: list[CheckCall] = []
        again: list[Operation] = []
        first = made.agent.set_up(VM, made.order)
        first.log.subscribe(lambda: checks.append(made.agent.check(VM)))
        made.work(until=lambda: bool(checks) and checks[0].operation.log.finished)
        torn = made.agent.tear_down(VM, TearDownOrder(timeout=60))
        assert torn is not None
        torn.log.subscribe(lambda: again.append(made.agent.set_up(VM, made.order)))
        made.work(until=lambda: bool(again) and again[0].log.finished)
        assert [one.log.error for one in (first, torn, *again)] == [None] * 3
        made.finish()
        assert made.seen() == before


def test_a_cordoned_host_fills_no_pool_also_after_a_start_and_does_when_it_serves_again(
    seam: Seam, place: FakePlace
) -> None:
    with bench(seam, place, adopted=False, pool=1) as made:
        made.agent.set_cordon(cordoned=True)
        made.drain()
        made.stop()
        made.start()
        made.settle()
        assert made.tools.book.members() == []
        made.agent.set_cordon(cordoned=False)
        made.fill()
        assert len(made.tools.book.members()) == 1


def has_failed(made: Bench, times: int) -> bool:
    record_ = made.tools.book.get(VM)
    return bool(made.lanes.fell) or record_ is None or record_.release_attempts >= times


def test_a_teardown_is_tried_again_for_ever_also_while_the_kernel_cannot_be_asked(
    seam: Seam, place: FakePlace
) -> None:
    with bench(seam, place, adopted=False) as made:
        before = made.seen()
        made.set_up()
        seam.refuse("kernel.device", "ENOBUFS")
        assert made.tear_down() is not None
        made.work(until=functools.partial(has_failed, made, 3))
        assert made.lanes.fell == []
        seam.disarm()
        made.settle()
        assert made.seen() == before
        made.finish()
        assert made.rows() == (0, 0)


@pytest.mark.parametrize("restart", [False, True], ids=["the same agent", "after a restart"])
@pytest.mark.parametrize("door", ["kernel.unlink_netns", "kernel.undo_netns_dir"])
def test_what_a_forced_teardown_could_not_remove_is_tried_again_before_the_address_is_free(
    seam: Seam, place: FakePlace, door: str, *, restart: bool
) -> None:
    with bench(seam, place, adopted=False, netns_path="/run/netns/of/its/own") as made:
        before = made.seen()
        made.set_up()
        seam.refuse(door, "EPERM")
        operation = made.agent.tear_down(VM, TearDownOrder(timeout=60, force=True))
        assert operation is not None
        made.work(until=lambda: operation.log.finished)
        assert operation.log.error is None
        assert len(operation.ignored_failures) == 1
        seam.disarm()
        if restart:
            made.stop()
            made.start()
        made.settle()
        assert made.seen() == before
        assert made.rows() == (0, 0)


def test_what_a_former_network_owes_is_given_back_also_when_the_next_set_up_has_failed(
    seam: Seam, place: FakePlace
) -> None:
    with bench(seam, place, adopted=False) as made:
        before = made.seen()
        made.set_up()
        seam.refuse("plugin host-local DEL", "code 999")
        operation = made.agent.tear_down(VM, TearDownOrder(timeout=60, force=True))
        assert operation is not None
        made.work(until=lambda: operation.log.finished)
        seam.refuse("plugin tc-redirect-tap ADD", "code 999")
        forced = CniConfiguration(network_name=chains.NETWORK, force=True)
        spec = NetworkSpec(interfaces=(NetworkInterface(cni=forced),))
        failed = made.agent.set_up(VM, replace(made.order, spec=spec))
        made.work(until=lambda: failed.log.finished)
        assert failed.log.error is not None
        seam.disarm()
        made.settle()
        assert made.seen() == before
        # Its caller may still ask why it failed.
        assert made.rows() == (1, 0)
        made.finish()
        assert made.rows() == (0, 0)


def test_a_start_goes_on_with_the_others_where_one_network_cannot_be_looked_at(
    seam: Seam, place: FakePlace
) -> None:
    with bench(seam, place, adopted=False) as made:
        before = made.seen()
        made.set_up()
        place.fake.delete_netns(NETNS)
        made.stop()
        seam.refuse("kernel.device", "ENOBUFS")
        assert made.start().waiting == (VM,)
        made.work(until=functools.partial(has_failed, made, 3))
        assert made.lanes.fell == []
        seam.disarm()
        made.settle()
        assert made.seen() == before
        made.finish()
        assert made.rows() == (0, 0)


def test_a_namespace_that_took_the_place_of_one_that_a_dead_set_up_had_adopted_is_not_touched(
    seam: Seam, place: FakePlace
) -> None:
    with bench(seam, place, adopted=True) as made:
        crash_before_the_commit(made)
        # Its owner lets it go, and makes another one of that name, for somebody else.
        place.fake.delete_netns(NETNS)
        before = made.seen()
        place.adopt(NETNS)
        with place.fake.open_netns(NETNS) as inside:
            inside.apply([net.AddVeth(name="eth0", peer="tap0")])
        there = place.fake.snapshot()
        made.start()
        made.settle()
        assert place.fake.snapshot() == there
        place.fake.delete_netns(NETNS)
        assert {**made.seen(), "files": {}} == {**before, "files": {}}
        assert made.rows()[1] == 0


class MeanwhileInvoker:
    """Plugins in whose CNI GC something else happens first."""

    def __init__(self, inner: Invoker, meanwhile: Callable[[], object]) -> None:
        self._inner = inner
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def invoke(self, invocation: Invocation) -> bytes:
        if invocation.command is Command.GC:
            self._meanwhile()
        return self._inner.invoke(invocation)


@pytest.mark.parametrize("pool", [0, 1], ids=["made", "claimed from a warm pool"])
def test_a_network_that_is_set_up_while_cni_gc_runs_keeps_what_it_has(
    seam: Seam, place: FakePlace, pool: int
) -> None:
    def of_1_1(directory: Path) -> bytes:
        # The first version with GC.
        return chains.masqueraded(directory).replace(b'"1.0.0"', b'"1.1.0"')

    with bench(seam, place, chain=of_1_1, adopted=False, pool=pool) as made:
        before = made.seen()
        owned = replace(made.tools.settings, owned_networks=frozenset({chains.NETWORK}))
        made.tools.change_settings(owned)
        late: list[Operation] = []

        def set_up() -> None:
            # The valid attachments were listed before.
            late.append(made.agent.set_up(VM, made.order))
            made.lanes.work_off()

        seen = MeanwhileInvoker(made.tools.invoker, set_up)
        object.__setattr__(made.tools, "invoker", seen)
        order = CollectOrder(valid_vm_ids=frozenset(), as_of_revision=0, dry_run=False)
        call = made.agent.collect(order)
        made.work(until=lambda: call.operation.log.finished)
        assert call.collected is not None
        assert (call.collected.gc_networks, call.collected.gc_errors) == ((chains.NETWORK,), ())
        made.work(until=lambda: late[0].log.finished)
        assert late[0].log.error is None
        assert made.findings() == []
        made.finish()
        made.fill()
        assert made.seen() == before
