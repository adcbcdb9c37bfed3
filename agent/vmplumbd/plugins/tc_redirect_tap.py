"""The tc-redirect-tap plugin: a tap for the VMM, and all frames between it and the link before it.

The VM takes over the redirect link's MAC and address: every frame that comes in on one device leaves on
the other (ingress qdisc, u32 match-all, mirred), before the namespace's own stack sees it. The result
says so by a pseudo interface: the tap's name, the redirect link's MAC, the VM's id as sandbox.

Beyond the reference: a tap that is there already is never taken over, an ADD that fails takes back what
it made, and DEL finds its tap without prevResult: the one that the redirect link's ingress sends to,
and that sends back.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from vmplumbd.abc import Kernel, Netns
from vmplumbd.cni import version as versions
from vmplumbd.cni.error import CniError, ErrorCode
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.cni.result import Interface, Result
from vmplumbd.errors import Exists, KernelFault, NotANetns, NotFound
from vmplumbd.model import net
from vmplumbd.plugins import conf, prev_result
from vmplumbd.plugins.ahead import MadeAhead
from vmplumbd.plugins.conf import Malformed, PluginFault
from vmplumbd.plugins.skel import Verb

NAME, UID, GID = "TC_REDIRECT_TAP_NAME", "TC_REDIRECT_TAP_UID", "TC_REDIRECT_TAP_GID"
_TUN = "tun"


@dataclass(frozen=True, slots=True, kw_only=True)
class TapArgs:
    """The tap that is asked for. An empty name lets the kernel choose; the owner is who runs the plugin."""

    name: str
    uid: int
    gid: int


def parse_args(text: str) -> TapArgs:
    """Read CNI_ARGS, with unknown keys passed over. Raises PluginFault."""
    values: dict[str, str] = {}
    for pair in text.split(";") if text else ():
        key, found, value = pair.partition("=")
        if not found:
            raise PluginFault(f'Invalid cni arguments format, "{pair}"')
        values[key] = value
    return TapArgs(
        name=values.get(NAME, ""),
        uid=_number(values[UID], "tapUID") if UID in values else os.geteuid(),
        gid=_number(values[GID], "tapGID") if GID in values else os.getegid(),
    )


def _number(text: str, what: str) -> int:
    try:
        return int(text)
    except ValueError as exc:
        raise PluginFault(f'{what} should be numeric convertible, got "{text}": {exc}') from exc


def make(netns: Netns, asked: TapArgs, redirect: net.Device) -> net.Device:
    """Make the tap and the redirects both ways. Raises PluginFault, KernelFault, with nothing left."""
    tap = make_tap(netns, asked, redirect)
    try:
        _join(netns, tap, redirect)
    except BaseException as exc:
        try:
            netns.apply([net.DelLink(index=tap.index)])
        except NotFound:
            pass
        except KernelFault as failed:
            exc.add_note(f"the tap is still there: {failed}")
        raise
    return tap


def _taken_over(netns: Netns, name: str, asked: TapArgs) -> net.Device:
    """The tap that was made ahead, with the name and the owner that are asked for."""
    try:
        tap = netns.device(name)
        if (asked.uid, asked.gid) != (os.geteuid(), os.getegid()):
            netns.own_tap(name, uid=asked.uid, gid=asked.gid)
        if asked.name not in ("", name):
            netns.apply([net.RenameLink(index=tap.index, name=asked.name)])
            tap = replace(tap, name=asked.name)
    except KernelFault as exc:
        # Tried again: the next attempt makes its own.
        raise PluginFault(
            f"failed to take over tap device {name}: {exc}", code=ErrorCode.TRY_AGAIN_LATER
        ) from exc
    return tap


class TcRedirectTap:
    """The plugin. `keep_devices`: DEL leaves the tap to its namespace's end."""

    def __init__(self, kernel: Kernel, *, keep_devices: bool = False) -> None:
        self._kernel = kernel
        self._keep_devices = keep_devices
        self.supported = tuple(each for each in versions.ALL if versions.at_least(each, "0.3.0"))
        self.verbs: Mapping[Command, Verb] = {
            Command.ADD: self.add,
            Command.DEL: self.del_,
            Command.CHECK: self.check,
        }

    def not_built_in(self, stdin: bytes) -> str | None:  # noqa: ARG002  everything is
        """Nothing is left to an executable."""
        return None

    def add(self, call: Invocation) -> Result:
        """Make the tap and the redirects. Raises CniError, KernelFault, with nothing left."""
        asked = parse_args(call.args)
        made = previous(call)
        with _redirect_netns(self._kernel, call) as netns:
            if made is None:
                raise PluginFault(
                    "no previous result was found, was this plugin chained with a previous one?"
                )
            redirect = _redirect_link(netns, call.if_name)
            if isinstance(call.ahead, MadeAhead):
                tap = _taken_over(netns, call.ahead.tap, asked)
            else:
                tap = make(netns, asked, redirect)
        return _extended(made, call, tap, redirect)

    def del_(self, call: Invocation) -> None:
        """Remove the redirects and the tap. What is gone is success. Raises CniError, KernelFault."""
        parse_args(call.args)
        made = previous(call)
        if not call.netns or self._keep_devices:
            return
        try:
            with prev_result.open_netns(self._kernel, call.netns) as netns:
                _take_apart(netns, call, made)
        except PluginFault as exc:
            if not isinstance(exc.__cause__, NotFound | NotANetns):
                raise

    def has_traces(self, call: Invocation) -> bool:
        """Whether there is a namespace to look into: nothing is made outside."""
        return bool(call.netns)

    def check(self, call: Invocation) -> None:
        """Raises CniError unless both links are there and redirect to each other."""
        made = previous(call)
        with _redirect_netns(self._kernel, call) as netns:
            if made is None:
                raise PluginFault(
                    "no previous result was found, was this plugin chained with a previous one?"
                )
            name = prev_result.tap_name(made, call)
            if name is None:
                raise PluginFault(f'did not find a tap of "{call.container_id}" in the previous result')
            redirect, tap = _expected_link(netns, call.if_name), _expected_link(netns, name)
            for link in (tap, redirect):
                if not netns.has_ingress(link.index):
                    raise PluginFault(f'did not find an ingress qdisc on device "{link.name}"')
            for source, target in ((tap, redirect), (redirect, tap)):
                if target.index not in netns.redirects(source.index):
                    raise PluginFault(
                        f'did not find a u32 filter redirecting from device "{source.name}" '
                        f'to device "{target.name}"'
                    )


