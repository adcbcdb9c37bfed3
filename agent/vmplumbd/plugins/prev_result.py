"""The result that a chained plugin was handed, and the namespace it was made in."""

from __future__ import annotations

from types import TracebackType

from vmplumbd.abc import Kernel, Netns
from vmplumbd.cni import result
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Invocation
from vmplumbd.cni.result import Interface, Result
from vmplumbd.errors import NotANetns, NotFound
from vmplumbd.plugins.conf import PluginFault, Section


def of(call: Invocation, top: Section, cni_version: str) -> Result | None:
    """The call's prevResult, handed over or in its configuration; None if there is none. Raises CniError.

    It is read in the configuration's version where it names none (cni:pkg/version/version.go).
    """
    if call.previous is not None:
        return call.previous
    raw = top.values.get("prevresult")
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise PluginFault("could not parse prevResult: not an object")
    try:
        return result.parse(raw, default_version=cni_version)
    except CniError as exc:
        raise PluginFault(f"could not parse prevResult: {exc.msg}") from exc


def mac_text(mac: bytes) -> str:
    """A MAC as results write it."""
    return mac.hex(":")


def in_sandbox(made: Result, name: str, sandbox: str) -> Interface | None:
    """The last interface of that name in that sandbox."""
    matching = [each for each in made.interfaces if each.name == name and (each.sandbox or "") == sandbox]
    return matching[-1] if matching else None


def own_indexes(made: Result, call: Invocation) -> frozenset[int]:
    """Which interfaces are the call's link in its namespace."""
    return frozenset(
        index
        for index, each in enumerate(made.interfaces)
        if each.name == call.if_name and each.sandbox == call.netns
    )


def tap_name(made: Result | None, call: Invocation) -> str | None:
    """The name that an interface in the VM and one in the namespace share."""
    if made is None:
        return None
    inside = {each.name for each in made.interfaces if each.sandbox == call.container_id}
    return next(
        (each.name for each in made.interfaces if each.sandbox == call.netns and each.name in inside), None
    )


def host_end(made: Result, if_name: str) -> Interface | None:
    """The device on the host that a veth pair's plugin made with `if_name`: the last outside before it.

    ptp says host end, container; bridge says bridge, host end, container, and what came after is others'.
    """
    before: Interface | None = None
    for each in made.interfaces:
        if each.sandbox and each.name == if_name:
            return before
        if not each.sandbox:
            before = each
    return None


class open_netns:  # noqa: N801  reads as a participle in `with`
    """Open CNI_NETNS. Raises PluginFault with the reference's text, caused by NotFound or NotANetns."""

    __slots__ = ("_inner", "_path")

    def __init__(self, kernel: Kernel, path: str) -> None:
        self._inner = kernel.open_netns(path)
        self._path = path

    def __enter__(self) -> Netns:
        path = self._path
        try:
            return self._inner.__enter__()
        except NotFound as exc:
            raise PluginFault(
                f'failed to open netns "{path}": failed to Statfs "{path}": no such file or directory'
            ) from exc
        except NotANetns as exc:
            raise PluginFault(f'failed to open netns "{path}": unknown FS magic on "{path}": {exc}') from exc

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._inner.__exit__(kind, fault, trace)
