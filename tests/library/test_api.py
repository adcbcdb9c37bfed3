"""The agent in process: the same answers, the same promises, no gRPC; and what a kill leaves is taken back."""

from __future__ import annotations

import gc
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import descriptors
from tests.host import Host
from tests.library.worker import VM, config, spec
from tests.snapshot import snapshot
from tests.system.daemon import REDIRECT, Daemon, conflist, eventually, ptp, request, reservations
from vmplumbd import api

ROOT = Path(__file__).resolve().parents[2]


def test_importing_it_loads_neither_grpc_nor_protobuf() -> None:
    program = (
        "import sys, vmplumbd.api; "
        "print(*sorted({one.partition('.')[0] for one in sys.modules} & {'grpc', 'google', 'vmplumb', 'pyroute2'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.fixture
def room(host: Host, tmp_path: Path) -> Path:
    """A directory with the network `net`, of ptp and the redirect."""
    for name in ("conf", "bin", "state"):
        (tmp_path / name).mkdir(mode=0o700)
    network(tmp_path, "net", ptp(), REDIRECT)
    return tmp_path


@pytest.fixture
def world(room: Path) -> Iterator[None]:
    """The world is as it was before, once its devices have gone."""
    before = snapshot()
    yield
    eventually(lambda: snapshot() == before, "the world as before")


def network(room: Path, name: str, *plugins: object) -> None:
    (room / "conf" / f"{name}.conflist").write_bytes(conflist(name, *plugins))  # type: ignore[arg-type]


@pytest.mark.usefixtures("world")
def test_a_network_from_set_up_to_tear_down(room: Path, host: Host) -> None:
    told: list[api.StepEvent] = []
    with api.Agent.open(config(room)) as agent:
        agent.validate(VM, spec())
        assert agent.list() == ()
        made = agent.set_up(VM, spec(), progress=told.append)
        assert (api.Step.CNI_ADD, api.StepState.SUCCEEDED) in [(one.step, one.state) for one in told]
        assert agent.set_up(VM, spec()) == made
        static = made.interfaces[0].static
        assert static.ip_configuration is not None
        address = str(static.ip_configuration.ip_addr.ip)
        assert made.ip_boot_param.startswith(f"{address}::10.200.0.1:255.255.0.0:")
        assert list(reservations(host, "net")) == [address]
        assert agent.check(VM) == api.CheckResult(findings=(), cni_check_skipped=False)
        (known,) = agent.list()
        assert (known.vm_id, known.phase, known.result, known.spec) == (VM, api.Phase.READY, made, spec())
        assert agent.get(VM) == known
        roles = {one.role: one for one in agent.describe(VM)}
        assert roles[api.Role.TAP].name == static.host_dev_name
        assert roles[api.Role.HOST_END].peer_name == "eth0"
        with pytest.raises(api.SpecConflict):
            agent.set_up(VM, spec(if_name="net0"))
        assert agent.tear_down(VM, wait_for_devices=True) == api.TearDownResult(
            existed=True, network_uid=known.uid, devices_gone=True
        )
        assert agent.tear_down(VM).existed is False
        with pytest.raises(api.VmNotFound):
            agent.get(VM)


@pytest.mark.usefixtures("world")
def test_a_spec_that_breaks_rules_is_refused_with_all_of_them_before_any_effect(room: Path) -> None:
    broken = api.NetworkSpec(interfaces=(api.NetworkInterface(cni=api.CniConfiguration(if_name="a/b")),))
    with api.Agent.open(config(room)) as agent:
        for call in (agent.set_up, agent.validate):
            with pytest.raises(api.InvalidSpec) as refused:
                call("vm_1", broken)
            assert [one.rule for one in refused.value.violations] == [
                "string.pattern",
                "cni_configuration.name_or_config",
                "if_name",
            ]
        assert (agent.list(), agent.revision) == ((), 0)


@pytest.mark.usefixtures("world")
def test_a_set_up_that_fails_is_taken_back_and_says_why(room: Path, host: Host) -> None:
    plugin(room, "broken", VERSIONED + BROKEN)
    network(room, "bad", ptp(), {"type": "broken"})
    with api.Agent.open(config(room)) as agent:
        with pytest.raises(api.AddFailed) as failed:
            agent.set_up(VM, spec("bad"))
        assert (failed.value.plugin_error.code, failed.value.plugin_error.message) == (107, "no luck")
        assert (failed.value.leftovers, reservations(host, "bad")) == ((), {})
        (known,) = agent.list()
        assert (known.phase, known.result) == (api.Phase.FAILED, None)
        assert known.failure is not None
        assert (known.failure.reason, known.failure.retryable) == (api.Reason.CNI_ADD_FAILED, True)
        assert agent.tear_down(VM).existed


@pytest.mark.usefixtures("world")
def test_what_no_valid_vm_owns_is_collected(room: Path) -> None:
    with api.Agent.open(config(room)) as agent:
        for vm_id in ("vm-1", "vm-2", "vm-3"):
            agent.set_up(vm_id, spec())
        as_of = agent.revision
        agent.set_up("vm-4", spec())
        would = agent.collect({"vm-2"}, as_of_revision=as_of, dry_run=True)
        assert (would.collected, len(agent.list())) == (("vm-1", "vm-3"), 4)
        done = agent.collect({"vm-2"}, as_of_revision=as_of)
        assert (done.collected, done.failed) == (("vm-1", "vm-3"), ())
        assert [one.vm_id for one in agent.list()] == ["vm-2", "vm-4"]
        for vm_id in ("vm-2", "vm-4"):
            agent.tear_down(vm_id, wait_for_devices=True)


@pytest.mark.usefixtures("world")
def test_many_threads_at_once(room: Path) -> None:
    with api.Agent.open(config(room)) as agent:
        faults: list[BaseException] = []
        addresses: set[str] = set()

        def life(number: int) -> None:
            try:
                addresses.add(agent.set_up(f"vm-{number}", spec()).ip_boot_param)
                agent.tear_down(f"vm-{number}", wait_for_devices=True)
            except BaseException as exc:  # noqa: BLE001 - told by the assertion below
                faults.append(exc)

        threads = [threading.Thread(target=life, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (faults, agent.list()) == ([], ())
        assert addresses


@pytest.mark.usefixtures("world")
def test_a_progress_that_raises_ends_the_wait_and_not_the_operation(room: Path) -> None:
    class Enough(Exception):
        pass

    def no_more(event: api.StepEvent) -> None:
        raise Enough

    with api.Agent.open(config(room)) as agent:
        with pytest.raises(Enough):
            agent.set_up(VM, spec(), progress=no_more)
        agent.set_up(VM, spec())
        assert agent.get(VM).phase is api.Phase.READY
        agent.tear_down(VM, wait_for_devices=True)


@pytest.mark.usefixtures("room")
def test_a_second_agent_on_the_journal_is_refused(room: Path) -> None:
    with api.Agent.open(config(room)), descriptors.none_is_kept(), pytest.raises(api.JournalFailed):
        api.Agent.open(config(room))


@pytest.mark.usefixtures("host")
def test_a_configuration_that_cannot_be_used_is_refused_with_all_that_is_wrong(tmp_path: Path) -> None:
    wrong = api.Config(paths=api.Paths(state_dir="here"), limits=api.Limits(attempts=0))
    with pytest.raises(api.InvalidConfig) as refused:
        api.Agent.open(wrong)
    assert {one.field for one in refused.value.violations} == {"limits.attempts", "paths.state_dir"}


@pytest.mark.usefixtures("room")
def test_opening_and_closing_keeps_neither_descriptors_nor_threads(room: Path) -> None:
    def held() -> tuple[list[str], int]:
        return descriptors.opened(), threading.active_count()

    with api.Agent.open(config(room)) as agent:
        agent.set_up(VM, spec())
    gc.collect()
    before = held()
    for _ in range(5):
        with api.Agent.open(config(room)) as agent:
            agent.check(VM)
            agent.describe(VM)
    with api.Agent.open(config(room)) as agent:
        agent.tear_down(VM, wait_for_devices=True)
    eventually(lambda: held() == before, "as many descriptors and threads as before")


VERSIONED = """
test "$CNI_COMMAND" = VERSION && { echo '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}'; exit 0; }
"""
BROKEN = """
test "$CNI_COMMAND" = ADD || exit 0
echo '{"code": 107, "msg": "no luck"}'
exit 1
"""
# A plugin that says that it is there, and waits: the test kills who called it meanwhile.
GATED = (
    VERSIONED
    + """
if test "$CNI_COMMAND" = "$(cat $DIR/when)"; then
    echo here >$DIR/here
    read -r go <$DIR/gate
fi
test "$CNI_COMMAND" = ADD && exec $PYTHON -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["prevResult"]))'
exit 0
"""
)


@pytest.mark.parametrize("when", ["ADD", "DEL"])
@pytest.mark.usefixtures("world")
def test_what_a_killed_program_left_half_way_is_taken_back_by_the_next(
    room: Path, host: Host, when: str
) -> None:
    for name in ("here", "gate"):
        os.mkfifo(room / name)
    (room / "when").write_text("never")
    plugin(room, "gated", GATED)
    network(room, "net", ptp(), REDIRECT, {"type": "gated"})
    program = worker(host, room)
    if when == "DEL":
        ask(program, "set-up")
    (room / "when").write_text(when)
    tell(program, "set-up" if when == "ADD" else "tear-down")
    _answered(room / "here")
    assert reservations(host, "net")
    program.kill()
    program.wait()
    (room / "when").write_text("never")
    _answered(room / "gate")  # the orphan goes on, and ends
    with api.Agent.open(config(room)) as agent:
        # The undoing is the journal's: nobody has asked for anything yet.
        eventually(lambda: not reservations(host, "net"), "the address is free")
        assert all(one.phase is not api.Phase.READY for one in agent.list())
        agent.tear_down(VM, wait_for_devices=True)
        assert agent.list() == ()


@pytest.mark.usefixtures("world")
def test_what_stands_when_a_program_is_killed_stays_and_is_known_to_the_next(room: Path, host: Host) -> None:
    program = worker(host, room)
    said = ask(program, "set-up")
    program.kill()
    program.wait()
    with api.Agent.open(config(room)) as agent:
        assert agent.check(VM).findings == ()
        assert agent.set_up(VM, spec()).ip_boot_param == said
        agent.tear_down(VM, wait_for_devices=True)


@pytest.mark.usefixtures("world")
def test_a_daemon_and_a_program_take_turns_on_one_journal(host: Host, tmp_path: Path) -> None:
    (tmp_path / "daemon").mkdir()
    daemon = Daemon(host, tmp_path / "daemon")
    daemon.network("net", ptp(), REDIRECT)
    with api.Agent.open(config(daemon.directory)) as agent:
        ours = agent.set_up("vm-1", spec())
    daemon.start()
    # The same spec, as a message: it is the same network, and its record shows what was asked for.
    theirs = daemon.result("vm-1", "net")
    assert theirs.ip_boot_param == ours.ip_boot_param
    asked = request("vm-1", "net").spec
    assert daemon.get("vm-1").spec == asked
    second = daemon.result("vm-2", "net")
    assert daemon.terminate() == 0
    with api.Agent.open(config(daemon.directory)) as agent:
        assert agent.set_up("vm-2", spec()).ip_boot_param == second.ip_boot_param
        assert [(one.vm_id, one.spec) for one in agent.list()] == [("vm-1", spec()), ("vm-2", spec())]
        for vm_id in ("vm-1", "vm-2"):
            agent.tear_down(vm_id, wait_for_devices=True)


@pytest.mark.usefixtures("world")
def test_the_example_of_the_documentation_runs(host: Host) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(), re.DOTALL)
    done = host.run([sys.executable, "-W", "error", "-"], stdin=example)
    lines = done.stdout.splitlines()
    assert "CNI_ADD SUCCEEDED" in lines
    assert lines[-4:] == [
        "run the VMM in /var/run/netns/vm-1 with tap0,",
        lines[-3],
        "all is well",
        "['vm-1']",
    ]
    assert re.fullmatch(r"MAC (..:){5}.., and boot with ip=10\.77\.0\.\d+::10\.77\.0\.1:.*", lines[-3])


def plugin(room: Path, name: str, script: str) -> None:
    path = room / "bin" / name
    # Written aside and moved: an executable that is being written is "text file busy".
    aside = path.with_suffix(".new")
    aside.write_text(f"#!/bin/sh\nDIR={room} PYTHON={sys.executable}\n{script}\n")
    aside.chmod(0o755)
    aside.rename(path)


def worker(host: Host, room: Path) -> subprocess.Popen[str]:
    """A program of its own that has the agent in process."""
    command = [sys.executable, "-m", "tests.library.worker", str(room)]
    return host.popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def tell(program: subprocess.Popen[str], verb: str) -> None:
    """Have it begin."""
    assert program.stdin is not None
    program.stdin.write(f"{verb}\n")
    program.stdin.flush()


def ask(program: subprocess.Popen[str], verb: str) -> object:
    """Have it done."""
    tell(program, verb)
    assert program.stdout is not None
    return json.loads(program.stdout.readline())


def _answered(fifo: Path) -> None:
    """Meet the plugin at the other end of a FIFO. Blocks until it is there."""
    if fifo.name == "here":
        assert fifo.read_text() == "here\n"
    else:
        fifo.write_text("go\n")
