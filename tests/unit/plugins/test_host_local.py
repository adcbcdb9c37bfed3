"""The plugin on a real directory, shared with writers that know nothing of its memory."""

from __future__ import annotations

import errno
import fcntl
import gc
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.plugins import skel
from vmplumbd.plugins.attachments import VALID_ATTACHMENTS
from vmplumbd.plugins.host_local import store
from vmplumbd.plugins.host_local.allocator import Exhausted
from vmplumbd.plugins.host_local.index import Numbers
from vmplumbd.plugins.host_local.plugin import HostLocal


def call(
    directory: Path,
    command: Command,
    vm: str = "vm",
    *,
    subnet: str = "10.0.0.0/24",
    args: str = "",
    valid: list[dict[str, str]] | None = None,
    **top: Any,
) -> Invocation:
    ipam = {"type": "host-local", "subnet": subnet, "dataDir": str(directory)}
    if valid is not None:
        top[VALID_ATTACHMENTS] = valid
    body = {"cniVersion": "1.1.0", "name": "net", "type": "ptp", "ipam": ipam, **top}
    attached = command is not Command.GC
    return Invocation(
        command=command,
        plugin="host-local",
        stdin=json.dumps(body).encode(),
        container_id=vm if attached else "",
        if_name="eth0" if attached else "",
        netns="/ns" if attached else "",
        args=args,
        path=("/bin",),
    )


def add(plugin: HostLocal, directory: Path, vm: str = "vm", **options: Any) -> str:
    reply = json.loads(skel.dispatch(plugin, call(directory, Command.ADD, vm, **options)))
    return str(reply["ips"][0]["address"]).partition("/")[0]


def del_(plugin: HostLocal, directory: Path, vm: str = "vm") -> None:
    assert skel.dispatch(plugin, call(directory, Command.DEL, vm)) == b""


def files(directory: Path) -> dict[str, str]:
    return {
        path.name: path.read_bytes().decode() for path in (directory / "net").iterdir() if path.name != "lock"
    }


def test_the_files_are_the_reference_s(tmp_path: Path) -> None:
    assert add(HostLocal(), tmp_path, "golden-00000") == "10.0.0.2"
    assert files(tmp_path) == {"10.0.0.2": "golden-00000\r\neth0", "last_reserved_ip.0": "10.0.0.2"}
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "net").iterdir()}
    assert modes == {"10.0.0.2": 0o600, "last_reserved_ip.0": 0o600, "lock": 0o750}
    assert stat.S_IMODE((tmp_path / "net").stat().st_mode) == 0o755


def test_del_frees_and_the_next_address_is_another(tmp_path: Path) -> None:
    plugin = HostLocal()
    add(plugin, tmp_path)
    del_(plugin, tmp_path)
    del_(plugin, tmp_path)
    assert files(tmp_path) == {"last_reserved_ip.0": "10.0.0.2"}
    assert add(plugin, tmp_path) == "10.0.0.3"


def test_a_shorter_last_address_leaves_nothing_of_the_longer_one(tmp_path: Path) -> None:
    plugin = HostLocal()
    add(plugin, tmp_path, args="IP=10.0.0.100")
    add(plugin, tmp_path, "other", args="IP=10.0.0.7")
    assert files(tmp_path)["last_reserved_ip.0"] == "10.0.0.7"


def test_what_another_writer_took_is_taken_and_what_it_freed_is_free(tmp_path: Path) -> None:
    one, other = HostLocal(), HostLocal()
    given_out = [add((one, other)[turn % 2], tmp_path, f"vm{turn}") for turn in range(40)]
    assert len(set(given_out)) == 40
    for turn in range(40):
        del_((other, one)[turn % 2], tmp_path, f"vm{turn}")
    assert files(tmp_path).keys() == {"last_reserved_ip.0"}


