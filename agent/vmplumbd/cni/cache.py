"""The result cache, in libcni's format and place, so that either can read and remove the other's files.

One file an attachment: `<directory>/results/<network>-<container ID>-<interface>`. A file is written aside
and renamed, so a reader sees the old one or the new one; nothing is synced, since after a power loss the
network is gone as well. Directories are 0700, files 0600.

`-` is legal in all three names, so two attachments can have one file name. libcni then takes one for the
other; here a file whose content names another attachment is not ours: it is not read, not removed, and a
write that would replace it is refused. A name with `/` has no file.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
import functools
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from vmplumbd.cni import convert, result
from vmplumbd.cni.args import RuntimeConf
from vmplumbd.cni.config import NetworkConfigList
from vmplumbd.cni.error import CacheFailed, InvalidResult
from vmplumbd.cni.result import Result

DEFAULT_CACHE_DIR = "/var/lib/cni"
KIND = "cniCacheV1"

_A_PLACE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# Why a directory stays and nothing is wrong: it is gone, others use it, it is a mount point.
_NOT_OURS_TO_REMOVE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY})

_ENCODER = json.JSONEncoder(separators=(",", ":"))
_CHUNK = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedAttachment:
    """What a cache file says of one attachment. `config` are the bytes of its list at the time of ADD."""

    network: str
    conf: RuntimeConf
    config: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedResult:
    """All that a cache file says: the attachment, and the result of its ADD as JSON."""

    attachment: CachedAttachment
    result: bytes = field(repr=False)


def read_path(path: str) -> CachedResult | None:
    """The file at `path`, whatever its name; None if it is no record of an attachment."""
    raw = _read_file(path)
    body = None if raw is None else _object(raw)
    found = None if body is None or body.get("kind") != KIND else _attachment(body)
    if body is None or found is None or not found.network or not found.conf.if_name:
        return None
    made = body.get("result")
    if not found.conf.container_id or not found.config or not isinstance(made, dict):
        return None
    return CachedResult(attachment=found, result=_ENCODER.encode(made).encode())


class Opener(Protocol):
    """Who opens a cache's directory where other users may write above or in it."""

    def __call__(self, directory: str, *, make: bool) -> tuple[int, bool]:
        """The directory's descriptor, and whether it was made, which is done if it is missing and `make` is set.

        Raises OSError.
        """


@dataclass(frozen=True, slots=True)
class _At:
    """Where the files of one call are, and whether the directory was made for it."""

    directory: str
    results: str
    new: bool


