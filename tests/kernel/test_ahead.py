"""A namespace that was begun before it was asked for is one like any other, or nothing at all."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.host import NETNS_DIR, Host
from vmplumbd import errors
from vmplumbd.kernel import ahead
from vmplumbd.kernel.ahead import Asked, Maker
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.model import net

pytestmark = pytest.mark.host

ONE = str(NETNS_DIR / "one")


@pytest.fixture
def kernel(host: Host) -> Iterator[LinuxKernel]:
    """A kernel that begins ahead; no thread and no descriptor of it is left."""
    gc.collect()  # what other tests left in cycles must not go while ours are counted
    before = open_files()
    made = LinuxKernel(ahead=True)
    yield made
    made.close()
    assert not [each for each in threading.enumerate() if each.name == "namespaces"]
    assert open_files() == before


def open_files() -> set[str]:
    """What this process holds of namespaces, sockets and devices."""
    found = set()
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own
            found.add(str(fd.readlink()))
    return {each for each in found if each.startswith(("net:", "/dev/net/tun"))}


def test_what_was_begun_is_made(kernel: LinuxKernel) -> None:
    kernel.expect_netns()
    identity = kernel.create_netns(ONE)
    assert kernel.netns_identity(ONE) == identity
    with kernel.open_netns(ONE) as netns:
        assert netns.is_new
        assert netns.identity == identity
        assert netns.add_tap("tap0", uid=0, gid=0, mtu=1500).name == "tap0"
        assert [link.name for link in netns.links()] == ["lo", "tap0"]
    kernel.close_kept()
    with kernel.open_netns(ONE) as netns:
        assert netns.apply([net.GetLink(name="tap0")])
    kernel.delete_netns(ONE)


def test_what_was_begun_in_vain_goes(kernel: LinuxKernel) -> None:
    for _ in range(3):
        kernel.expect_netns()
    kernel.close_kept()
    kernel.expect_netns()
    kernel.create_netns(ONE)
    kernel.close_kept()
    kernel.delete_netns(ONE)


def test_a_taken_path_is_refused_and_nothing_is_left(kernel: LinuxKernel) -> None:
    kernel.create_netns(ONE)
    kernel.expect_netns()
    with pytest.raises(errors.Exists):
        kernel.create_netns(ONE)
    kernel.close_kept()
    kernel.delete_netns(ONE)


def test_each_thread_gets_what_it_expects(kernel: LinuxKernel) -> None:
    found: dict[str, net.NetnsIdentity] = {}

    def act(name: str) -> None:
        for number in range(20):
            path = str(NETNS_DIR / f"{name}-{number}")
            kernel.expect_netns()
            found[path] = kernel.create_netns(path)
            kernel.close_kept()

    threads = [threading.Thread(target=act, args=(name,)) for name in ("a", "b", "c")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(found.values())) == len(found) == 60
    for path, identity in found.items():
        assert kernel.netns_identity(path) == identity
        kernel.delete_netns(path)


def test_while_requests_follow_each_other_the_next_one_is_there_and_is_not_kept(kernel: LinuxKernel) -> None:
    none = open_files()
    for number in range(5):
        path = str(NETNS_DIR / f"quick-{number}")
        kernel.expect_netns()
        kernel.create_netns(path)
        with kernel.open_netns(path) as netns:
            netns.apply([net.SetLink(name="lo", up=True)])
        kernel.close_kept()
        kernel.delete_netns(path)
    deadline = time.monotonic() + 60.0
    while open_files() != none and time.monotonic() < deadline:
        time.sleep(0.02)
    assert open_files() == none


def test_one_that_is_not_young_any_more_is_not_handed_out(
    kernel: LinuxKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = kernel._maker
    assert maker is not None
    monkeypatch.setattr(ahead, "_FRESH", 60.0)
    first = maker.ask()
    maker.ask_for_the_next()
    assert spare_of(maker) is None, "nothing has followed yet"
    second = maker.ask()
    maker.ask_for_the_next()
    spare = spare_of(maker)
    assert spare not in {None, first, second}
    assert maker.ask() is spare
    maker.ask_for_the_next()
    old = spare_of(maker)
    maker.ask_for_the_next()
    assert spare_of(maker) is old is not None
    monkeypatch.setattr(ahead, "_FRESH", 0.0)
    late = maker.ask()
    assert late is not old
    assert spare_of(maker) is None
    for each in (first, second, spare, late):
        maker.forget(each)


def spare_of(maker: Maker) -> Asked | None:
    return maker._spare
