"""What the leak finder sees while networks come and go."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn, cast

import pytest

from tests.unit.operations.test_book import Clock
from vmplumbd.cni.config import parse_list
from vmplumbd.errors import NotFound
from vmplumbd.journal.store import SqliteJournal
from vmplumbd.model import judge, net
from vmplumbd.model.ids import Uid, VmId
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.outcome import Attachment, Plan
from vmplumbd.model.record import Record, Release
from vmplumbd.operations.book import Book
from vmplumbd.operations.look import look
from vmplumbd.operations.tools import Tools

BRIDGE = net.LinkInfo(index=2, name="br0", kind="bridge", mac=b"", mtu=1500, up=True)
PORT = net.LinkInfo(
    index=9, name="veth00000009", kind="veth", mac=b"", mtu=1500, up=True, peer_index=2, master=2
)
HOST = net.NetnsIdentity(device=4, inode=1)
IFB = net.LinkInfo(index=10, name=judge.ifb_name("wide", "vm"), kind="ifb", mac=b"", mtu=1500, up=True)


def nothing_there(path: str) -> NoReturn:
    """What the kernel says of a path where nothing lies."""
    raise NotFound("no such file", where=path, errno=errno.ENOENT)


@dataclass
class Stage:
    """A host on which a bridge of ours and these links are seen throughout, and no namespace any more."""

    directory: Path
    book: Book
    meanwhile: Callable[[Stage], object] = lambda _: None
    links: tuple[net.LinkInfo, ...] = (BRIDGE, PORT, IFB)
    owed: list[Release] = field(default_factory=list)

    def reserve(self) -> Path:
        """The VM's address, as host-local holds it."""
        path = self.directory / "networks" / "wide" / "10.0.0.2"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("vm\r\neth0")
        return path

    def set_up(self) -> Record:
        """The VM's network stands."""
        conf = (self.directory / "conf" / "wide.conflist").read_bytes()
        devices = ((PORT.name, PORT.index),)
        one = Attachment(index=0, network="wide", conf_list=conf, if_name="eth0", host_devices=devices)
        path = "/run/netns/vm"
        plan = Plan(netns_path=path, netns_owned=True, netns_device=4, netns_inode=7, attachments=(one,))
        record = Record(
            vm_id=VmId("vm"), uid=Uid("u"), revision=0, phase=Phase.SETTING_UP, spec=b"", spec_hash=b"",
            boot_id="b", plan=replace(plan, attachments=(replace(one, host_devices=()),)),
        )  # fmt: skip
        return self.book.write(replace(self.book.write(record), phase=Phase.READY, plan=plan))

    def tear_down(self, record: Record) -> Release:
        """It is gone, but for its device."""
        (one,) = record.plan.attachments
        release = Release(
            release_id=0, vm_id=record.vm_id, uid=record.uid, boot_id="b", plan=record.plan,
            host_devices=one.host_devices, created=Clock().now(),
        )  # fmt: skip
        kept = self.book.remove(record, release)
        assert kept is not None
        return kept

    def found(self) -> set[tuple[str, str, str]]:
        """(kind, what, VM) of all that is judged of a look."""
        host = SimpleNamespace(
            links=lambda: self.links, routes=tuple, redirects=lambda _: (), identity=HOST,
            rules=lambda _: SimpleNamespace(rules=()),
        )  # fmt: skip

        def inhabited() -> SimpleNamespace:
            # After the links were listed, and before the namespaces are.
            self.meanwhile(self)
            return SimpleNamespace(by_inode={}, complete=True)

        settings = SimpleNamespace(
            netns_dir="/run/netns",
            state_dir="",
            owned_networks=frozenset({"wide"}),
            defaults=SimpleNamespace(
                conf_dir=str(self.directory / "conf"), policy=SimpleNamespace(netns_roots=(), cache_roots=())
            ),
        )
        kernel = SimpleNamespace(
            host=lambda: host,
            netns_paths=lambda _: (),
            netns_identity=lambda _: None,
            open_netns=nothing_there,
        )
        probe = SimpleNamespace(inhabited=inhabited, uptime=lambda: 1000.0)
        tools = SimpleNamespace(
            book=self.book, kernel=kernel, settings=settings, probe=probe, clock=Clock(),
        )  # fmt: skip
        return {(one.kind.name, one.what, one.vm_id) for one in judge.judge(look(cast("Tools", tools)))}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    (tmp_path / "conf").mkdir()
    ipam = {"type": "host-local", "subnet": "10.0.0.0/24", "dataDir": str(tmp_path / "networks")}
    conf = {
        "cniVersion": "1.0.0",
        "name": "wide",
        "plugins": [{"type": "bridge", "bridge": "br0", "ipam": ipam}],
    }
    text = json.dumps(conf).encode()
    assert parse_list(text).name == "wide"
    (tmp_path / "conf" / "wide.conflist").write_bytes(text)
    journal = SqliteJournal(str(tmp_path / "journal.db"))
    yield Stage(tmp_path, Book(journal, Clock(), "b", journal.load()))
    journal.close()


LEAKS = {("LINK", PORT.name, ""), ("LINK", IFB.name, "")}
KEPT = ("LINK", IFB.name, "vm"), ("RESERVATION", "10.0.0.2", "vm")


def comes(stage: Stage) -> None:
    """Its namespace, which is not seen, is moved on at once."""
    stage.set_up()


def comes_and_goes(stage: Stage) -> None:
    stage.owed.append(stage.tear_down(stage.set_up()))


def comes_and_goes_and_is_forgotten(stage: Stage) -> None:
    """As when the device goes just after it was listed."""
    stage.book.released([stage.tear_down(stage.set_up()).release_id])


@pytest.mark.parametrize("reserved", [False, True])
@pytest.mark.parametrize("happens", [comes, comes_and_goes, comes_and_goes_and_is_forgotten])
def test_what_a_network_left_that_came_after_the_journal_was_read_is_no_leak(
    stage: Stage, happens: Callable[[Stage], None], reserved: bool
) -> None:
    if reserved:
        stage.reserve()
    stage.meanwhile = happens
    assert stage.found() == set()


def test_the_same_things_are_leaks_when_nobody_came(stage: Stage) -> None:
    assert stage.found() == LEAKS
    stage.reserve()
    assert stage.found() == {("LINK", PORT.name, ""), *KEPT}


def test_a_network_that_goes_while_the_look_lasts_is_not_judged(stage: Stage) -> None:
    record = stage.set_up()
    stage.reserve()
    stage.meanwhile = lambda one: one.book.released([one.tear_down(record).release_id])
    assert stage.found() == set()