class _redirect_netns(prev_result.open_netns):  # noqa: N801  reads as a participle in `with`
    """The namespace, with this plugin's words for one that is not there."""

    __slots__ = ()

    def __init__(self, kernel: Kernel, call: Invocation) -> None:
        if not call.if_name:
            raise PluginFault("no device to redirect with was found, was IfName specified?")
        super().__init__(kernel, call.netns)

    def __enter__(self) -> Netns:
        try:
            return super().__enter__()
        except PluginFault as exc:
            if isinstance(exc.__cause__, NotFound):
                raise PluginFault(f'netns path "{self._path}" does not exist') from exc
            raise


def previous(call: Invocation) -> Result | None:
    """The result that the call was handed, None if there is none. Raises PluginFault."""
    if call.previous is not None:
        return call.previous
    try:
        top = conf.load(call.stdin, "NetConf")
        cni_version = top.text("cniVersion") or "0.1.0"
        return prev_result.of(call, top, cni_version)
    except (Malformed, CniError) as exc:
        said = exc.msg if isinstance(exc, CniError) else str(exc)
        raise PluginFault(f"failure parsing previous CNI result: {said}") from exc


def _redirect_link(netns: Netns, name: str) -> net.Device:
    try:
        return netns.device(name)
    except NotFound as exc:
        raise PluginFault(f'failed to find redirect interface "{name}": {exc}') from exc


def _expected_link(netns: Netns, name: str) -> net.LinkInfo:
    try:
        return netns.link(name=name)
    except NotFound as exc:
        raise PluginFault(f'did not find expected network device with name "{name}"') from exc


