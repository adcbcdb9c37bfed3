"""The tuning plugin: settings of the namespace, and attributes of a link that another plugin made.

What a link was before is written down first, and put back on DEL. Settings of the namespace stay on DEL, as
with the reference: another attachment of the same namespace may have asked for the same.

Beyond the reference: everything that can be refused is refused before the first act; an ADD that fails puts
back what it set; DEL forgets a link that is gone, says so when one that is there cannot be put back, and
needs no more of the configuration than where that is written; GC forgets what no valid attachment owns.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from vmplumbd.abc import Kernel, Netns
from vmplumbd.cni import version as versions
from vmplumbd.cni.error import CniError
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.cni.result import Result
from vmplumbd.errors import KernelFault, NotANetns, NotFound
from vmplumbd.model import net
from vmplumbd.plugins import attachments, prev_result
from vmplumbd.plugins.conf import PluginFault, Section
from vmplumbd.plugins.skel import Verb
from vmplumbd.plugins.tuning import backup, config
from vmplumbd.plugins.tuning.config import Attributes, TuningConf

# A setting that may be written and not read, as "flush" is, has no value to put back.
_UNREADABLE = frozenset({errno.EACCES, errno.EPERM})

# What `_set` sets, in its order.
_ATTRIBUTES = ("MAC address", "promiscuous mode", "all-multicast mode", "transmit queue length", "MTU")


class Tuning:
    """The plugin. `allowlist` is the operator's file of allowed settings; without it all of net/ are.

    `keep_devices`: DEL leaves the link to its namespace's end.
    """

    def __init__(
        self, kernel: Kernel, *, allowlist: str = config.DEFAULT_ALLOWLIST, keep_devices: bool = False
    ) -> None:
        self._kernel = kernel
        self._allowlist = Path(allowlist)
        self._keep_devices = keep_devices
        self.supported = versions.ALL
        self.verbs: Mapping[Command, Verb] = {
            Command.ADD: self.add,
            Command.DEL: self.del_,
            Command.CHECK: self.check,
            Command.GC: self.gc,
        }

    def not_built_in(self, stdin: bytes) -> str | None:  # noqa: ARG002  everything is
        """Nothing is left to the executable."""
        return None

    def add(self, call: Invocation) -> Result:
        """Set everything, or nothing. Answers prevResult with the MAC. Raises CniError, OSError."""
        top, parsed = _parse(call)
        allowed = self._allowed()
        if allowed is not None:
            config.refuse_forbidden(parsed, allowed)
        made = _prev_result(call, top, parsed)
        settings = config.settings(parsed, call.if_name)
        wanted = config.attributes(parsed)
        with prev_result.open_netns(self._kernel, call.netns) as netns:
            undo: list[Callable[[], None]] = []
            try:
                _write_settings(netns, settings, undo)
                if wanted != config.NOTHING:
                    _change_link(netns, call, parsed, wanted, undo)
            except BaseException as exc:
                _take_back(undo, exc)
                raise
        if not parsed.mac:
            return made
        interfaces = [
            replace(each, mac=parsed.mac) if each.name == call.if_name else each for each in made.interfaces
        ]
        return replace(made, interfaces=tuple(interfaces))

    def del_(self, call: Invocation) -> None:
        """Put the link back, and forget how it was. What is gone is success. Raises CniError, OSError."""
        path = _file(call, config.data_dir(config.load(call.stdin)))
        content = backup.read(path)
        if content is None:
            backup.forget(path)
            return
        if call.netns and not self._keep_devices:
            try:
                with prev_result.open_netns(self._kernel, call.netns) as netns:
                    _put_back(netns, call.if_name, backup.decode(content))
            except PluginFault as exc:
                if not isinstance(exc.__cause__, NotFound | NotANetns):
                    raise
        backup.forget(path)

    def has_traces(self, call: Invocation) -> bool:
        """Whether there is a link to put back, or one to forget."""
        return backup.remains(_file(call, config.data_dir(config.load(call.stdin))))

    def check(self, call: Invocation) -> None:
        """Raises CniError unless everything is as it was set."""
        top, parsed = _parse(call)
        _prev_result(call, top, parsed)
        with prev_result.open_netns(self._kernel, call.netns) as netns:
            _check_settings(netns, config.settings(parsed, call.if_name))
            try:
                link = netns.link(name=call.if_name)
            except NotFound as exc:
                raise PluginFault(f"Cannot find container link {call.if_name}") from exc
            _check_link(link, parsed)

    def gc(self, call: Invocation) -> None:
        """Forget what no valid attachment of the network owns. Raises CniError, OSError.

        A configuration that does not name the valid attachments forgets nothing.
        """
        valid = attachments.valid(call.stdin)
        if valid is None:
            return
        top = config.load(call.stdin)
        keep = {backup.file_name(container_id, if_name) for container_id, if_name in valid}
        backup.collect(Path(config.data_dir(top)), top.values["name"], keep)

    def _allowed(self) -> list[str] | None:
        try:
            text = self._allowlist.read_text(encoding="utf-8", errors="surrogateescape")
        except FileNotFoundError:
            return None
        return [line.strip() for line in text.splitlines() if line.strip()]


def _parse(call: Invocation) -> tuple[Section, TuningConf]:
    config.refuse_conflicts(call.stdin)
    top = config.load(call.stdin)
    return top, config.parse(top, call.args)


def _write_settings(
    netns: Netns, settings: Sequence[tuple[str, str]], undo: list[Callable[[], None]]
) -> None:
    for key, value in settings:
        try:
            before = netns.read_sysctl(key)
        except NotFound as exc:
            raise PluginFault(f"open /proc/sys/{key}: {_words(errno.ENOENT)}") from exc
        except KernelFault as exc:
            if exc.errno not in _UNREADABLE:
                raise
        else:
            undo.append(_writer(netns, key, before))
        try:
            netns.write_sysctl(key, value)
        except KernelFault as exc:
            raise PluginFault(f"write /proc/sys/{key}: {_words(exc.errno)}") from exc


def _writer(netns: Netns, key: str, value: str) -> Callable[[], None]:
    return lambda: netns.write_sysctl(key, value)


def _change_link(
    netns: Netns,
    call: Invocation,
    parsed: TuningConf,
    wanted: Attributes,
    undo: list[Callable[[], None]],
) -> None:
    try:
        link = netns.link(name=call.if_name)
    except NotFound as exc:
        raise PluginFault(f'failed to get "{call.if_name}": Link not found') from exc
    before = Attributes(
        mac=None if wanted.mac is None else link.mac,
        promisc=None if wanted.promisc is None else link.promisc,
        allmulti=None if wanted.allmulti is None else link.allmulti,
        tx_queue_length=None if wanted.tx_queue_length is None else link.tx_queue_length,
        mtu=None if wanted.mtu is None else link.mtu,
    )
    path = _file(call, parsed.data_dir)
    earlier = backup.read(path)
    undo.append(lambda: backup.forget(path) if earlier is None else backup.put(path, earlier))
    backup.put(path, backup.encode(before, parsed.network))
    undo.append(lambda: _set(netns, link.index, before))
    try:
        _set(netns, link.index, wanted)
    except KernelFault as exc:
        raise PluginFault(f"failed to set {_ATTRIBUTES[exc.op]} of {link.name}: {_words(exc.errno)}") from exc


def _set(netns: Netns, index: int, to: Attributes) -> None:
    """Each in a request of its own: one that is refused leaves the others set."""
    # The MTU comes last: a small one takes IPv6 and its addresses from the link, which nothing brings back.
    netns.apply(
        [
            net.SetLink(index=index, mac=to.mac),
            net.SetLink(index=index, promisc=to.promisc),
            net.SetLink(index=index, allmulti=to.allmulti),
            net.SetLink(index=index, tx_queue_length=to.tx_queue_length),
            net.SetLink(index=index, mtu=to.mtu),
        ]
    )


def _put_back(netns: Netns, if_name: str, before: Attributes) -> None:
    try:
        link = netns.link(name=if_name)
    except NotFound:
        return
    _set(netns, link.index, before)


def _take_back(undo: Sequence[Callable[[], None]], fault: BaseException) -> None:
    for step in reversed(undo):
        try:
            step()
        except (KernelFault, OSError) as failed:
            fault.add_note(f"not as it was before: {failed}")


def _check_settings(netns: Netns, settings: Sequence[tuple[str, str]]) -> None:
    for key, wanted in settings:
        try:
            found = netns.read_sysctl(key)
        except NotFound as exc:
            raise PluginFault(f"open /proc/sys/{key}: {_words(errno.ENOENT)}") from exc
        # The kernel writes lists with tabs, whatever they were set with.
        if wanted.split() != found.split():
            raise PluginFault(
                f"Error: Tuning configured value of /proc/sys/{key} is {wanted}, current value is {found}"
            )


def _check_link(link: net.LinkInfo, parsed: TuningConf) -> None:
    if parsed.mac and config.mac_bytes(parsed.mac) != link.mac:
        raise PluginFault(
            f"Error: Tuning configured Ethernet of {link.name} is {parsed.mac}, "
            f"current value is {prev_result.mac_text(link.mac)}"
        )
    if parsed.promisc != link.promisc:
        raise PluginFault(
            f"Error: Tuning link {link.name} configured promisc is {str(parsed.promisc).lower()}, "
            f"current value is {int(link.promisc)}"
        )
    rows: tuple[tuple[str, object, object], ...] = (
        ("MTU", parsed.mtu or None, link.mtu),
        ("all-multicast mode", parsed.allmulti, link.allmulti),
        ("Transmit Queue Length", parsed.tx_queue_length, link.tx_queue_length),
    )
    for what, wanted, found in rows:
        if wanted not in (None, found):
            raise PluginFault(
                f"Error: Tuning configured {what} of {link.name} is {wanted}, current value is {found}"
            )


def _prev_result(call: Invocation, top: Section, parsed: TuningConf) -> Result:
    try:
        made = prev_result.of(call, top, parsed.cni_version)
    except CniError as exc:
        raise PluginFault(exc.msg) from exc
    if made is None:
        raise PluginFault("Required prevResult missing")
    return made


def _file(call: Invocation, data_dir: str) -> Path:
    return Path(data_dir, backup.file_name(call.container_id, call.if_name))


def _words(code: int) -> str:
    """The kernel's refusal as Go writes it, which is what operators search for."""
    return os.strerror(code).lower()
