"""Network configurations: bytes to NetworkConfigList, and to what one plugin reads on stdin.

The list level is read by exact keys, the plugin level without regard to case, as libcni does
(cni:libcni/conf.go). Integers keep every digit; libcni sends them through a float64 and rounds above 2**53.
Of equal keys the last one counts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vmplumbd.cni import version as versions
from vmplumbd.cni.error import InvalidConfig, InvalidVersion

_LIST = "error parsing configuration list"
_PLUGIN = "error parsing configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginConfig:
    """One plugin of a list. `capabilities` are those switched on. `conf` is the whole object as written.

    `name` and `cni_version` are the object's own and only count where it stands alone. Do not change `conf`.
    """

    type: str
    name: str = ""
    cni_version: str = ""
    capabilities: frozenset[str] = frozenset()
    conf: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfigList:
    """A network: its plugins in ADD's order. `raw` are the bytes it was read from; the cache keeps them.

    `requests` is `request`'s own: what plugins read on stdin when nothing is added to their configuration, by
    the plugin's identity.
    """

    name: str
    cni_version: str
    disable_check: bool = False
    disable_gc: bool = False
    load_only_inlined_plugins: bool = False
    plugins: tuple[PluginConfig, ...] = ()
    raw: bytes = field(repr=False)
    requests: dict[int, tuple[PluginConfig, bytes]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )


def parse_list(raw: bytes) -> NetworkConfigList:
    """Read a configuration list. Raises InvalidConfig; an empty or bad name is left for ADD to refuse."""
    conf = _load(raw, _LIST)
    name = _typed_text(conf, "name", "name")
    if name is None:
        raise InvalidConfig(f"{_LIST}: no name")
    cni_version = _choose_version(conf, _typed_text(conf, "cniVersion", "cniVersion") or "")
    only_inlined = _boolean(conf, "loadOnlyInlinedPlugins")
    return NetworkConfigList(
        name=name,
        cni_version=cni_version,
        disable_check=_boolean(conf, "disableCheck"),
        disable_gc=_boolean(conf, "disableGC"),
        load_only_inlined_plugins=only_inlined,
        plugins=_plugins(conf, only_inlined=only_inlined),
        raw=bytes(raw),
    )


def parse_plugin(raw: bytes) -> PluginConfig:
    """Read the configuration of one plugin. Raises InvalidConfig."""
    return _plugin(_load(raw, _PLUGIN))


def list_of_one(plugin: PluginConfig) -> NetworkConfigList:
    """Make a list of a configuration that stands alone in a file, under its own name and version."""
    body = {"cniVersion": plugin.cni_version, "name": plugin.name, "plugins": [dict(plugin.conf)]}
    return parse_list(json.dumps(body, separators=(",", ":")).encode())


def inject(plugin: PluginConfig, values: Mapping[str, Any]) -> PluginConfig:
    """The same plugin with some keys set. Raises InvalidConfig for an empty key, None, or a lost type."""
    for key, value in values.items():
        if not key:
            raise InvalidConfig("keys cannot be empty")
        if value is None:
            raise InvalidConfig(f"key '{key}' value must not be nil")
    return _plugin({**plugin.conf, **values})


def request(
    network: NetworkConfigList,
    plugin: PluginConfig,
    *,
    prev_result: Mapping[str, Any] | None = None,
    capability_args: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> bytes:
    """What the plugin reads on stdin (cni:libcni/api.go buildOneConfig).

    The list's name and version win over the plugin's. `prevResult` is set if there is one, `runtimeConfig` if
    one of its capabilities has an argument. `capabilities` stays, against the spec and with libcni.
    """
    alone = prev_result is None and not extra and not (capability_args and plugin.capabilities)
    if alone and (known := network.requests.get(id(plugin))) is not None:
        return known[1]
    body = dict(plugin.conf)
    body["name"] = network.name
    body["cniVersion"] = network.cni_version
    if alone:
        written = _ENCODER.encode(body).encode()
        network.requests[id(plugin)] = plugin, written
        return written
    if prev_result is not None:
        body["prevResult"] = prev_result
    if capability_args and plugin.capabilities:
        granted = {key: capability_args[key] for key in sorted(plugin.capabilities) if key in capability_args}
        if granted:
            body["runtimeConfig"] = granted
    if extra:
        body.update(extra)
    return _ENCODER.encode(body).encode()


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def _load(raw: bytes, what: str) -> dict[str, Any]:
    try:
        # Go takes UTF-8 only and mends what is not; Python would also guess UTF-16 and UTF-32.
        conf = json.loads(
            raw.decode(errors="replace"), parse_float=_exact_if_whole, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as exc:
        raise InvalidConfig(f"{what}: {exc}") from exc
    if conf is None:
        return {}
    if not isinstance(conf, dict):
        raise InvalidConfig(f"{what}: not an object but {_go_type(conf)}")
    return conf


def _exact_if_whole(literal: str) -> int | float:
    # A whole number written as 1500.0 or 15e2 reaches Go plugins as 1500 through libcni, and as an integer is
    # all that they can read.
    number = float(literal)
    if math.isinf(number):
        raise ValueError(f"number out of range: {literal}")
    return int(number) if number.is_integer() and abs(number) < 1e21 else number


def _refuse_constant(literal: str) -> float:
    raise ValueError(f"{literal} is no JSON")


def _go_type(value: object) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case int() | float():
            return "float64"
        case str():
            return "string"
        case list():
            return "[]interface {}"
        case _:
            return "map[string]interface {}"


def _typed_text(conf: Mapping[str, Any], key: str, title: str) -> str | None:
    if key not in conf:
        return None
    value = conf[key]
    if not isinstance(value, str):
        raise InvalidConfig(f"{_LIST}: invalid {title} type {_go_type(value)}")
    return value


def _choose_version(conf: Mapping[str, Any], cni_version: str) -> str:
    if "cniVersions" not in conf:
        return cni_version
    offered = conf["cniVersions"]
    if not isinstance(offered, list):
        raise InvalidConfig(f"{_LIST}: invalid type for cniVersions: []interface {{}}")
    for index, entry in enumerate(offered):
        if not isinstance(entry, str):
            raise InvalidConfig(f"{_LIST}: invalid type for cniVersions index {index}: {_go_type(entry)}")
        try:
            versions.parse(entry)
        except InvalidVersion as exc:
            raise InvalidConfig(
                f"{_LIST}: invalid cniVersions entry {entry} at index {index}: {exc}"
            ) from exc
    if cni_version:
        try:
            versions.parse(cni_version)
        except InvalidVersion as exc:
            raise InvalidConfig(f"{_LIST}: invalid cniVersion {cni_version}: {exc}") from exc
        offered = [*offered, cni_version]
    return versions.greatest(offered) or cni_version


def _boolean(conf: Mapping[str, Any], key: str) -> bool:
    match conf.get(key, False):
        case bool() as value:
            return value
        case str() as text if text.lower() in {"true", "false"}:
            return text.lower() == "true"
        case str() as text:
            raise InvalidConfig(f'{_LIST}: invalid value "{text.lower()}" for {key}')
        case other:
            raise InvalidConfig(f"{_LIST}: invalid type {_go_type(other)} for {key}")


def _plugins(conf: Mapping[str, Any], *, only_inlined: bool) -> tuple[PluginConfig, ...]:
    if "plugins" not in conf:
        if only_inlined:
            raise InvalidConfig(f"{_LIST}: `loadOnlyInlinedPlugins` is true, and no 'plugins' key")
        return ()
    given = conf["plugins"]
    if not isinstance(given, list):
        raise InvalidConfig(f"{_LIST}: invalid 'plugins' type {_go_type(given)}")
    if not given:
        raise InvalidConfig(f"{_LIST}: no plugins in list")
    plugins = []
    for index, each in enumerate(given):
        try:
            plugins.append(_plugin(each))
        except InvalidConfig as exc:
            raise InvalidConfig(f"failed to parse plugin config {index}: {exc}") from exc
    return tuple(plugins)


def _plugin(given: object) -> PluginConfig:
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise InvalidConfig(f"{_PLUGIN}: cannot unmarshal {_go_type(given)} into a plugin configuration")
    plugin_type = _field(given, "type", str) or ""
    if not plugin_type:
        raise InvalidConfig(f"{_PLUGIN}: missing 'type'")
    capabilities = _field(given, "capabilities", dict) or {}
    for key, value in capabilities.items():
        if not isinstance(value, bool | None):
            raise InvalidConfig(f"{_PLUGIN}: cannot unmarshal {_go_type(value)} into capabilities.{key}")
    ipam = _field(given, "ipam", dict) or {}
    _field(ipam, "type", str)
    _field(given, "dns", dict)
    _field(given, "prevResult", dict)
    return PluginConfig(
        type=plugin_type,
        name=_field(given, "name", str) or "",
        cni_version=_field(given, "cniVersion", str) or "",
        capabilities=frozenset(key for key, value in capabilities.items() if value),
        # Sorted as libcni sends them: a plugin that reads keys without regard to case takes the last one, so
        # ours (name, not Name) must come after the others.
        conf=dict(sorted(given.items())),
    )


def _field(conf: Mapping[str, Any], name: str, kind: type) -> Any:  # noqa: ANN401 - a value of `kind`
    value = conf.get(name)
    if value is None:
        spellings = sorted(key for key in conf if key.lower() == name.lower() and conf[key] is not None)
        value = conf[spellings[-1]] if spellings else None
    if value is not None and not isinstance(value, kind):
        raise InvalidConfig(f"{_PLUGIN}: cannot unmarshal {_go_type(value)} into {name}")
    return value
