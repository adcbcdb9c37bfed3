"""Threads, descriptors and failures half-way: what a namespace leaves behind in the process."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import host as hosts
from tests.descriptors import opened
from tests.kernel.test_end_state import ONE
from tests.snapshot import snapshot
from vmplumbd import errors
from vmplumbd.compose import SystemClock
from vmplumbd.kernel import netns as netns_module
from vmplumbd.kernel import syscalls
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.model import net
from vmplumbd.operations.lanes import LaneName, Lanes, Sleep, Work


@pytest.fixture
def kernel(host: hosts.Host) -> Iterator[LinuxKernel]:
    gc.collect()  # what other tests left in cycles, descriptors too, must not go while ours are counted
    made = LinuxKernel()
    yield made
    made.close()


def own_namespace() -> int:
    return Path("/proc/thread-self/ns/net").stat().st_ino


def one_life(kernel: LinuxKernel, number: int) -> int:
    """Set up and tear down; answers the namespace the thread is in afterwards."""
    path = f"/run/netns/vm{number}"
    kernel.create_netns(path)
    with kernel.open_netns(path) as netns:
        (veth,) = netns.apply([net.AddVeth(name="eth0", peer=f"veth{number}"), net.GetLink(name="eth0")])
        assert kernel.host().link(index=veth.peer_index).name == f"veth{number}"
        assert netns.add_tap("tap0", uid=0, gid=0, mtu=1500).index == 3
        netns.write_sysctl("net/ipv4/ip_forward", str(number % 2))
        assert netns.read_sysctl("net/ipv4/ip_forward") == str(number % 2)
        assert [link.name for link in netns.links()] == ["lo", "eth0", "tap0"]
    kernel.delete_netns(path)
    kernel.close_kept()
    return own_namespace()


def test_eight_threads_keep_their_namespaces_apart(host: hosts.Host, kernel: LinuxKernel) -> None:
    before = snapshot()
    watch = kernel.watch()
    with ThreadPoolExecutor(8) as pool:
        ends = set(pool.map(lambda number: one_life(kernel, number), range(64)))
    assert ends == {own_namespace()}
    left = {link.index for link in kernel.host().links() if link.name != "lo"}
    assert watch.wait_gone(left, 60) == left
    watch.close()
    assert snapshot() == before
    assert gc.isenabled()


def test_no_descriptor_is_left_behind(host: hosts.Host, kernel: LinuxKernel) -> None:
    one_life(kernel, 0)
    before = opened()
    for number in range(1, 6):
        one_life(kernel, number)
    for _ in range(3):
        with pytest.raises(errors.NotFound), kernel.open_netns("/run/netns/none"):
            pass
        with pytest.raises(errors.NotFound):
            kernel.create_netns("/run/none/one")
    assert opened() == before


def test_a_failed_operation_leaves_no_descriptor(host: hosts.Host, kernel: LinuxKernel) -> None:
    kernel.host()
    before = opened()
    kernel.create_netns(ONE)
    with kernel.open_netns(ONE) as netns:
        with pytest.raises(errors.Exists):
            netns.add_tap("lo", uid=0, gid=0, mtu=1500)
        with pytest.raises(errors.KernelFault):
            netns.add_tap("tap0", uid=0, gid=0, mtu=5)
        with pytest.raises(errors.NotFound):
            netns.write_sysctl("net/ipv4/none", "1")
    kernel.delete_netns(ONE)
    assert opened() == before


def test_what_create_opened_serves_the_next_open_and_ends_with_the_operation(
    host: hosts.Host, kernel: LinuxKernel
) -> None:
    kernel.host()
    before = opened()
    kernel.create_netns(ONE)
    kept = opened()
    with kernel.open_netns(ONE) as netns:
        assert opened() == kept
        netns.links()
    assert len(kept) == len(before) + 2
    kernel.close_kept()
    assert opened() == before


def test_a_teardown_on_another_thread_lets_the_namespace_go(host: hosts.Host, kernel: LinuxKernel) -> None:
    watch = kernel.watch()
    kernel.create_netns(ONE)
    with kernel.open_netns(ONE) as netns:
        (veth,) = netns.apply([net.AddVeth(name="eth0", peer="veth1"), net.GetLink(name="eth0")])
    thread = threading.Thread(target=kernel.delete_netns, args=(ONE,))
    thread.start()
    thread.join()
    assert watch.wait_gone([veth.peer_index], 60) == {veth.peer_index}
    watch.close()


def test_a_namespace_replaced_behind_our_back_is_noticed(host: hosts.Host, kernel: LinuxKernel) -> None:
    first = kernel.create_netns(ONE)
    host.run(["ip", "netns", "del", "one"])
    host.run(["ip", "netns", "add", "one"])
    with kernel.open_netns(ONE) as netns:
        assert netns.identity != first
        assert netns.identity == kernel.netns_identity(ONE)


def test_a_create_that_fails_after_the_file_leaves_nothing(
    host: hosts.Host, kernel: LinuxKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: str, target: str, flags: int) -> None:
        raise PermissionError(1, "not permitted", target)

    kernel.host()
    before, held, home = snapshot(), opened(), own_namespace()
    monkeypatch.setattr(syscalls, "mount", refuse)
    with pytest.raises(errors.KernelFault):
        kernel.create_netns(ONE)
    assert (snapshot(), opened(), own_namespace()) == (before, held, home)


@contextmanager
def one_thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_a_thread_that_cannot_come_back_refuses_all_work(host: hosts.Host, kernel: LinuxKernel) -> None:
    """The way home is closed: the thread is lost, and says so for ever; others go on."""
    home = own_namespace()
    lost_home = netns_module.Home()
    os.close(lost_home.fd)
    lost_home.fd = os.open("/dev/null", os.O_RDONLY)
    with one_thread() as pool:

        def strand() -> int:
            with pytest.raises(errors.ThreadLost), netns_module.Inside(lost_home):
                pass
            return own_namespace()

        assert pool.submit(strand).result() != home
        for act in (kernel.host, lambda: kernel.create_netns(ONE)):
            with pytest.raises(errors.ThreadLost):
                pool.submit(act).result()
    lost_home.close()
    assert snapshot()["namespaces"] == {}
    assert gc.isenabled()
    with one_thread() as pool:
        assert pool.submit(own_namespace).result() == home
        assert pool.submit(one_life, kernel, 1).result() == home


def test_a_thread_elsewhere_gets_no_handle_of_the_host(host: hosts.Host, kernel: LinuxKernel) -> None:
    def stray() -> None:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        kernel.host()

    with one_thread() as pool, pytest.raises(errors.ThreadLost):
        pool.submit(stray).result()


def test_nothing_is_collected_inside(host: hosts.Host, kernel: LinuxKernel) -> None:
    home = netns_module.Home()
    with netns_module.Inside(home):
        inside = gc.isenabled(), own_namespace() == home.identity.inode
    outside = gc.isenabled(), own_namespace() == home.identity.inode
    home.close()
    assert (inside, outside) == ((False, False), (True, True))


def test_an_ended_thread_gives_its_host_socket_back(host: hosts.Host, kernel: LinuxKernel) -> None:
    before = opened()
    thread = threading.Thread(target=lambda: kernel.host().links())
    thread.start()
    thread.join()
    assert opened() == before


def test_a_lane_goes_on_on_another_thread_when_its_own_is_lost(host: hosts.Host, kernel: LinuxKernel) -> None:
    lost_home = netns_module.Home()
    os.close(lost_home.fd)
    lost_home.fd = os.open("/dev/null", os.O_RDONLY)
    fell: list[BaseException] = []
    lanes = Lanes(
        SystemClock(),
        threads=dict.fromkeys(LaneName, 1),
        limit=9,
        fell=fell.append,
        fit=kernel.has_this_thread,
    )
    threads: list[threading.Thread] = []

    def strand() -> Work:
        threads.append(threading.current_thread())
        with netns_module.Inside(lost_home):
            pass
        yield Sleep(seconds=0)

    def work() -> Work:
        threads.append(threading.current_thread())
        assert own_namespace() == kernel.host().identity.inode
        yield from ()

    lanes.submit(strand(), LaneName.BUILT_IN)
    lanes.submit(work(), LaneName.BUILT_IN)
    assert lanes.drained(60)
    lanes.submit(work(), LaneName.BUILT_IN)
    assert lanes.drained(60)
    lanes.close()
    lost_home.close()
    assert [type(one) for one in fell] == [errors.ThreadLost]
    assert threads[0] not in threads[1:]
    assert len(threads) == 3