def make_tap(netns: Netns, asked: TapArgs, redirect: net.Device) -> net.Device:
    """The tap alone, as large as `redirect`; it is down. Raises PluginFault."""
    try:
        return netns.add_tap(asked.name, uid=asked.uid, gid=asked.gid, mtu=redirect.mtu)
    except Exists as exc:
        raise PluginFault(
            f'failed to create tap device: a device named "{asked.name}" is there already, and not ours'
        ) from exc
    except KernelFault as exc:
        raise PluginFault(f"failed to create tap device: {exc}") from exc


def _join(netns: Netns, tap: net.Device, redirect: net.Device) -> None:
    """Redirect both ways. On failure the redirect link is as before; the tap is the caller's to remove."""
    up = [net.AddIngress(index=redirect.index), net.AddIngress(index=tap.index)]
    pairs = ((tap, redirect), (redirect, tap))
    redirects = [net.AddRedirect(index=source.index, to=target.index) for source, target in pairs]
    # The kernel goes on after a refused request, so the filters wait until both qdiscs are known to be
    # ours, but for a namespace that is ours whole. The redirect link's comes first: it is the one whose
    # undoing depends on who made it.
    at_once = redirects if netns.is_new else []
    try:
        netns.apply([*up, net.SetLink(index=tap.index, up=True), *at_once])
    except KernelFault as exc:
        if exc.op > 0:
            _drop_ingress(netns, redirect, exc)
        if exc.op < len(up):
            device = (redirect, tap)[exc.op].name
            raise PluginFault(f'failed to add ingress qdisc to device "{device}": {exc}') from exc
        if exc.op == len(up):
            raise PluginFault(f"failed to set tap up: {exc}") from exc
        raise _not_redirected(pairs[exc.op - len(up) - 1]) from exc
    if at_once:
        return
    try:
        netns.apply(redirects)
    except KernelFault as exc:
        _drop_ingress(netns, redirect, exc)
        raise _not_redirected(pairs[min(exc.op, 1)]) from exc


def _not_redirected(pair: tuple[net.Device, net.Device]) -> PluginFault:
    source, target = (each.name for each in pair)
    return PluginFault(
        f'failed to add u32 filter redirecting from device "{source}" to device "{target}", '
        f'does "{target}" exist and have a qdisc attached to its ingress?'
    )


def _drop_ingress(netns: Netns, link: net.Device, fault: KernelFault) -> None:
    try:
        netns.apply([net.DelIngress(index=link.index)])
    except NotFound:
        pass
    except KernelFault as failed:
        fault.add_note(f"the redirect is still there: {failed}")


def _extended(made: Result, call: Invocation, tap: net.Device, redirect: net.Device) -> Result:
    pseudo_index = len(made.interfaces) + 1
    own = prev_result.own_indexes(made, call)
    copies = tuple(replace(ip, interface=pseudo_index) for ip in made.ips if ip.interface in own)
    return replace(
        made,
        interfaces=(
            *made.interfaces,
            # Without a MAC, as the reference leaves it: nobody on the wire sees the tap's own.
            Interface(name=tap.name, sandbox=call.netns),
            Interface(name=tap.name, mac=prev_result.mac_text(redirect.mac), sandbox=call.container_id),
        ),
        ips=(*made.ips, *copies),
    )


def _take_apart(netns: Netns, call: Invocation, made: Result | None) -> None:
    requests: list[net.Request] = []
    name = prev_result.tap_name(made, call)
    if name is not None:
        with suppress(NotFound):
            requests.append(net.DelLink(index=netns.link(name=name).index))
    try:
        redirect = netns.link(name=call.if_name)
    except NotFound:
        pass
    else:
        if not requests and (tap := _own_tap(netns, redirect)) is not None:
            requests.append(net.DelLink(index=tap.index))
        if netns.has_ingress(redirect.index):
            requests.insert(0, net.DelIngress(index=redirect.index))
    for request in requests:
        with suppress(NotFound):
            netns.apply([request])


def _own_tap(netns: Netns, redirect: net.LinkInfo) -> net.LinkInfo | None:
    """The tap that the redirect link's ingress sends to and that sends back, if there is exactly one such."""
    proved = []
    for index in netns.redirects(redirect.index):
        with suppress(NotFound):
            link = netns.link(index=index)
            if link.kind == _TUN and redirect.index in netns.redirects(index):
                proved.append(link)
    return proved[0] if len(proved) == 1 else None
