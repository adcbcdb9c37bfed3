"""The host-local IPAM plugin: addresses out of ranges, kept in files that the real plugin understands.

Beyond the reference: GC frees what no valid attachment owns, a failing ADD takes back only what it
took itself, and a file that cannot be removed on DEL is an error, not silence.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from vmplumbd.cni import result
from vmplumbd.cni import version as versions
from vmplumbd.cni.error import ErrorCode
from vmplumbd.cni.invoke import Command, Invocation
from vmplumbd.errors import hint_of
from vmplumbd.plugins import attachments
from vmplumbd.plugins.conf import PluginFault
from vmplumbd.plugins.host_local import allocator, config
from vmplumbd.plugins.host_local.config import HostLocalConf
from vmplumbd.plugins.host_local.index import Index
from vmplumbd.plugins.host_local.store import PATIENT, Store
from vmplumbd.plugins.skel import Verb


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """One file of a directory. Without an owner both ids are "": a crash of another program left it."""

    name: str
    container_id: str
    if_name: str


class HostLocal:
    """The plugin, with the directories it has used open. Safe for several threads."""

    def __init__(self, waits: Sequence[float] = PATIENT) -> None:
        """`waits` for a lock that another process holds: see `Store.open`."""
        self._waits = waits
        self._indexes: dict[str, Index] = {}
        self._opening = threading.Lock()
        # Directories in which the last ADD left an address: they need no look before the next one.
        self._roomy: set[str] = set()
        self.supported = versions.ALL
        self.verbs: Mapping[Command, Verb] = {
            Command.ADD: self.add,
            Command.DEL: self.del_,
            Command.CHECK: self.check,
            Command.GC: self.gc,
        }

    def close(self) -> None:
        """Let go of the directories. Nothing may run any more."""
        for index in self._indexes.values():
            index.close()
        self._indexes.clear()
        self._roomy.clear()

    def not_built_in(self, stdin: bytes) -> str | None:  # noqa: ARG002  everything is
        """Nothing is left to the executable."""
        return None

    def add(self, call: Invocation) -> result.Result:
        """Take one address of each range set, or none. Raises PluginFault, OSError."""
        parsed = config.parse(call.stdin, call.args)
        dns = resolver(parsed.resolv_conf) if parsed.resolv_conf else result.DNS()
        directory = _directory(parsed)
        with self._locked(directory) as index:
            self._roomy.discard(directory)
            allocations = allocator.allocate(
                index,
                parsed.range_sets,
                parsed.requested,
                container_id=call.container_id,
                if_name=call.if_name,
            )
            self._note_room(directory, allocator.full(index, parsed.range_sets))
        return result.Result(
            cni_version=versions.CURRENT,
            ips=tuple(result.IPConfig(address=each.address, gateway=each.gateway) for each in allocations),
            routes=parsed.routes,
            dns=dns,
        )

    def del_(self, call: Invocation) -> None:
        """Free what the attachment holds. Nothing held is success."""
        with self._locked(_directory(config.parse(call.stdin, call.args))) as index:
            allocator.release(index, container_id=call.container_id, if_name=call.if_name)

    def has_traces(self, call: Invocation) -> bool:
        """Whether the attachment holds an address. Raises PluginFault, OSError."""
        with self._locked(_directory(config.parse(call.stdin, call.args))) as index:
            return bool(
                index.names_of(allocator.owner(call.container_id, call.if_name))
                or index.names_of(call.container_id.strip())
            )

    def check(self, call: Invocation) -> None:
        """Raises PluginFault unless the attachment holds an address, whichever."""
        with self._locked(_directory(config.parse(call.stdin, call.args))) as index:
            held = index.names_of(allocator.owner(call.container_id, call.if_name))
            if not held and not index.names_of(call.container_id.strip()):
                raise PluginFault(
                    f"host-local: Failed to find address added by container {call.container_id}"
                )

    def gc(self, call: Invocation) -> None:
        """Free what no valid attachment owns. A file without an owner stays: nobody knows whose it is.

        A configuration that does not name the valid attachments frees nothing.
        """
        valid = attachments.valid(call.stdin)
        if valid is None:
            return
        owners = {allocator.owner(container_id, if_name) for container_id, if_name in valid}
        owners |= {container_id.strip() for container_id, _ in valid}
        with self._locked(_directory(config.parse(call.stdin, ""))) as index:
            for content in index.contents():
                if content and content not in owners:
                    index.release(content)

    def full(self, stdin: bytes, container_id: str, if_name: str) -> allocator.Full | None:
        """The range set that has no address left for this attachment; None if ADD would find one in each.

        As far as is known without ranges that a call brings. What the attachment holds itself, its DEL would
        free. Makes nothing. Raises OSError, PluginFault if the directory cannot be read.
        """
        try:
            parsed = config.parse(stdin, "")
        except PluginFault:
            return None
        directory = _directory(parsed)
        if directory in self._roomy or not Path(directory).is_dir():
            return None
        with self._locked(directory) as index:
            found = allocator.full(index, parsed.range_sets)
            if found is not None:
                index.look_again()
                found = allocator.full(index, parsed.range_sets)
            self._note_room(directory, found)
            if index.names_of(allocator.owner(container_id, if_name)):
                return None
        return found

    def usage(self, stdin: bytes) -> tuple[allocator.Full, ...]:
        """How many addresses of each of its range sets are held. Makes nothing.

        None of a configuration that cannot be used. Raises OSError, PluginFault if the directory cannot be read.
        """
        try:
            parsed = config.parse(stdin, "")
        except PluginFault:
            return ()
        directory = _directory(parsed)
        if not Path(directory).is_dir():
            return allocator.usage(None, parsed.range_sets)
        with self._locked(directory) as index:
            return allocator.usage(index, parsed.range_sets)

    def locked_elsewhere(self, stdin: bytes) -> str:
        """The directory whose lock another process holds now, "" if none. Does not wait; raises nothing.

        A directory that was not used yet is not known.
        """
        try:
            directory = _directory(config.parse(stdin, ""))
        except PluginFault:
            return ""
        index = self._indexes.get(directory)
        return directory if index is not None and index.is_locked_elsewhere() else ""

    def _note_room(self, directory: str, full: allocator.Full | None) -> None:
        (self._roomy.add if full is None else self._roomy.discard)(directory)

    def release(self, directory: str, container_id: str, if_name: str) -> tuple[str, ...]:
        """Free what an attachment holds in a directory, whatever its configuration says now."""
        with self._locked(directory) as index:
            return tuple(allocator.release(index, container_id=container_id, if_name=if_name))

    def release_all(self, directory: str, owners: Iterable[tuple[str, str]]) -> None:
        """The same for many attachments, (container_id, if_name), under one lock. Raises OSError, PluginFault."""
        with self._locked(directory) as index:
            for container_id, if_name in owners:
                allocator.release(index, container_id=container_id, if_name=if_name)

    def survey(self, directory: str) -> tuple[Reservation, ...]:
        """Everything that is reserved in a directory. Raises FileNotFoundError if there is none."""
        if not Path(directory).is_dir():
            raise FileNotFoundError(directory)
        with self._locked(directory) as index:
            return tuple(
                Reservation(name=name, container_id=container_id, if_name=if_name)
                for content in index.contents()
                for container_id, _, if_name in (content.partition(allocator.LINE_BREAK),)
                for name in index.names_of(content)
            )

    def _locked(self, directory: str) -> _Locked:
        return _Locked(self, directory)

    def _index(self, directory: str) -> Index:
        index = self._indexes.get(directory)
        if index is None:
            with self._opening:
                if directory not in self._indexes:
                    self._indexes[directory] = Index(Store.open(directory, self._waits))
                index = self._indexes[directory]
        return index


class _Locked:
    """A directory's index under its lock. An OSError of any of it is the plugin's fault, with its code."""

    __slots__ = ("_directory", "_held", "_plugin")

    def __init__(self, plugin: HostLocal, directory: str) -> None:
        self._plugin = plugin
        self._directory = directory

    def __enter__(self) -> Index:
        try:
            index = self._plugin._index(self._directory)  # noqa: SLF001 - two halves of one thing
            self._held = index.locked()
            self._held.__enter__()
        except OSError as exc:
            raise self._fault(exc) from exc
        return index

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._held.__exit__(kind, fault, trace)
        except OSError as exc:
            raise self._fault(exc) from exc
        if isinstance(fault, OSError):
            raise self._fault(fault) from fault

    def _fault(self, exc: OSError) -> PluginFault:
        fault = PluginFault(f"host-local: {self._directory}: {exc.strerror}", code=ErrorCode.IO_FAILURE)
        fault.hint = hint_of(exc)
        return fault


def directory_of(stdin: bytes) -> str:
    """Where a configuration's reservations lie. Raises PluginFault."""
    return _directory(config.parse(stdin, ""))


def _directory(parsed: HostLocalConf) -> str:
    return f"{parsed.data_dir}/{parsed.network}"


def resolver(path: str) -> result.DNS:
    """Read a resolv.conf; of its domains the last one counts. Raises PluginFault."""
    nameservers: list[str] = []
    search: list[str] = []
    options: list[str] = []
    domain: str | None = None
    try:
        text = Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as exc:
        raise PluginFault(f"open {path}: {(exc.strerror or '').lower()}") from exc
    for line in text.splitlines():
        match line.strip().split():
            case [key, *_] if key[0] in "#;":
                continue
            case ["nameserver", server, *_]:
                nameservers.append(server)
            case ["domain", domain, *_]:
                pass
            case ["search", first, *rest]:
                search += [first, *rest]
            case ["options", first, *rest]:
                options += [first, *rest]
    return result.DNS(
        nameservers=tuple(nameservers), domain=domain, search=tuple(search), options=tuple(options)
    )
