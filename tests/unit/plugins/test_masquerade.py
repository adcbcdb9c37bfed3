"""Masquerading by rules: whose they are, and that they come and go with their attachment alone."""

from __future__ import annotations

import errno
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path

import pytest

from tests.fakes.kernel import HOST, FakeKernel
from vmplumbd.errors import Busy, HostLimitReached, KernelFault, Unsupported
from vmplumbd.model import net
from vmplumbd.plugins.conf import PluginFault
from vmplumbd.plugins.masquerade import (
    CHECKS,
    POSTROUTING,
    TABLE,
    Masquerade,
    Owner,
    default_backend,
    refuse_backend,
    rule,
)

ONE, TWO = (Owner(network="unit-test", container_id=name, if_name="eth0") for name in ("one", "two"))
OTHER = Owner(network="other", container_id="one", if_name="eth0")
V4, V6 = ip_interface("192.168.1.1/24"), ip_interface("2001:db8::2/64")


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


def comments(kernel: FakeKernel) -> list[str]:
    return [each.comment for each in kernel.host().rules(CHECKS).rules]


def change(kernel: FakeKernel, *requests: net.RuleRequest) -> None:
    kernel.host().change_rules(requests)


def transactions(kernel: FakeKernel) -> int:
    return sum("nft" in step for step in kernel.steps)


@pytest.mark.parametrize(
    ("owner", "comment"),
    [
        # These are the comments of plugins:pkg/ip/ipmasq_nftables_linux_test.go.
        (ONE, "6fd94d501e58f0aa-287fc69eff0574a2, net: unit-test, if: eth0, id: one"),
        (TWO, "6fd94d501e58f0aa-d750b2c8f0f25d5f, net: unit-test, if: eth0, id: two"),
        (
            Owner(network="alternate", container_id="three", if_name="net1"),
            "82783ef24bdc7036-acb19d111858e348, net: alternate, if: net1, id: three",
        ),
    ],
)
def test_the_comment_is_the_reference_s(owner: Owner, comment: str) -> None:
    assert owner.comment == comment
    assert owner.comment.startswith(owner.key)


def test_a_comment_ends_at_128_bytes_and_has_no_quotes() -> None:
    owner = Owner(network='a"b', container_id="\u00e9" * 99, if_name='e"h')
    raw = owner.comment.encode(errors="surrogateescape")
    assert len(raw) == 128
    assert raw[33:].startswith(b", net: ab, if: eh, id: \xc3\xa9")


def test_all_rules_come_in_one_transaction_and_go_with_their_owner(kernel: FakeKernel) -> None:
    masquerade = Masquerade(kernel)
    before = kernel.snapshot()
    masquerade.add(ONE, [V4, V6])
    assert transactions(kernel) == 1
    masquerade.add(TWO, [V4])
    assert comments(kernel) == [ONE.comment, ONE.comment, TWO.comment]
    assert len(kernel.host().rules(POSTROUTING).rules) == 3
    masquerade.check(ONE, [V4, V6])
    masquerade.delete(ONE)
    masquerade.delete(ONE)
    assert comments(kernel) == [TWO.comment]
    masquerade.check(TWO, [V4])
    masquerade.delete(TWO)
    assert kernel.snapshot() == before
    assert transactions(kernel) == 4


def test_adding_again_takes_the_place_of_what_was_there(kernel: FakeKernel) -> None:
    Masquerade(kernel).add(ONE, [V4, V6])
    masquerade = Masquerade(kernel)  # another process, which knows nothing yet
    masquerade.add(ONE, [V4])
    masquerade.add(ONE, [V6])
    assert comments(kernel) == [ONE.comment]
    masquerade.check(ONE, [V6])
    with pytest.raises(PluginFault, match=r"no rule masquerades 192\.168\.1\.1 of interface eth0"):
        masquerade.check(ONE, [V4])


def test_memory_yields_to_what_others_did(kernel: FakeKernel) -> None:
    ours, theirs = Masquerade(kernel), Masquerade(kernel)
    ours.add(ONE, [V4])
    theirs.add(TWO, [V4])
    theirs.delete(ONE)
    ours.delete(ONE)
    ours.delete(TWO)
    assert comments(kernel) == []
    change(kernel, net.FlushChain(chain=POSTROUTING))
    ours.add(ONE, [V4])
    ours.check(ONE, [V4])
    change(kernel, net.FlushChain(chain=POSTROUTING), net.FlushChain(chain=CHECKS))
    change(kernel, net.DelChain(chain=CHECKS), net.DelChain(chain=POSTROUTING))
    ours.delete(ONE)
    ours.add(TWO, [V4])
    ours.check(TWO, [V4])


def test_a_base_chain_that_leads_nowhere_is_found(kernel: FakeKernel) -> None:
    masquerade = Masquerade(kernel)
    masquerade.add(ONE, [V4])
    change(kernel, net.FlushChain(chain=POSTROUTING))
    with pytest.raises(PluginFault, match="chain postrouting of nft table cni_plugins_masquerade is not as"):
        masquerade.check(ONE, [V4])


def test_collection_takes_what_no_valid_attachment_owns_of_this_network_alone(kernel: FakeKernel) -> None:
    masquerade = Masquerade(kernel)
    for owner in (ONE, TWO, OTHER):
        masquerade.add(owner, [V4, V6])
    change(
        kernel,
        net.AddRule(chain=CHECKS, expressions=(net.Masquerade(),)),
        net.AddRule(chain=CHECKS, expressions=(net.Masquerade(),), comment="6fd94d501e58f0aa somebody's"),
    )
    Masquerade(kernel).collect("unit-test", [TWO])
    left = [TWO.comment] * 2 + [OTHER.comment] * 2 + ["", "6fd94d501e58f0aa somebody's"]
    assert comments(kernel) == left
    masquerade.collect("unit-test", [TWO])
    assert comments(kernel) == left


