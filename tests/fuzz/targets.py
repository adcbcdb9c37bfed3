"""What is fuzzed: each target takes bytes, and may refuse them by its declared errors alone.

What else is raised is a defect. Each also asserts what must hold of bytes that it takes.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import json
import os
import shutil
import socket
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from google.protobuf.message import DecodeError

from tests.fakes.kernel import FakeKernel
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumbd import vmconf
from vmplumbd.cni import args, cache, config, convert, result, version
from vmplumbd.cni.error import CniError
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.errors import AgentError
from vmplumbd.kernel import links, nft
from vmplumbd.kernel.rtnl import Channel, Message
from vmplumbd.model.ids import VmId
from vmplumbd.operations import chain, places
from vmplumbd.operations.chain import ChainDefaults
from vmplumbd.plugins.builtin import BuiltinInvoker
from vmplumbd.plugins.host_local.plugin import HostLocal
from vmplumbd.policy import access, document, inline
from vmplumbd.policy.inline import InlineRules
from vmplumbd.policy.paths import PathPolicy
from vmplumbd.rpc import convert as wire
from vmplumbd.rpc import redact, status, validation

NOWHERE = "/nonexistent/vmplumb-fuzz"
DEFAULTS = ChainDefaults(
    policy=PathPolicy(
        bin_path=(NOWHERE,), conf_dirs=(NOWHERE,), cache_roots=(NOWHERE,), netns_roots=(NOWHERE,)
    ),
    bin_path=(NOWHERE,),
    conf_dir=NOWHERE,
    cache_root=NOWHERE,
)
RULES = InlineRules(plugins=frozenset({"ptp", "host-local", "bridge", "tc-redirect-tap", "static"}))


@functools.cache
def _rules() -> validation.RequestRules:
    return validation.RequestRules.load()


def request(data: bytes) -> None:
    """A SetupNetworkRequest as it comes from the wire, up to the place where its chain is found."""
    try:
        asked = pb.SetupNetworkRequest.FromString(data)
    except DecodeError:
        return
    try:
        validation.refuse_too_much(asked, list_items=20_000, json_depth=64)
        unknown = validation.unknown_fields(asked)
        broken = _rules().violations(asked.DESCRIPTOR.full_name, asked.SerializeToString())
        if unknown or broken:
            return
        spec = wire.network_spec(asked.spec)
        assert wire.decode_spec(wire.spec_bytes(asked.spec)) == spec
        shown = redact.redacted(asked.spec)
        for interface in shown.network_interfaces.interfaces:
            assert not any(pair.value for pair in interface.cni_configuration.args)
            assert not interface.cni_configuration.capability_args
            assert not interface.cni_configuration.network_config.json
        for index, each in enumerate(places.settled(spec, DEFAULTS.policy).interfaces):
            if each.cni is not None:
                chain.find(index, each.cni, VmId(asked.vm_id), DEFAULTS)
    except AgentError as exc:
        refused = exc
    else:
        return
    code, message, details = status.status_of(refused, vm_id=asked.vm_id)
    assert code.name != "INTERNAL", refused
    assert len(details) <= status.MAX_DETAILS
    assert len(message.encode()) <= 1024


@functools.cache
def _builtin() -> BuiltinInvoker:
    return BuiltinInvoker(FakeKernel(), ExecInvoker())


def conflist(data: bytes) -> None:
    """A configuration list, and the configurations of the plugins in it."""
    try:
        network = config.parse_list(data)
        assert config.parse_list(network.raw) == network
        inline.violations([plugin.conf for plugin in network.plugins], RULES, "f")
        for plugin in network.plugins:
            sent = json.loads(config.request(network, plugin))
            assert sent["name"] == network.name
        _builtin().runs_in_process(network)
        _builtin().preflight(network, (NOWHERE,))
    except (CniError, AgentError):
        return


def cni_result(data: bytes) -> None:
    """What a plugin prints, in every version, and the answer that is made of it."""
    try:
        found = result.parse(data)
        written = result.to_json(found)
        assert result.to_json(result.parse(written)) == written
        for each in version.ALL:
            with contextlib.suppress(CniError):
                result.to_json(convert.to_version(found, each))
        conf = vmconf.static_network_conf(convert.to_version(found, "1.0.0"), "vm", mtu=1500, vm_if_name="")
        made, _ = vmconf.static_configuration(conf)
        if made.ip_configuration is not None:
            assert len(vmconf.ip_boot_param(made.ip_configuration).split(":")) == 10
    except (CniError, AgentError):
        return


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a disk is too slow
    made = Path(tempfile.mkdtemp(prefix="vmplumb-fuzz-", dir=parent))
    try:
        yield made
    finally:
        shutil.rmtree(made)


def cache_file(data: bytes) -> None:
    """A file of the result cache."""
    conf = args.RuntimeConf(container_id="c", netns="", if_name="eth0")
    with _directory() as directory:
        (directory / "results").mkdir()
        path = directory / "results" / "net-c-eth0"
        path.write_bytes(data)
        cache.read_path(str(path))
        files = cache.Cache(str(directory))
        files.attachments()
        with contextlib.suppress(CniError):
            files.read("net", conf, cni_version="1.0.0")
        with contextlib.suppress(CniError):
            files.read_config("net", conf)
        files.remove("net", conf)


HOST_LOCAL = {
    "cniVersion": "1.0.0",
    "name": "net",
    "type": "ptp",
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.2.0/29"}], [{"subnet": "fd00::/125"}]]},
}


def host_local(data: bytes) -> None:
    """The files of host-local: names and contents that nobody of ours has written.

    The input is file after file: a byte with the length of the name, the name, one of the content, the content.
    """
    with _directory() as directory:
        folder = directory / "net"
        folder.mkdir()
        for name, content in _files(data):
            with contextlib.suppress(OSError, ValueError):  # a name that no file can have
                (folder / name).write_bytes(content)
        before = {one.name: one.read_bytes() for one in folder.iterdir()}
        conf = {**HOST_LOCAL, "ipam": {**HOST_LOCAL["ipam"], "dataDir": str(directory)}}  # type: ignore[dict-item]
        asked = Invocation(
            command=Command.ADD, plugin="host-local", stdin=json.dumps(conf).encode(),
            container_id="new", if_name="eth0", netns="/n",
        )  # fmt: skip
        plugin = HostLocal()
        try:
            given = plugin.add(asked)
            for ip in given.ips:
                assert str(ip.address.ip) not in before, "an address that a file reserves was given again"
                assert ip.address.ip in ipaddress.ip_network(
                    "10.1.2.0/29" if ip.address.version == 4 else "fd00::/125"
                )
            plugin.check(asked)
            plugin.del_(asked)
        except CniError:
            pass
        finally:
            plugin.close()
        after = {one.name: one.read_bytes() for one in folder.iterdir()}
        mine = {name for name, content in before.items() if content.strip() in {b"new\r\neth0", b"new"}}
        for name, content in before.items():
            if name not in mine and not name.startswith(("last_reserved_ip.", "lock")):
                assert after[name] == content, "another's file was touched"


def _files(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(data):
        size = data[at]
        name = data[at + 1 : at + 1 + size]
        at += 1 + size
        length = data[at] if at < len(data) else 0
        content = data[at + 1 : at + 1 + length]
        at += 1 + length
        if b"/" not in name and name not in {b"", b".", b".."}:
            yield os.fsdecode(name), content


def netlink(data: bytes) -> None:
    """Answers of the kernel: framed, and read as links, addresses, routes and rules."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel = Channel.__new__(Channel)
    channel._sequence, channel._socket = 1, ours
    try:
        for read in (
            channel.notices,
            lambda: channel.dump(Message(0, 0, b"")),
            lambda: channel.exchange([Message(0, 0, b"")]),
            lambda: channel.transact(Message(0, 0, b""), [Message(0, 0, b"")], Message(0, 0, b"")),
        ):
            channel._sequence = 1
            with contextlib.suppress(OSError):
                theirs.send(data or b"\0")
                read()
    finally:
        ours.close()
        theirs.close()
    body = memoryview(data)
    # What is framed is the kernel's own word; a body that is not what its type says is told as any defect is.
    for each in (
        links.link_index, links.read_link, links.read_address, links.read_route,
        nft.read_generation, nft.read_handle, nft.read_name, nft.read_rule,
    ):  # fmt: skip
        with contextlib.suppress(OSError, LookupError, ValueError, struct.error):
            each(body)


RPCS = ("SetupNetwork", "TeardownNetwork", "GetNetwork")


def policy(data: bytes) -> None:
    """A policy file."""
    with contextlib.suppress(AgentError, UnicodeDecodeError):
        found = document.parse(data.decode(), RPCS)
        for rule in found.rules:
            for rpc in RPCS:
                access.denials(rule, rpc)


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "request": request,
    "conflist": conflist,
    "result": cni_result,
    "cache": cache_file,
    "host-local": host_local,
    "netlink": netlink,
    "policy": policy,
}
