"""The operator's configuration: TOML, environment and flags → one frozen value, faults with their place.

Later wins: the file, then VMPLUMBD_* variables, then flags. Unknown keys are refused, so that a
misspelt limit is not silently no limit.
"""

from __future__ import annotations

import ipaddress
import json
import math
import os
import re
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from vmplumbd.errors import InvalidSpec, Violation
from vmplumbd.model import spec as defaults
from vmplumbd.policy import document
from vmplumbd.policy.access import Policy

DEFAULT_FILE = "/etc/vmplumb/vmplumbd.toml"
ENVIRONMENT_PREFIX = "VMPLUMBD_"
# Some lines, so that a rotation has something to keep.
_LEAST_AUDIT = 64 << 10
# Members a second: beyond it the wait between two is nothing.
_FASTEST_REFILL = 10_000
FORMATS = ("auto", "json", "text", "journald")
LEVELS = ("debug", "info", "warning", "error")


class InvalidConfig(InvalidSpec):
    """The configuration cannot be used; `violations` says where and why, all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where callers reach the agent. `unix` empty: no socket. TCP needs all three TLS files and `policy.file`.

    `admin_unix`: a socket of its own for administrators; who comes over `unix` is none then.
    """

    unix: str = "/run/vmplumb/vmplumbd.sock"
    unix_mode: str = "0660"
    unix_group: str = ""
    admin_unix: str = ""
    admin_mode: str = "0600"
    admin_group: str = ""
    tcp: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    max_watches: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Paths of the agent, and the lists callers may choose from."""

    state_dir: str = "/var/lib/vmplumb"
    netns_dir: str = defaults.DEFAULT_NETNS_DIR
    bin_path: tuple[str, ...] = defaults.DEFAULT_BIN_PATH
    conf_dir: str = defaults.DEFAULT_CONF_DIR
    cache_root: str = defaults.DEFAULT_CACHE_ROOT
    tuning_allowlist: str = "/etc/cni/tuning/allowlist.conf"
    allowed_bin_paths: tuple[str, ...] = ()
    allowed_conf_dirs: tuple[str, ...] = ()
    allowed_cache_roots: tuple[str, ...] = ()
    allowed_netns_roots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds. Times in seconds. `max_networks` 0 is a default from the host's memory.

    `max_calls` counts open calls of everybody, `max_connections` those over TCP. `list_items` bounds all
    lists of a request together, `json_depth` its JSON. No set-up begins beyond `journal_bytes`; teardowns do.
    """

    max_networks: int = 0
    max_operations: int = 1000
    max_calls: int = 2000
    max_connections: int = 256
    message_bytes: int = 1 << 20
    list_items: int = 20_000
    json_depth: int = 32
    journal_bytes: int = 1 << 30
    exec_threads: int = 16
    operation_timeout: float = 120.0
    undo_timeout: float = 60.0
    drain_timeout: float = 30.0
    attempts: int = 5
    first_retry: float = 0.1
    longest_retry: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cni:
    """How CNI is run. `prefer` "built-in" or "executable" says which wins where both exist.

    `inline_plugins` are the types that callers may name in lists of their own, `inline_keys` are "TYPE.KEY" that
    they may use there although it reaches the host. `allowed_plugins` are the types that any network may use,
    all if empty. `plugin_sha256` are "TYPE=SHA256" of executables; once there is one, no executable runs without.
    `plugin_cgroup` is the directory below which each executed plugin has a control group: "auto" is the agent's
    own where systemd has delegated it, "off" is none.
    """

    prefer: str = "built-in"
    strict_del: bool = False
    inline_config: bool = True
    inline_plugins: tuple[str, ...] = defaults.BUILT_IN_PLUGINS
    inline_keys: tuple[str, ...] = ()
    allowed_plugins: tuple[str, ...] = ()
    plugin_sha256: tuple[str, ...] = ()
    plugin_cgroup: str = "auto"
    owned_networks: tuple[str, ...] = ()
    environment: tuple[str, ...] = ("PATH",)

    def pins(self) -> dict[str, list[str]]:
        """The digests by plugin type. Raises ValueError."""
        found: dict[str, list[str]] = {}
        for each in self.plugin_sha256:
            kind, _, digest = each.partition("=")
            if not kind or re.fullmatch("[0-9a-fA-F]{64}", digest) is None:
                raise ValueError(f'"{each}" is not TYPE=SHA256, in 64 hexadecimal digits')
            found.setdefault(kind, []).append(digest.lower())
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """How the kernel is used.

    `drain_group`: the number of a device group that nobody else on the host uses. `host_ipv6` false: the
    host's devices of ptp networks that give no IPv6 address have IPv6 off, unlike the reference's. `ahead`: a
    namespace is begun on a thread of its own while the request is still looked at and written down, and while
    requests follow each other within a tenth of a second, the next one's too.
    """

    drain_group: int = 0x766D
    host_ipv6: bool = True
    ahead: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Warm pools: `sizes` are "NETWORK=MEMBERS", or "NETWORK=MEMBERS@RATE" for a refill rate of the network's own.

    `refill_rate` is how many a second the pool of a network without one gets at most.
    """

    sizes: tuple[str, ...] = ()
    refill_rate: float = 50.0

    def by_network(self) -> dict[str, tuple[int, float]]:
        """Members and refill rate; a network named twice counts as its last. Raises ValueError."""
        found: dict[str, tuple[int, float]] = {}
        for each in self.sizes:
            name, _, asked = each.rpartition("=")
            members, own, rate = asked.partition("@")
            if not name or not members.isdecimal() or not members.isascii():
                raise ValueError(f'"{each}" is not NETWORK=MEMBERS or NETWORK=MEMBERS@RATE')
            found[name] = int(members), _refill_rate(rate) if own else self.refill_rate
        return found


def _refill_rate(given: str | float) -> float:
    rate = float(given)
    if not 0 < rate <= _FASTEST_REFILL:
        raise ValueError(f"a refill rate must be above 0 and at most {_FASTEST_REFILL}")
    return rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Privileges:
    """What the daemon may do. With `drop` it keeps the capabilities it needs and those in `keep`, for ever."""

    drop: bool = True
    keep: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFile:
    """Which identity may do what: a TOML file, read again at SIGHUP."""

    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFile:
    """Where calls that may change something are written down. `file` empty: nowhere.

    The file is moved aside at `max_bytes` (0: by somebody else, who then sends SIGHUP), and `keep` old ones stay.
    """

    file: str = ""
    max_bytes: int = 64 << 20
    keep: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The etcd that the agent tells of itself; without `endpoints`, HOST:PORT each, it tells nobody.

    `id` is the host's name if empty, `address` is listen.tcp. `server_name` is the name in the agent's certificate,
    where that is not the address's. `labels` are "KEY=VALUE". A host that is lost is gone after `ttl` seconds;
    changes are told at most once an `interval`. etcd is spoken to with TLS, but for one on this host.
    """

    endpoints: tuple[str, ...] = ()
    prefix: str = "/vmplumb/v1"
    id: str = ""
    address: str = ""
    server_name: str = ""
    labels: tuple[str, ...] = ()
    ttl: int = 10
    interval: float = 1.0
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    tls_server_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Where Prometheus reads: "127.0.0.1:9477", "[::1]:9477", or the path of a Unix socket; empty is off."""

    listen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """OpenTelemetry traces, exported as OTLP over gRPC, if `enabled`; the packages are the extra "otel".

    `endpoint` is "https://HOST:PORT", "http://HOST:PORT" or "unix:PATH"; empty leaves it to the OTEL_ variables.
    `sample` is the share of the traces that begin here which is kept; callers decide about theirs.
    """

    enabled: bool = False
    endpoint: str = ""
    sample: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What is logged, and how: "json" or "text" lines on stderr, or entries of "journald" with fields.

    "auto" is journald where stderr leads there, else json.
    """

    level: str = "info"
    format: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything an operator can set."""

    listen: Listen = field(default_factory=Listen)
    paths: Paths = field(default_factory=Paths)
    limits: Limits = field(default_factory=Limits)
    cni: Cni = field(default_factory=Cni)
    kernel: Kernel = field(default_factory=Kernel)
    pool: Pool = field(default_factory=Pool)
    privileges: Privileges = field(default_factory=Privileges)
    policy: PolicyFile = field(default_factory=PolicyFile)
    audit: AuditFile = field(default_factory=AuditFile)
    log: Log = field(default_factory=Log)
    metrics: Metrics = field(default_factory=Metrics)
    fleet: Fleet = field(default_factory=Fleet)
    traces: Traces = field(default_factory=Traces)


# Settings that SIGHUP changes; of all others a restart is needed.
RELOADED = frozenset(
    {
        "log.level",
        "listen.max_watches",
        "paths.bin_path",
        "paths.conf_dir",
        "paths.cache_root",
        "paths.allowed_bin_paths",
        "paths.allowed_conf_dirs",
        "paths.allowed_cache_roots",
        "paths.allowed_netns_roots",
        "limits.max_networks",
        "limits.max_operations",
        "limits.max_calls",
        "limits.message_bytes",
        "limits.json_depth",
        "limits.list_items",
        "limits.journal_bytes",
        "limits.operation_timeout",
        "limits.undo_timeout",
        "limits.drain_timeout",
        "limits.attempts",
        "limits.first_retry",
        "limits.longest_retry",
        "cni.strict_del",
        "cni.inline_config",
        "cni.inline_plugins",
        "cni.inline_keys",
        "cni.owned_networks",
        "kernel.drain_group",
    }
)


def changed(before: Config, after: Config) -> frozenset[str]:
    """The settings, as "section.key", that are not the same."""
    return frozenset(
        f"{section.name}.{one.name}"
        for section in fields(Config)
        for one in fields(getattr(before, section.name))
        if getattr(getattr(before, section.name), one.name) != getattr(getattr(after, section.name), one.name)
    )


def reloaded(before: Config, after: Config) -> Config:
    """What an agent that runs with `before` runs with once it was told to read `after`."""
    sections: dict[str, Any] = {}
    for section in fields(Config):
        old, new = getattr(before, section.name), getattr(after, section.name)
        taken = {
            one.name: getattr(new, one.name)
            for one in fields(old)
            if f"{section.name}.{one.name}" in RELOADED
        }
        sections[section.name] = replace(old, **taken)
    return Config(**sections)


def load(
    file: str | None, environment: Mapping[str, str] | None = None, flags: Mapping[str, str] | None = None
) -> Config:
    """Read everything. `flags` are "section.key": text. Raises InvalidConfig with all violations.

    A file that was named must exist; the default one may be absent.
    """
    wrong: list[Violation] = []
    tree = _read(file, wrong)
    for name, text in (os.environ if environment is None else environment).items():
        if name.startswith(ENVIRONMENT_PREFIX) and "__" in name:
            section, _, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
            _put(tree, section, key, text)
    for name, text in (flags or {}).items():
        section, _, key = name.partition(".")
        _put(tree, section, key, text)
    config: Config = _section(Config(), tree, "", wrong)
    return checked(config, wrong)


def checked(config: Config, wrong: Sequence[Violation] = ()) -> Config:
    """The same, if it can be used. Raises InvalidConfig with all violations, those of `wrong` first."""
    found = list(wrong)
    _check(config, found)
    if found:
        listed = "; ".join(f"{one.field}: {one.message}" for one in found)
        raise InvalidConfig(f"the configuration cannot be used: {listed}", tuple(found))
    return config


def load_policy(file: str, known_rpcs: Sequence[str]) -> Policy:
    """Read a policy file. Raises InvalidPolicy with all violations, also for a file that cannot be read."""
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        wrong = Violation(field=file, rule="file", message=str(exc))
        raise document.InvalidPolicy(f"the policy cannot be read: {exc}", (wrong,)) from exc
    return document.parse(text, known_rpcs)


def _put(tree: dict[str, Any], section: str, key: str, text: str) -> None:
    below = tree.setdefault(section, {})
    if isinstance(below, dict):  # else the file's fault is told, not ours
        below[key] = text


def _read(file: str | None, wrong: list[Violation]) -> dict[str, Any]:
    path = Path(file or DEFAULT_FILE)
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        if file is not None:
            wrong.append(Violation(field=str(path), rule="file", message="no such file"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        wrong.append(Violation(field=str(path), rule="file", message=str(exc)))
    return {}


def _section(base: Any, given: Any, place: str, wrong: list[Violation]) -> Any:  # noqa: ANN401 - one of our dataclasses
    if not isinstance(given, dict):
        wrong.append(Violation(field=place, rule="type", message="must be a table"))
        return base
    hints = typing.get_type_hints(type(base))
    changes: dict[str, Any] = {}
    known = {one.name for one in fields(base)}
    for key, value in given.items():
        where = f"{place}.{key}" if place else key
        if key not in known:
            wrong.append(Violation(field=where, rule="unknown", message="no such setting"))
        elif is_dataclass(getattr(base, key)):
            changes[key] = _section(getattr(base, key), value, where, wrong)
        else:
            try:
                changes[key] = _value(hints[key], value)
            except ValueError as exc:
                wrong.append(Violation(field=where, rule="type", message=str(exc)))
    return replace(base, **changes)


def _value(hint: Any, value: Any) -> Any:  # noqa: ANN401 - a type hint and a TOML value
    """The value as the hint wants it; text from the environment is read. Raises ValueError."""
    if isinstance(hint, types.GenericAlias):
        if isinstance(value, str) and value.startswith("["):
            # What has colons in it, as an address with its port.
            try:
                value = json.loads(value)
            except ValueError:
                raise ValueError("must be a list of strings, as JSON writes it") from None
        if isinstance(value, str):
            return tuple(part for part in value.split(":") if part)
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        raise ValueError("must be a list of strings")
    if hint is bool:
        if isinstance(value, str) and value.lower() in {"true", "false", "1", "0"}:
            return value.lower() in {"true", "1"}
        if isinstance(value, bool):
            return value
        raise ValueError("must be true or false")
    if hint in {int, float}:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError("must be a number")
        try:
            number = hint(value)
        except ValueError:
            raise ValueError("must be a number") from None
        if not math.isfinite(number) or (hint is int and isinstance(value, float)):
            raise ValueError("must be a whole number" if hint is int else "must be a finite number")
        return number
    if not isinstance(value, str):
        raise ValueError("must be a string")  # noqa: TRY004 - one class says "not this type"
    return value


def _check(config: Config, wrong: list[Violation]) -> None:
    listen, limits = config.listen, config.limits
    tls = (listen.tls_certificate, listen.tls_key, listen.tls_client_ca)
    if listen.tcp and not all(tls):
        wrong.append(
            Violation(
                field="listen.tcp",
                rule="tls",
                message="TCP is served with mutual TLS only: set tls_certificate, tls_key and tls_client_ca",
            )
        )
    if listen.tcp and not config.policy.file:
        wrong.append(
            Violation(
                field="policy.file",
                rule="tcp",
                message="must be set for TCP: over TCP is denied what no rule of a policy allows",
            )
        )
    if not listen.tcp and not listen.unix and not listen.admin_unix:
        wrong.append(Violation(field="listen", rule="empty", message="no socket and no tcp is set"))
    if listen.admin_unix and listen.admin_unix == listen.unix:
        wrong.append(
            Violation(field="listen.admin_unix", rule="own", message="must be another socket than unix")
        )
    wrong.extend(
        Violation(field=f"listen.{name}", rule="octal", message="must be an octal mode")
        for name in ("unix_mode", "admin_mode")
        if re.fullmatch("[0-7]{3,4}", getattr(listen, name)) is None
    )
    if config.log.level not in LEVELS:
        wrong.append(
            Violation(field="log.level", rule="choice", message=f"must be one of {', '.join(LEVELS)}")
        )
    if config.log.format not in FORMATS:
        wrong.append(
            Violation(field="log.format", rule="choice", message=f"must be one of {', '.join(FORMATS)}")
        )
    if not 0 <= config.traces.sample <= 1:
        wrong.append(Violation(field="traces.sample", rule="range", message="must be from 0 to 1"))
    if config.traces.endpoint and not config.traces.endpoint.startswith(("https://", "http://", "unix:")):
        wrong.append(
            Violation(
                field="traces.endpoint",
                rule="form",
                message="must be https://HOST:PORT, http://HOST:PORT or unix:PATH",
            )
        )
    if config.metrics.listen and not _is_near(config.metrics.listen):
        wrong.append(
            Violation(
                field="metrics.listen",
                rule="loopback",
                message="must be the path of a Unix socket, or a loopback address with a port: "
                "nobody is asked there who he is",
            )
        )
    if config.audit.max_bytes < 0 or 0 < config.audit.max_bytes < _LEAST_AUDIT:
        wrong.append(
            Violation(field="audit.max_bytes", rule="range", message=f"must be 0 or at least {_LEAST_AUDIT}")
        )
    if not 0 <= config.audit.keep <= 1000:
        wrong.append(Violation(field="audit.keep", rule="range", message="must be from 0 to 1000"))
    wrong.extend(
        Violation(field=place, rule="absolute", message="must be absolute")
        for place, file in (("audit.file", config.audit.file), ("policy.file", config.policy.file))
        if file and not file.startswith("/")
    )
    if listen.max_watches <= 0:
        wrong.append(Violation(field="listen.max_watches", rule="positive", message="must be above 0"))
    if limits.max_networks < 0:
        wrong.append(Violation(field="limits.max_networks", rule="positive", message="must not be below 0"))
    if not 0 <= limits.first_retry <= limits.longest_retry:
        wrong.append(
            Violation(field="limits.first_retry", rule="order", message="must be from 0 to longest_retry")
        )
    if config.cni.prefer not in {"built-in", "executable"}:
        wrong.append(
            Violation(field="cni.prefer", rule="choice", message='must be "built-in" or "executable"')
        )
    if not 0 < config.kernel.drain_group < 1 << 31:
        wrong.append(
            Violation(
                field="kernel.drain_group", rule="group", message="must be above 0, every device's group"
            )
        )
    if config.cni.plugin_cgroup not in {"auto", "off"} and not config.cni.plugin_cgroup.startswith("/"):
        wrong.append(
            Violation(
                field="cni.plugin_cgroup",
                rule="choice",
                message='must be "auto", "off" or an absolute directory',
            )
        )
    try:
        config.cni.pins()
    except ValueError as exc:
        wrong.append(Violation(field="cni.plugin_sha256", rule="form", message=str(exc)))
    wrong.extend(
        Violation(field="cni.inline_keys", rule="form", message=f'"{each}" is not TYPE.KEY')
        for each in config.cni.inline_keys
        if not all(each.partition(".")[::2])
    )
    _check_fleet(config, wrong)
    try:
        config.pool.by_network()
    except ValueError as exc:
        wrong.append(Violation(field="pool.sizes", rule="form", message=str(exc)))
    try:
        _refill_rate(config.pool.refill_rate)
    except ValueError as exc:
        wrong.append(Violation(field="pool.refill_rate", rule="range", message=str(exc)))
    wrong.extend(
        Violation(field=f"limits.{name}", rule="positive", message="must be above 0")
        for name in (
            *("max_operations", "exec_threads", "operation_timeout", "undo_timeout", "attempts"),
            *("max_calls", "max_connections", "message_bytes", "list_items", "json_depth", "journal_bytes"),
        )
        if getattr(limits, name) <= 0
    )
    wrong.extend(
        Violation(field=f"paths.{name}", rule="absolute", message="must be absolute")
        for name in (one.name for one in fields(config.paths))
        if not all(path.startswith("/") for path in _all(getattr(config.paths, name)))
    )


def _is_near(where: str) -> bool:
    """Whether only this host can come in there."""
    if where.startswith("/"):
        return True
    host, _, port = where.rpartition(":")
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback and 0 <= int(port) < 1 << 16
    except ValueError:
        return False


_LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_./]{0,61}[A-Za-z0-9])?")


def _check_fleet(config: Config, wrong: list[Violation]) -> None:
    fleet = config.fleet
    if not fleet.endpoints:
        return
    if not (fleet.address or config.listen.tcp):
        wrong.append(
            Violation(
                field="fleet.address",
                rule="required",
                message="where callers reach the agent: set it or listen.tcp",
            )
        )
    remote = [one for one in fleet.endpoints if one.rpartition(":")[0] not in _LOOPBACK]
    if remote and not fleet.tls_ca:
        wrong.append(
            Violation(
                field="fleet.tls_ca", rule="tls", message=f"{remote[0]} is on another host: TLS is needed"
            )
        )
    if bool(fleet.tls_certificate) is not bool(fleet.tls_key):
        wrong.append(
            Violation(field="fleet.tls_key", rule="tls", message="a certificate and its key go together")
        )
    if not 2 <= fleet.ttl <= 3600:
        wrong.append(Violation(field="fleet.ttl", rule="range", message="must be from 2 to 3600"))
    if not 0.05 <= fleet.interval <= 3600:
        wrong.append(Violation(field="fleet.interval", rule="range", message="must be from 0.05 to 3600"))
    if not fleet.prefix.startswith("/") or not fleet.prefix.isascii():
        wrong.append(Violation(field="fleet.prefix", rule="form", message="must begin with /, and be ASCII"))
    if "/" in fleet.id:
        wrong.append(Violation(field="fleet.id", rule="form", message="must not contain /"))
    for pair in fleet.labels:
        key, equals, value = pair.partition("=")
        if not equals or _LABEL.fullmatch(key) is None or (value and _LABEL.fullmatch(value) is None):
            wrong.append(
                Violation(
                    field="fleet.labels",
                    rule="form",
                    message=f'"{pair}" is not KEY=VALUE of letters, digits and ._-/',
                )
            )


_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


def _all(paths: str | tuple[str, ...]) -> tuple[str, ...]:
    return (paths,) if isinstance(paths, str) else paths