def test_a_foreign_change_is_seen_within_one_tick_of_the_clock(tmp_path: Path) -> None:
    # Every step happens at once: a memory that compared coarse times alone would miss some of them.
    plugin = HostLocal()
    add(plugin, tmp_path, "first")
    for turn in range(50):
        foreign = tmp_path / "net" / "10.0.0.200"
        foreign.write_bytes(b"foreign\r\neth0")
        with pytest.raises(CniError, match="not available"):
            add(plugin, tmp_path, f"vm{turn}", args="IP=10.0.0.200")
        skel.dispatch(plugin, call(tmp_path, Command.CHECK, "foreign"))
        foreign.unlink()
        with pytest.raises(CniError, match="Failed to find address"):
            skel.dispatch(plugin, call(tmp_path, Command.CHECK, "foreign"))


def test_a_file_that_changed_hands_is_freed_by_its_new_owner_only(tmp_path: Path) -> None:
    plugin = HostLocal()
    add(plugin, tmp_path, "aa")
    path = tmp_path / "net" / "10.0.0.2"
    path.unlink()
    path.write_bytes(b"bb\r\neth0")
    del_(plugin, tmp_path, "aa")
    assert path.exists()
    del_(plugin, tmp_path, "bb")
    assert not path.exists()


def test_an_unchanged_directory_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = HostLocal()
    add(plugin, tmp_path, "first")
    looks: list[str] = []
    names = store.Store.names

    def counted(self: store.Store) -> dict[str, store.Signature]:
        looks.append(self.path)
        return names(self)

    monkeypatch.setattr(store.Store, "names", counted)
    for turn in range(20):
        add(plugin, tmp_path, f"vm{turn}")
        del_(plugin, tmp_path, f"vm{turn}")
    assert looks == []
    (tmp_path / "net" / "10.0.0.99").touch()
    add(plugin, tmp_path, "last")
    assert len(looks) == 1


def test_a_file_system_without_nanoseconds_is_read_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.Store, "stamp", lambda _self, _now: None)
    plugin = HostLocal()
    add(plugin, tmp_path, "first")
    (tmp_path / "net" / "10.0.0.3").write_bytes(b"foreign\r\neth0")
    assert add(plugin, tmp_path, "second") == "10.0.0.4"
    del_(plugin, tmp_path, "foreign")
    assert "10.0.0.3" not in files(tmp_path)


def test_an_empty_file_is_never_given_out_and_never_removed(tmp_path: Path) -> None:
    plugin = HostLocal()
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "10.0.0.2").touch()
    assert add(plugin, tmp_path) == "10.0.0.3"
    skel.dispatch(plugin, call(tmp_path, Command.GC, valid=[]))
    assert [(each.name, each.container_id) for each in plugin.survey(str(tmp_path / "net"))] == [
        ("10.0.0.2", "")
    ]


def test_gc_frees_what_no_valid_attachment_owns(tmp_path: Path) -> None:
    plugin = HostLocal()
    for vm in ("keep", "drop"):
        add(plugin, tmp_path, vm)
    (tmp_path / "net" / "10.0.0.50").write_bytes(b"old-keep")
    (tmp_path / "net" / "10.0.0.51").write_bytes(b"old-drop")
    valid = [{"containerID": "keep", "ifname": "eth0"}, {"containerID": "old-keep", "ifname": "eth0"}]
    skel.dispatch(plugin, call(tmp_path, Command.GC, valid=valid))
    assert files(tmp_path).keys() == {"10.0.0.2", "10.0.0.50", "last_reserved_ip.0"}


def test_gc_that_is_told_nothing_frees_nothing(tmp_path: Path) -> None:
    plugin = HostLocal()
    add(plugin, tmp_path)
    skel.dispatch(plugin, call(tmp_path, Command.GC))
    assert "10.0.0.2" in files(tmp_path)


def test_what_an_early_version_wrote_is_freed_by_id_alone(tmp_path: Path) -> None:
    plugin = HostLocal()
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "10.0.0.9").write_bytes(b"vm")
    skel.dispatch(plugin, call(tmp_path, Command.CHECK))
    del_(plugin, tmp_path)
    assert files(tmp_path) == {}


