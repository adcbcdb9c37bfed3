"""SIGHUP: what can be read again is, a file that cannot be used changes nothing, and what needs a restart is told."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host import Host
from tests.snapshot import snapshot
from tests.system.daemon import PATIENCE, Daemon, refused

pytestmark = pytest.mark.host


class Configured(Daemon):
    """A daemon that reads a file beside its flags."""

    @property
    def file(self) -> Path:
        return self.directory / "vmplumbd.toml"

    def command(self) -> list[str]:
        return [*super().command(), "--config", str(self.file)]

    def reload(self, text: str) -> None:
        """Replace the file and have it read. Answers once that is over."""
        aside = self.file.with_suffix(".new")
        aside.write_text(text)
        aside.rename(self.file)
        before = self.count("reload.done")
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGHUP)
        with self._news:
            assert self._news.wait_for(lambda: self.count("reload.done") > before, PATIENCE)

    def count(self, event: str) -> int:
        return sum(one.get("event") == event for one in self.lines)


@pytest.fixture
def agent(host: Host) -> Iterator[Configured]:
    before = snapshot()
    with tempfile.TemporaryDirectory(prefix="vmplumbd-") as name:
        made = Configured(host, Path(name))
        made.file.write_text("[limits]\nmax_networks = 1\n")
        made.start()
        yield made
        for one in made.networks():
            made.tear_down(one.vm_id)
        made.quiet()
        assert made.terminate() == 0
    assert snapshot() == before


def test_a_limit_is_changed_while_networks_stand(agent: Configured) -> None:
    agent.set_up("first")
    assert refused(lambda: agent.set_up("second")).reason == "TOO_MANY_NETWORKS"
    agent.reload("[limits]\nmax_networks = 2\noperation_timeout = 50.0\n")
    told = agent.wait_for("config.changed")
    assert told["settings"] == ["limits.max_networks", "limits.operation_timeout"]
    assert agent.status().figures.max_networks == 2
    assert agent.result("second").ip_boot_param
    # Fewer than there are: what stands stays, no other begins.
    agent.reload("[limits]\nmax_networks = 1\n")
    assert [one.vm_id for one in agent.networks()] == ["first", "second"]
    assert refused(lambda: agent.set_up("third")).reason == "TOO_MANY_NETWORKS"


@pytest.mark.parametrize(
    "text",
    [
        "[limits\n",
        "[limits]\nmax_networks = 'many'\nmax_nets = 3\n",
        "[limits]\nmax_networks = -1\nattempts = 0\n",
    ],
    ids=["no TOML", "of a wrong type, and unknown", "out of bounds"],
)
def test_a_file_that_cannot_be_used_changes_nothing(agent: Configured, text: str) -> None:
    agent.set_up("first")
    agent.reload(text)
    told = agent.wait_for("reload.refused", what="config")
    assert "the configuration cannot be used" in told["error"]
    assert agent.status().figures.max_networks == 1
    assert refused(lambda: agent.set_up("second")).reason == "TOO_MANY_NETWORKS"
    agent.reload("[limits]\nmax_networks = 2\n")
    assert agent.result("second").ip_boot_param


def test_what_needs_a_restart_is_told_each_time_and_the_rest_is_taken(agent: Configured) -> None:
    text = (
        "[limits]\nmax_networks = 3\nexec_threads = 3\n[pool]\nrefill_rate = 5.0\n[log]\nlevel = 'warning'\n"
    )
    for number in range(2):
        agent.reload(text.replace("warning", "info") if number else text.replace("warning", "debug"))
        told = [one["settings"] for one in agent.lines if one.get("event") == "config.needs_restart"]
        assert told == [["limits.exec_threads", "pool.refill_rate"]] * (number + 1)
    assert agent.status().figures.max_networks == 3