@dataclass(frozen=True, slots=True)
class Cache:
    """The files under one directory. It need not exist before the first write. Safe to share by threads.

    With an `opener` the directory is opened once a call and everything happens below what was opened, so that no
    link that somebody puts into the path, or in the place of `results`, leads elsewhere.
    """

    directory: str = DEFAULT_CACHE_DIR
    opener: Opener | None = None

    def path(self, network: str, conf: RuntimeConf) -> str:
        """Where the attachment's file is. Raises CacheFailed for names that have none."""
        name = _file_name(network, conf)
        if name is None:
            raise CacheFailed(
                f'cache file path requires network name ("{network}"), container ID ("{conf.container_id}"), '
                f'and interface name ("{conf.if_name}")'
            )
        return f"{self.directory}/results/{name}"

    def write(
        self, network: NetworkConfigList, conf: RuntimeConf, done: Result, encoded: bytes | None = None
    ) -> None:
        """Record a successful ADD. Raises CacheFailed; then nothing of the record is there.

        `encoded` is `done` as JSON, if the caller has it.
        """
        path = self.path(network.name, conf)
        name = _file_name(network.name, conf) or ""
        body = _encode(network, conf, done, encoded)
        try:
            try:
                self._write(name, body, network.name, conf)
            except FileNotFoundError:
                # Another's teardown has taken the directories between two steps of ours.
                self._write(name, body, network.name, conf)
        except OSError as exc:
            raise CacheFailed(f"open {path}: {exc.strerror}") from exc

    def _write(self, name: str, body: bytes, network: str, conf: RuntimeConf) -> None:
        with self._open(make=True) as at:
            # In a directory that was not there before, as one for each VM is not, there is no record of another.
            other = "" if at.new else _belongs_to_another(f"{at.results}/{name}", network, conf)
            if other:
                raise CacheFailed(f"{self.path(network, conf)} belongs to another attachment: {other}")
            aside = _aside(at, name)
            try:
                _write_file(aside, body)
                os.replace(aside, f"{at.results}/{name}")  # noqa: PTH105 - hot path
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(aside)  # noqa: PTH108 - hot path
                raise

    def read(self, network: str, conf: RuntimeConf, *, cni_version: str) -> Result | None:
        """The result of the last ADD in the version asked for; None if there is none that can be read.

        A file of no known kind is tried as the bare result that libcni wrote before 0.8.
        Raises InvalidResult if what is there is no result or cannot be converted.
        """
        raw = self._read(network, conf)
        if raw is None:
            return None
        body = _object(raw)
        if body is not None and body.get("kind") == KIND:
            if not _is_of(body, network, conf):
                return None
            found = result.parse(body.get("result"))
        else:
            found = result.parse(raw)
        try:
            return convert.to_version(found, cni_version)
        except InvalidResult as exc:
            raise InvalidResult(
                f'failed to convert cached result to config version "{cni_version}": {exc}'
            ) from exc

    def read_config(self, network: str, conf: RuntimeConf) -> CachedAttachment | None:
        """The list's bytes and the arguments of the last ADD; None if there is no file of this attachment.

        Raises CacheFailed if the file is there and is not of the kind that says so.
        """
        self.path(network, conf)
        raw = self._read(network, conf)
        if raw is None:
            return None
        body = _object(raw)
        if body is None:
            raise CacheFailed(f'failed to unmarshal cached network "{network}" config: not an object')
        if body.get("kind") != KIND:
            raise CacheFailed(
                f'read cached network "{network}" config has wrong kind: {body.get("kind", "")}'
            )
        if not _is_of(body, network, conf):
            return None
        found = _attachment(body)
        if found is None:
            raise CacheFailed(
                f'failed to unmarshal cached network "{network}" config: fields of a wrong type'
            )
        args = conf.args if body.get("cniArgs") is None else found.conf.args
        kept = RuntimeConf(
            container_id=conf.container_id,
            netns=conf.netns,
            if_name=conf.if_name,
            args=args,
            capability_args=found.conf.capability_args,
        )
        return CachedAttachment(network=network, conf=kept, config=found.config)

    def has(self, network: str, conf: RuntimeConf) -> bool:
        """Whether a file has the attachment's name, or the beginning of one that was being written."""
        name = _file_name(network, conf)
        if name is None:
            return False
        try:
            with self._open() as at:
                return os.access(f"{at.results}/{name}", os.F_OK) or os.access(_aside(at, name), os.F_OK)
        except OSError:
            return False

    def remove(self, network: str, conf: RuntimeConf) -> None:
        """Remove the attachment's file. Gone already is success; another attachment's file stays.

        Raises CacheFailed; the file is then still there.
        """
        name = _file_name(network, conf)
        if name is None:
            return
        try:
            with self._open() as at:
                if not _belongs_to_another(f"{at.results}/{name}", network, conf):
                    _unlink(f"{at.results}/{name}")
                _unlink(_aside(at, name))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as exc:
            raise CacheFailed(f"remove {self.directory}/results/{name}: {exc.strerror}") from exc

    def remove_directories(self) -> None:
        """Remove the directory and its `results`, as far as they are empty and no mount. Raises CacheFailed."""
        above, _, name = self.directory.rpartition("/")
        try:
            with self._place(above or "/") as place:
                for directory in (f"{place}/{name}/results", f"{place}/{name}"):
                    _rmdir(directory)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as exc:
            raise CacheFailed(f"remove {self.directory}: {exc.strerror}") from exc

    @contextlib.contextmanager
    def _open(self, *, make: bool = False) -> Iterator[_At]:
        """Where the files are. Without `make` and where there is no directory, their names lead nowhere."""
        if self.opener is None:
            results = f"{self.directory}/results"
            new = make and _make_directories(self.directory)
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(results, 0o700)  # noqa: PTH102 - hot path
            yield _At(self.directory, results, new)
            return
        directory, new = self.opener(self.directory, make=make)
        results_fd = -1
        try:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir("results", 0o700, dir_fd=directory)
            try:
                results_fd = os.open("results", _A_PLACE, dir_fd=directory)
            except FileNotFoundError:
                pass
            except NotADirectoryError:
                raise OSError(errno.ELOOP, "results is a link, or no directory") from None
            below = f"/proc/self/fd/{results_fd}" if results_fd >= 0 else f"/proc/self/fd/{directory}/results"
            yield _At(f"/proc/self/fd/{directory}", below, new)
        finally:
            os.close(directory)
            if results_fd >= 0:
                os.close(results_fd)

    @contextlib.contextmanager
    def _place(self, directory: str) -> Iterator[str]:
        if self.opener is None:
            yield directory
            return
        fd, _ = self.opener(directory, make=False)
        try:
            yield f"/proc/self/fd/{fd}"
        finally:
            os.close(fd)

    def attachments(self, container_id: str = "") -> tuple[CachedAttachment, ...]:
        """Every attachment on record, or one container's, in order of file names. Other files are skipped.

        Raises CacheFailed if the directory is there and cannot be listed.
        """
        try:
            with self._open() as at:
                return _listed(at.results, container_id)
        except FileNotFoundError:
            return ()
        except OSError as exc:
            raise CacheFailed(f"open {self.directory}/results: {exc.strerror}") from exc

    def _read(self, network: str, conf: RuntimeConf) -> bytes | None:
        name = _file_name(network, conf)
        if name is None:
            return None
        try:
            with self._open() as at:
                return _read_file(f"{at.results}/{name}")
        except OSError:
            return None