def test_descriptors_go_with_a_plugin_that_nobody_closed(tmp_path: Path) -> None:
    def opened() -> set[str]:
        links = (one.resolve() for one in Path("/proc/self/fd").iterdir())
        return {one.name for one in links if one.is_relative_to(tmp_path)}

    plugin = HostLocal()
    add(plugin, tmp_path)
    assert opened() == {"net", "lock"}
    del plugin
    gc.collect()
    assert opened() == set()


def test_a_removed_directory_is_made_again(tmp_path: Path) -> None:
    plugin = HostLocal()
    add(plugin, tmp_path)
    for path in (tmp_path / "net").iterdir():
        path.unlink()
    (tmp_path / "net").rmdir()
    assert add(plugin, tmp_path) == "10.0.0.2"


def test_a_directory_that_could_not_be_opened_anew_is_opened_by_the_next_call(tmp_path: Path) -> None:
    plugin = HostLocal()
    add(plugin, tmp_path)
    (tmp_path / "net").rename(tmp_path / "aside")
    (tmp_path / "net").touch()
    for _ in range(2):
        with pytest.raises(CniError, match="File exists"):
            add(plugin, tmp_path, "second")
    (tmp_path / "net").unlink()
    (tmp_path / "aside").rename(tmp_path / "net")
    assert add(plugin, tmp_path, "second") == "10.0.0.3"


def test_a_look_that_fails_lets_the_lock_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = HostLocal()
    add(plugin, tmp_path)

    def fails(_self: store.Store, _seen: store.Change | None) -> store.Change | None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(store.Store, "_current", fails)
        with pytest.raises(CniError, match="Input/output"):
            add(plugin, tmp_path, "second")
    fd = os.open(tmp_path / "net" / "lock", os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)


def test_a_reservation_is_known_again_after_a_fault_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = HostLocal()
    add(plugin, tmp_path, "first")
    made = store.Store.create

    def fails_behind(self: store.Store, name: str, content: str) -> store.Signature | None:
        made(self, name, content)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(store.Store, "create", fails_behind)
        with pytest.raises(CniError, match="Input/output"):
            add(plugin, tmp_path, "second")
    assert "10.0.0.3" in files(tmp_path)
    del_(plugin, tmp_path, "second")
    assert "10.0.0.3" not in files(tmp_path)


def test_a_removed_lock_file_is_made_again_and_held(tmp_path: Path) -> None:
    plugin = HostLocal()
    add(plugin, tmp_path)
    (tmp_path / "net" / "lock").unlink()
    add(plugin, tmp_path, "second")
    assert (tmp_path / "net" / "lock").exists()


def test_a_lock_held_elsewhere_is_seen_without_waiting_and_ends_in_try_again_later(tmp_path: Path) -> None:
    plugin = HostLocal((0.001, 0.001))
    stdin = call(tmp_path, Command.ADD).stdin
    assert plugin.locked_elsewhere(stdin) == plugin.locked_elsewhere(b"{}") == ""
    add(plugin, tmp_path)
    fd = os.open(tmp_path / "net" / "lock", os.O_RDONLY)
    assert plugin.locked_elsewhere(stdin) == ""
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        assert plugin.locked_elsewhere(stdin) == str(tmp_path / "net")
        with pytest.raises(CniError) as caught:
            add(plugin, tmp_path, "second")
    finally:
        os.close(fd)
    assert caught.value.code == 11
    assert add(plugin, tmp_path, "second") == "10.0.0.3"


def test_a_write_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = HostLocal()
    add(plugin, tmp_path, "first")
    before = files(tmp_path)

    def full(_fd: int, _content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_write_all", full)
    with pytest.raises(CniError, match="No space left"):
        add(plugin, tmp_path, "second")
    assert files(tmp_path) == before


def test_a_last_address_that_cannot_be_written_gives_the_address_back(tmp_path: Path) -> None:
    plugin = HostLocal()
    (tmp_path / "net" / "last_reserved_ip.0").mkdir(parents=True)
    with pytest.raises(CniError):
        add(plugin, tmp_path)
    assert [path.name for path in (tmp_path / "net").iterdir() if path.is_file()] == ["lock"]


def test_a_file_system_without_nameless_files_gets_named_drafts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY | os.O_RDWR)  # EISDIR, as file systems without it say
    plugin = HostLocal()
    assert add(plugin, tmp_path) == "10.0.0.2"
    assert files(tmp_path) == {"10.0.0.2": "vm\r\neth0", "last_reserved_ip.0": "10.0.0.2"}