@pytest.mark.parametrize("known", [True, False])
def test_a_refused_transaction_changes_nothing(kernel: FakeKernel, known: bool) -> None:
    masquerade = Masquerade(kernel)
    if known:
        masquerade.add(TWO, [V4])
    before = kernel.snapshot()
    kernel.fail_step(0, errno.ENOBUFS)
    with pytest.raises(KernelFault):
        masquerade.add(ONE, [V4])
    assert kernel.snapshot() == before
    masquerade.add(ONE, [V4])
    kernel.fail_step(0, errno.EIO)
    with pytest.raises(KernelFault):
        masquerade.delete(ONE)
    masquerade.check(ONE, [V4])
    masquerade.delete(ONE)
    assert kernel.snapshot() == before


class Restless(FakeKernel):
    """Somebody changes the ruleset before each of our transactions, this many times."""

    def __init__(self, changes: int) -> None:
        super().__init__()
        self.changes = changes

    def _step(self, words: str, where: str, op: int = 0) -> None:
        super()._step(words, where, op)
        if self.changes and "nft" in words:
            self.changes -= 1
            space = self.world.spaces[HOST]
            assert space.filter is not None
            moved = replace(space.filter, generation=net.next_generation(space.filter.generation))
            self._put(HOST, replace(space, filter=moved))


def test_a_change_in_between_is_seen_and_waited_out() -> None:
    kernel = Restless(changes=3)
    masquerade = Masquerade(kernel)
    masquerade.add(ONE, [V4])
    assert comments(kernel) == [ONE.comment]
    kernel.changes = 1000
    with pytest.raises(Busy):
        masquerade.delete(ONE)
    assert comments(kernel) == [ONE.comment]


def test_a_kernel_without_nf_tables_has_nothing_to_remove(kernel: FakeKernel) -> None:
    kernel._put(HOST, replace(kernel.world.spaces[HOST], filter=None))
    masquerade = Masquerade(kernel)
    masquerade.delete(ONE)
    masquerade.collect("unit-test", [])
    with pytest.raises(Unsupported, match="nf_tables"):
        masquerade.add(ONE, [V4])
    with pytest.raises(Unsupported, match="nf_tables"):
        masquerade.refuse_impossible()


def test_what_is_in_the_way_is_found_without_a_change(kernel: FakeKernel) -> None:
    masquerade = Masquerade(kernel)
    before = kernel.world
    masquerade.refuse_impossible()
    masquerade.refuse_impossible()
    assert kernel.world == before
    assert transactions(kernel) == 1
    kernel.host().write_sysctl("net/netfilter/nf_conntrack_count", "262144")
    with pytest.raises(HostLimitReached, match="table of connections is full: 262144 of 262144"):
        masquerade.refuse_impossible()


def test_an_expression_that_the_kernel_lacks_is_told_with_the_remedy(kernel: FakeKernel) -> None:
    kernel.fail_step(0, errno.ENOENT)
    with pytest.raises(Unsupported) as caught:
        Masquerade(kernel).refuse_impossible()
    assert "nft_masq" in str(caught.value.hint)


@pytest.mark.parametrize("backend", ["", "nft", "IPTABLES"])
def test_an_unknown_backend_is_refused(backend: str) -> None:
    with pytest.raises(PluginFault, match=f'unknown ipmasq backend "{backend}"'):
        refuse_backend(backend)


def test_a_host_with_iptables_means_iptables(tmp_path: Path) -> None:
    assert default_backend(str(tmp_path)) == "nftables"
    (tmp_path / "iptables").write_text("#!/bin/sh\n")
    assert default_backend(str(tmp_path)) == "nftables"
    (tmp_path / "iptables").chmod(0o755)
    assert default_backend(f"/nowhere:{tmp_path}") == "iptables"


@pytest.mark.parametrize(
    ("default", "backend", "executed"),
    [
        ("nftables", None, False),
        ("iptables", None, True),
        ("iptables", "nftables", False),
        ("nftables", "iptables", True),
    ],
)
def test_iptables_is_the_executable_s(
    kernel: FakeKernel, default: str, backend: str | None, executed: bool
) -> None:
    assert Masquerade(kernel, default=default).by_executable(backend) == executed


@pytest.mark.parametrize(
    ("address", "source", "destination"),
    [
        ("10.1.2.3/24", (12, 4), [(16, 3), None]),
        ("10.1.2.3/32", (12, 4), [(16, 4), None]),
        ("10.1.2.3/20", (12, 4), [(16, 4), b"\xff\xff\xf0\0"]),
        ("10.1.2.3/0", (12, 4), [(16, 4), bytes(4)]),
        ("2001:db8::1/64", (8, 16), [(24, 8), None]),
        ("2001:db8::1/61", (8, 16), [(24, 16), b"\xff" * 7 + b"\xf8" + bytes(8)]),
    ],
)
def test_a_prefix_of_whole_bytes_is_compared_alone(
    address: str, source: tuple[int, int], destination: list[object]
) -> None:
    interface = ip_interface(address)
    made = rule(ONE, interface).expressions
    loads = [(each.offset, each.length) for each in made if isinstance(each, net.LoadPayload)]
    masks = [each.mask for each in made if isinstance(each, net.Mask)]
    assert [loads[0], loads[1], masks[0] if masks else None] == [source, *destination]
    compared = [each.value for each in made if isinstance(each, net.Compare)]
    assert compared[1] == interface.ip.packed
    assert interface.network.network_address.packed.startswith(compared[2])
    assert made[-1] == net.Masquerade()
    assert rule(ONE, interface).chain.table == TABLE
