"""Finding a network by its name in a directory of configurations (cni:libcni/conf.go).

Files are tried in byte order of their names. A file that cannot be read or parsed ends the search, even if it
is another network's: its name is not known until it parses.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from vmplumbd.cni import config
from vmplumbd.cni.config import NetworkConfigList, PluginConfig
from vmplumbd.cni.error import InvalidConfig, NetworkNotFound

DEFAULT_CONF_DIR = "/etc/cni/net.d"


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