def test_a_full_range_is_known_before_an_add_and_nothing_is_made_to_know_it(tmp_path: Path) -> None:
    plugin = HostLocal()
    stdin = call(tmp_path, Command.ADD, subnet="10.0.0.0/29").stdin

    def full(asker: HostLocal, vm: str) -> tuple[int, int] | None:
        found = asker.full(stdin, vm, "eth0")
        return None if found is None else (found.taken, found.size)

    assert full(plugin, "vm-0") is None
    assert list(tmp_path.iterdir()) == []
    for number in range(5):
        assert full(plugin, f"vm-{number}") is None
        add(plugin, tmp_path, f"vm-{number}", subnet="10.0.0.0/29")
    # Whose DEL would free an address finds one; another agent's memory starts empty and knows the same.
    assert [full(one, vm) for one in (plugin, HostLocal()) for vm in ("vm-5", "vm-3")] == [(5, 5), None] * 2
    (tmp_path / "net/10.0.0.4").unlink()
    assert full(plugin, "vm-5") is None
    assert HostLocal().full(b"{}", "vm-5", "eth0") is None


def test_many_are_freed_under_one_lock_and_whose_nothing_is_held_is_no_matter(tmp_path: Path) -> None:
    plugin = HostLocal()
    for number in range(3):
        add(plugin, tmp_path, f"vm-{number}")
    plugin.release_all(str(tmp_path / "net"), [("vm-0", "eth0"), ("vm-2", "eth0"), ("vm-9", "eth0")])
    assert [one.container_id for one in plugin.survey(str(tmp_path / "net"))] == ["vm-1"]


def test_exhaustion_is_told_by_class(tmp_path: Path) -> None:
    plugin = HostLocal()
    add(plugin, tmp_path, subnet="10.0.0.0/30")
    with pytest.raises(Exhausted):
        add(plugin, tmp_path, "second", subnet="10.0.0.0/30")


def test_a_refusal_that_looked_again_leaves_the_memory_sound(tmp_path: Path) -> None:
    plugin = HostLocal()
    assert add(plugin, tmp_path, subnet="10.0.0.0/30") == "10.0.0.2"
    for vm in ("vm", "second"):
        with pytest.raises(CniError):
            add(plugin, tmp_path, vm, subnet="10.0.0.0/30")
    del_(plugin, tmp_path)
    assert add(plugin, tmp_path, "second", subnet="10.0.0.0/30") == "10.0.0.2"


def test_resolv_conf_is_read(tmp_path: Path) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text(
        "# no\n;no\nnameserver 10.0.0.2\n nameserver 127.0.0.53 x\nnameserver\ndomain a\ndomain b\n"
        "search s1 s2\nsearch s3\noptions ndots:2 rotate\nsortlist x\n"
    )
    stdin = json.loads(call(tmp_path, Command.ADD).stdin)
    stdin["ipam"]["resolvConf"] = str(conf)
    reply = skel.dispatch(HostLocal(), call(tmp_path, Command.ADD, ipam=stdin["ipam"]))
    assert json.loads(reply)["dns"] == {
        "nameservers": ["10.0.0.2", "127.0.0.53"],
        "domain": "b",
        "search": ["s1", "s2", "s3"],
        "options": ["ndots:2", "rotate"],
    }


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 12))))
def test_numbers_are_a_set_with_a_quick_next(steps: list[tuple[bool, int]]) -> None:
    numbers, model = Numbers(), set[int]()
    for adds, number in steps:
        if adds:
            numbers.add(number)
            model.add(number)
        else:
            numbers.discard(number)
            model.discard(number)
        for start in range(14):
            assert numbers.next_absent(start) == next(n for n in range(start, 30) if n not in model)
            assert numbers.count(start, start + 4) == sum(start <= n <= start + 4 for n in model)
