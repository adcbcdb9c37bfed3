"""The loopback plugin: `lo` up (plugins:plugins/main/loopback/loopback.go)."""

from __future__ import annotations

from collections.abc import Mapping

from vmplumbd.abc import Kernel
from vmplumbd.cni import version as versions
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.cni.result import Interface, IPConfig, Result
from vmplumbd.errors import NotANetns, NotFound
from vmplumbd.model import net
from vmplumbd.plugins import conf, prev_result
from vmplumbd.plugins.conf import Malformed, PluginFault
from vmplumbd.plugins.skel import Verb

LO = "lo"


class Loopback:
    """The plugin."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.supported = versions.ALL
        self.verbs: Mapping[Command, Verb] = {
            Command.ADD: self.add,
            Command.DEL: self.del_,
            Command.CHECK: self.check,
        }

    def not_built_in(self, stdin: bytes) -> str | None:  # noqa: ARG002  everything is
        """Nothing is left to the executable."""
        return None

    def add(self, call: Invocation) -> Result:
        """Set `lo` up. Answers the previous result, if there is one. Raises CniError, KernelFault."""
        previous = _parse(call)
        with prev_result.open_netns(self._kernel, call.netns) as netns:
            _, link = netns.apply([net.GetLink(name=LO), net.SetLink(name=LO, up=True), net.GetLink(name=LO)])
            addresses = netns.addresses(link.index)
        for each in addresses:
            if not each.address.ip.is_loopback:
                raise PluginFault(f'loopback interface found with non-loopback address "{each.address.ip}"')
        if previous is not None:
            return previous
        first = {each.address.version: each.address for each in reversed(addresses)}
        return Result(
            cni_version=versions.CURRENT,
            interfaces=(Interface(name=LO, mac="00:00:00:00:00:00", sandbox=call.netns),),
            ips=tuple(IPConfig(address=first[family], interface=0) for family in (4, 6) if family in first),
        )

    def del_(self, call: Invocation) -> None:
        """Set `lo` down. Without a namespace there is nothing to do. Raises CniError, KernelFault."""
        _parse(call)
        if not call.netns:
            return
        try:
            with prev_result.open_netns(self._kernel, call.netns) as netns:
                netns.apply([net.SetLink(name=LO, up=False)])
        except PluginFault as exc:
            if not isinstance(exc.__cause__, NotFound | NotANetns):
                raise

    def has_traces(self, call: Invocation) -> bool:
        """Whether there is a namespace to look into: nothing is made outside."""
        return bool(call.netns)

    def check(self, call: Invocation) -> None:
        """Raises CniError unless `lo` is up."""
        with prev_result.open_netns(self._kernel, call.netns) as netns:
            if not netns.link(name=LO).up:
                raise PluginFault("loopback interface is down")


def _parse(call: Invocation) -> Result | None:
    try:
        top = conf.load(call.stdin, "NetConf")
        cni_version = top.text("cniVersion") or "0.1.0"
    except Malformed as exc:
        raise PluginFault(f"failed to parse network config: {exc}") from exc
    try:
        return prev_result.of(call, top, cni_version)
    except CniError as exc:
        raise PluginFault(f"failed to parse prevResult: {exc.msg}") from exc
