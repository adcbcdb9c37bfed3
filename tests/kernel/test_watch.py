"""The watch tells of links that go, and of those whose notice was lost."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Sequence

import pytest

from tests import host as hosts
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.kernel.rtnl import Answer, Channel, Message, Refusal
from vmplumbd.kernel.watch import DeviceWatch
from vmplumbd.model import net


@pytest.fixture
def kernel(host: hosts.Host) -> Iterator[LinuxKernel]:
    made = LinuxKernel()
    yield made
    made.close()


def pairs(kernel: LinuxKernel, count: int) -> list[int]:
    host = kernel.host()
    asked: list[net.Request] = []
    for number in range(count):
        asked += [net.AddVeth(name=f"a{number}", peer=f"b{number}"), net.GetLink(name=f"a{number}")]
    return [link.index for link in host.apply(asked)]


def test_a_wait_ends_when_the_last_is_gone(host: hosts.Host, kernel: LinuxKernel) -> None:
    first, second = pairs(kernel, 2)
    watch = DeviceWatch()
    kernel.host().apply([net.DelLink(index=first)])
    assert watch.wait_gone([first, second], 0) <= {first}
    assert watch.wait_gone([first], 60) == {first}
    kernel.host().apply([net.DelLink(index=second)])
    assert watch.wait_gone([first, second], 60) == {first, second}
    watch.close()


def test_nothing_to_wait_for_is_over_at_once(host: hosts.Host, kernel: LinuxKernel) -> None:
    watch = DeviceWatch()
    assert watch.wait_gone([], 60) == frozenset()
    watch.close()


def test_a_port_that_leaves_its_bridge_is_not_gone(host: hosts.Host, kernel: LinuxKernel) -> None:
    (port,) = pairs(kernel, 1)
    watch = DeviceWatch()
    told: list[frozenset[int]] = []
    watch.on_gone([port], told.append)
    handle = kernel.host()
    (bridge,) = handle.apply([net.AddLink(name="br0", kind="bridge"), net.GetLink(name="br0")])
    handle.apply([net.SetLink(index=port, master=bridge.index), net.SetLink(index=port, master=0)])
    (other,) = handle.apply([net.AddVeth(name="z0", peer="z1"), net.GetLink(name="z0")])
    handle.apply([net.DelLink(index=other.index)])
    assert watch.wait_gone([other.index], 60) == {other.index}  # the notices before it were read too
    assert told == []
    watch.close()


def test_lost_notices_are_made_up_for(
    host: hosts.Host, kernel: LinuxKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel says ENOBUFS once: the notice of our link was among those it dropped."""
    (index,) = pairs(kernel, 1)
    lost = threading.Event()
    read = Channel.notices

    def lose(channel: Channel) -> list[tuple[int, memoryview]]:
        if not lost.is_set():
            lost.set()
            read(channel)
            raise OSError(errno.ENOBUFS, "no buffer space")
        return read(channel)

    monkeypatch.setattr(Channel, "notices", lose)
    watch = DeviceWatch()
    told = threading.Event()
    watch.on_gone([index], lambda _: told.set())
    kernel.host().apply([net.DelLink(index=index)])
    assert told.wait(60)
    assert lost.is_set()
    watch.close()


def test_what_could_not_be_asked_is_asked_again(
    host: hosts.Host, kernel: LinuxKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link is gone before anybody waits for it, and the question about it fails."""
    (index,) = pairs(kernel, 1)
    watch = DeviceWatch()
    kernel.host().apply([net.DelLink(index=index)])
    asks = Channel.exchange
    refused: list[int] = []

    def refuse(channel: Channel, messages: Sequence[Message]) -> tuple[list[Answer], list[Refusal]]:
        if len(refused) < 2:
            refused.append(len(messages))
            raise OSError(errno.ENOBUFS, "no buffer space")
        return asks(channel, messages)

    monkeypatch.setattr(Channel, "exchange", refuse)
    told = threading.Event()
    watch.on_gone([index], lambda _: told.set())
    assert told.wait(60)
    assert refused == [1, 1]
    watch.close()


def test_a_real_overflow_is_survived(host: hosts.Host, kernel: LinuxKernel) -> None:
    indexes = pairs(kernel, 300)
    watch = DeviceWatch()
    watch._notices.enlarge(1)  # the kernel's least: a few notices
    seen = threading.Event()
    watch.on_gone(indexes, lambda _: seen.set())
    kernel.delete_group(4242, indexes)
    assert seen.wait(60)
    watch.close()


def test_close_lets_waiters_go(host: hosts.Host, kernel: LinuxKernel) -> None:
    (index,) = pairs(kernel, 1)
    watch = DeviceWatch()
    answers: list[frozenset[int]] = []
    told: list[frozenset[int]] = []
    watch.on_gone([index], told.append)
    waiter = threading.Thread(target=lambda: answers.append(watch.wait_gone([index], 60)))
    waiter.start()
    watch.close()
    waiter.join(60)
    kernel.host().apply([net.DelLink(index=index)])
    assert (answers, told) == ([frozenset()], [])
    assert watch.wait_gone([index], 60) == frozenset()
    watch.close()


def test_close_lets_go_who_is_about_to_ask(
    host: hosts.Host, kernel: LinuxKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    (index,) = pairs(kernel, 1)
    watch = DeviceWatch()
    ask = watch._gone

    def late(indexes: frozenset[int]) -> set[int]:
        watch.close()
        return ask(indexes)

    monkeypatch.setattr(watch, "_gone", late)
    assert watch.wait_gone([index], 60) == frozenset()


def test_a_question_that_the_kernel_did_not_answer_is_asked_again(
    host: hosts.Host, kernel: LinuxKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, there = pairs(kernel, 2)
    kernel.host().apply([net.DelLink(index=gone)])
    watch = DeviceWatch()
    exchange, asked = Channel.exchange, threading.Semaphore(0)

    def deaf(self: Channel, messages: object) -> object:
        del self, messages
        asked.release()
        raise OSError(errno.ENOBUFS, "lost")

    monkeypatch.setattr(Channel, "exchange", deaf)
    told = threading.Event()
    watch.on_gone([gone], lambda _: told.set())
    assert watch.wait_gone([gone, there], 0) == frozenset()
    for _ in range(4):  # the two above, and then by itself
        assert asked.acquire(timeout=60)
    assert not told.is_set()
    monkeypatch.setattr(Channel, "exchange", exchange)
    assert told.wait(60)
    watch.close()