def _listed(results: str, container_id: str) -> tuple[CachedAttachment, ...]:
    names = sorted(os.listdir(results), key=os.fsencode)  # noqa: PTH208 - names, not paths
    part = f"-{container_id}-"
    found = []
    for name in names:
        # As libcni: the ID stands neither at the start nor at the end of the name.
        if container_id and not 0 < name.find(part) < len(name) - len(part):
            continue
        raw = _read_file(f"{results}/{name}")
        body = None if raw is None else _object(raw)
        each = None if body is None or body.get("kind") != KIND else _attachment(body)
        if each is None or not each.network or not each.conf.if_name:
            continue
        if container_id and each.conf.container_id != container_id:
            continue
        found.append(each)
    return tuple(found)


def _file_name(network: str, conf: RuntimeConf) -> str | None:
    if not network or not conf.container_id or not conf.if_name:
        return None
    name = f"{network}-{conf.container_id}-{conf.if_name}"
    return None if "/" in name or "\0" in name else name


def _encode(network: NetworkConfigList, conf: RuntimeConf, done: Result, encoded: bytes | None) -> bytes:
    body: dict[str, Any] = {
        "kind": KIND,
        "containerId": conf.container_id,
        "config": _base64(network.raw),
        "ifName": conf.if_name,
        "networkName": network.name,
    }
    if conf.netns:
        body["netns"] = conf.netns
    if conf.args:
        body["cniArgs"] = conf.args
    if conf.capability_args:
        body["capabilityArgs"] = dict(conf.capability_args)
    if encoded is not None and encoded.isascii():
        return b'%b,"result":%b}' % (_ENCODER.encode(body)[:-1].encode(), encoded)
    body["result"] = result.to_object(done)
    return _ENCODER.encode(body).encode()


@functools.lru_cache(maxsize=64)
def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _aside(at: _At, name: str) -> str:
    """Where a record is written before it is moved into place.

    One name an attachment, which has one operation at a time: what a killed writer leaves is removed
    with the record. It lies outside results/, where libcni would list it as an attachment.
    """
    return f"{at.directory}/.{name}"


def _rmdir(directory: str) -> None:
    try:
        os.rmdir(directory)  # noqa: PTH106 - hot path
    except OSError as exc:
        # A read-only disk refuses before it looks whether there is anything to remove.
        if exc.errno == errno.EROFS and not os.path.lexists(directory):
            return
        if exc.errno not in _NOT_OURS_TO_REMOVE:
            raise


def _make_directories(path: str) -> bool:
    """Make what is missing of a path; answers whether its last directory was."""
    # os.makedirs gives its mode to the last one only.
    try:
        os.mkdir(path, 0o700)  # noqa: PTH102 - hot path
    except FileExistsError:
        return False
    except FileNotFoundError:
        _make_directories(path.rpartition("/")[0] or "/")
        return _make_directories(path)
    return True


def _write_file(path: str, body: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        written = os.write(fd, body)
        while written < len(body):
            written += os.write(fd, body[written:])
    finally:
        os.close(fd)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)  # noqa: PTH108 - hot path
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as exc:
        # A read-only disk refuses before it looks whether there is anything to remove.
        if exc.errno != errno.EROFS or os.path.lexists(path):
            raise


def _read_file(path: str) -> bytes | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        parts = []
        while part := os.read(fd, _CHUNK):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return None
    finally:
        with contextlib.suppress(OSError):
            os.close(fd)


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _names(body: Mapping[str, Any]) -> tuple[object, object, object]:
    return body.get("networkName"), body.get("containerId"), body.get("ifName")


def _is_of(body: Mapping[str, Any], network: str, conf: RuntimeConf) -> bool:
    return _names(body) == (network, conf.container_id, conf.if_name)


def _belongs_to_another(path: str, network: str, conf: RuntimeConf) -> str:
    """Whose the file is, if it is another attachment's; "" if it is ours, nobody's, or not there."""
    raw = _read_file(path)
    body = None if raw is None else _object(raw)
    if body is None or body.get("kind") != KIND or _is_of(body, network, conf):
        return ""
    return " ".join(str(name) for name in _names(body))


def _attachment(body: Mapping[str, Any]) -> CachedAttachment | None:
    container_id = body.get("containerId") or ""
    network, if_name = body.get("networkName") or "", body.get("ifName") or ""
    netns, encoded = body.get("netns") or "", body.get("config") or ""
    args, capability_args = body.get("cniArgs") or [], body.get("capabilityArgs") or {}
    texts = (container_id, network, if_name, netns, encoded)
    if not all(isinstance(text, str) for text in texts) or not isinstance(capability_args, dict):
        return None
    try:
        config = base64.b64decode(encoded, validate=True)
        pairs = tuple((key, value) for key, value in args)
    except (binascii.Error, ValueError, TypeError):
        return None
    if not all(isinstance(text, str) for pair in pairs for text in pair):
        return None
    return CachedAttachment(
        network=network,
        conf=RuntimeConf(
            container_id=container_id,
            netns=netns,
            if_name=if_name,
            args=pairs,
            capability_args=capability_args,
        ),
        config=config,
    )
