"""Finding a network by its name in a directory of configurations (cni:libcni/conf.go).

Files are tried in byte order of their names. A file that cannot be read or parsed ends the search, even if it
is another network's: its name is not known until it parses.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from vmplumbd.cni import config
from vmplumbd.cni.config import NetworkConfigList, PluginConfig
from vmplumbd.cni.error import InvalidConfig, NetworkNotFound

DEFAULT_CONF_DIR = "/etc/cni/net.d"

_NEVER_AGAIN = itertools.count()
# Older than the coarsest clock of a file system tells apart: a directory's time says all that happened to it.
_SETTLED_NS = 2_500_000_000
_MOST_LISTED = 256

_Stat: TypeAlias = tuple[int, int, int]

# Files that lay in directories of configurations, with what those directories were then, by directory and network.
_listed: dict[tuple[str, str], tuple[tuple[_Stat | None, ...], tuple[str, ...]]] = {}


def load(conf_dir: str, name: str) -> NetworkConfigList:
    """Find the network: first among `.conflist` files, then `.conf` and `.json`, made a list of one.

    A directory that is not there is an empty one, and a file that goes after it was listed was not listed: other
    networks may come and go meanwhile. Raises NetworkNotFound, InvalidConfig.
    """
    lists = _files(conf_dir, {".conflist"})
    for path in lists:
        with _gone_is_fine(path):
            network = load_file(path)
            if network.name == name:
                return network
    singles = _files(conf_dir, {".conf", ".json"})
    for path in singles:
        with _gone_is_fine(path):
            plugin = config.parse_plugin(_read(path))
            if plugin.name == name:
                return config.list_of_one(plugin)
    if not lists and not singles:
        raise NetworkNotFound(f"no net configurations found in {conf_dir}", no_files=True)
    raise NetworkNotFound(f'no net configuration with name "{name}" in {conf_dir}')


def load_file(path: str) -> NetworkConfigList:
    """Read a list file and, unless it says otherwise, the plugins in `<its directory>/<network>/*.conf`.

    Raises InvalidConfig, also where there is no plugin in the end.
    """
    network = config.parse_list(_read(path))
    if not network.load_only_inlined_plugins:
        network = _with_plugins(network, _plugin_files(str(Path(path).parent), network.name))
    if not network.plugins:
        raise InvalidConfig("no plugin configs found")
    return network


def configurations(conf_dir: str) -> list[str]:
    """The files of a directory that may be networks, in byte order. None of one that cannot be read."""
    try:
        names = sorted(os.listdir(conf_dir))  # noqa: PTH208 - names, not paths
    except OSError:
        return []
    return [f"{conf_dir}/{one}" for one in names if one.endswith((".conflist", ".conf", ".json"))]


def load_any(path: str) -> NetworkConfigList:
    """Read a file of `configurations`; a single plugin becomes a list of one. Raises InvalidConfig, OSError."""
    if path.endswith(".conflist"):
        return load_file(path)
    with open(path, "rb") as file:  # noqa: PTH123 - bytes as they are
        return config.list_of_one(config.parse_plugin(file.read()))


def _with_plugins(network: NetworkConfigList, plugins: list[PluginConfig]) -> NetworkConfigList:
    if not plugins:
        return network
    return NetworkConfigList(
        name=network.name,
        cni_version=network.cni_version,
        disable_check=network.disable_check,
        disable_gc=network.disable_gc,
        load_only_inlined_plugins=network.load_only_inlined_plugins,
        plugins=(*network.plugins, *plugins),
        raw=network.raw,
    )


def _plugin_files(conf_dir: str, network: str) -> list[PluginConfig]:
    # libcni joins any name into the path. A name with a separator leaves the directory, an empty one is the
    # directory itself, where other networks' files lie: neither is a network that ADD would take.
    if "/" in network or "\0" in network or network in {"", ".", ".."}:
        return []
    directory = str(Path(conf_dir) / network)
    try:
        paths = _files(directory, {".conf"})
    except InvalidConfig as exc:
        raise InvalidConfig(f"failed to read plugin config files in {directory}: {exc}") from exc
    return [config.parse_plugin(_read(path)) for path in paths]


def _files(directory: str, extensions: set[str]) -> list[str]:
    try:
        with os.scandir(directory or ".") as entries:
            names = [entry.name for entry in entries if not entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise InvalidConfig(f"open {directory}: {exc.strerror}") from exc
    chosen = [name for name in names if "." in name and name[name.rindex(".") :] in extensions]
    return [str(Path(directory) / name) for name in sorted(chosen, key=os.fsencode)]


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as exc:
        raise InvalidConfig(f"error reading {path}: {exc.strerror}") from exc


@contextlib.contextmanager
def _gone_is_fine(path: str) -> Iterator[None]:
    try:
        yield
    except InvalidConfig as exc:
        # A link that leads nowhere is a fault of the configuration, as for libcni.
        if not isinstance(exc.__cause__, FileNotFoundError) or Path(path).is_symlink():
            raise


def signature(conf_dir: str, name: str) -> tuple[tuple[str, _Stat | int], ...]:
    """What is another one once a file that `load` might read has come, gone, or been written.

    Directories that stay as they are are not listed again.
    """
    directories = (conf_dir, f"{conf_dir}/{name}")
    now = tuple([_stat(each) for each in directories])
    before = _listed.get((conf_dir, name))
    if before is not None and before[0] == now:
        files = before[1]
    else:
        _listed.pop((conf_dir, name), None)
        found = [_files_in(each) for each in directories]
        files = tuple(sorted(path for each in found for path in each or ()))
        settled = time.time_ns() - _SETTLED_NS
        # What comes within the same tick of a file system's clock leaves no trace in the directory's time.
        if None not in found and all(each is None or each[1] < settled for each in now):
            if len(_listed) >= _MOST_LISTED:
                _listed.clear()
            _listed[conf_dir, name] = now, files
    # A file that has just gone must not be taken for what lies there then.
    return tuple([(path, _stat(path) or next(_NEVER_AGAIN)) for path in files])


def _stat(path: str) -> _Stat | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - the hot path
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _files_in(directory: str) -> list[str] | None:
    """None where it cannot be known."""
    try:
        with os.scandir(directory) as entries:
            return [entry.path for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        return None
