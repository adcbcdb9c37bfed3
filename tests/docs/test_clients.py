"""What the Python client's page shows works, beside a real agent."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.docs.examples import ROOT, examples
from tests.host import Host
from tests.system.daemon import Daemon, daemon_in

pytestmark = pytest.mark.host

PAGE = ROOT / "clients/python/README.md"
PROGRAM = ROOT / "clients/python/examples/set_up.py"
SHOWN, WITH_ASYNCIO = [one.text for one in examples(PAGE) if one.kind == "python"]


@pytest.fixture
def agent(host: Host) -> Iterator[Daemon]:
    with daemon_in(host) as made:
        yield made
        assert made.networks() == []
        made.quiet()


def run(agent: Daemon, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-W", "error", str(PROGRAM), *words, f"unix:{agent.socket}"]
    return agent.host.run(argv, check=False)


def test_the_program_of_the_page_is_the_one_that_runs_and_takes_all_back(agent: Daemon) -> None:
    assert PROGRAM.read_text() == SHOWN
    done = run(agent, "vm-1", "fcnet")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    # What is over before anybody looks is not told.
    assert all(re.fullmatch(r"\d+ STEP_\w+ STEP_STATE_\w+", line) for line in lines[:-3])
    assert lines[-3].startswith("PUT /network-interfaces/1 {'iface_id': '1'")
    assert re.fullmatch(r"start the VM in /\S+/vm-1 with ip=10\.200\.\S+", lines[-2])
    assert lines[-1] == "gone"


def test_what_it_is_refused_it_says(agent: Daemon) -> None:
    done = run(agent, "a/b", "fcnet")
    assert done.returncode == 1
    assert done.stderr.startswith("vm_id: ")


def test_what_is_shown_with_asyncio_runs(agent: Daemon) -> None:
    def told(network: str) -> list[str]:
        call = f"asyncio.run(main('unix:{agent.socket}', {network!r}, ['vm-1', 'vm-2']))"
        # A process of its own: grpc.aio's thread stays, in the host that it was begun in.
        done = agent.host.run([sys.executable, "-W", "error", "-"], stdin=f"{WITH_ASYNCIO}\n{call}\n")
        return done.stdout.splitlines()

    made = told("fcnet")
    assert [line.split()[0] for line in made] == ["vm-1", "vm-2", "vm-1", "vm-2"]
    assert all(line.split()[1].startswith("10.200.") for line in made[:2])
    assert told("nosuch") == ["vm-1 CNI_NETWORK_NOT_FOUND", "vm-2 CNI_NETWORK_NOT_FOUND"]
