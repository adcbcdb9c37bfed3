"""What a runtime says to a plugin besides the configuration: RuntimeConf, CNI_ARGS, the environment.

CNI_ARGS has no escaping: `K=V` joined by `;`. A `;` in a value would be a second argument to the receiver,
so `check` refuses what cannot be said; libcni writes it all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vmplumbd.cni.error import InvalidArgs

IGNORE_UNKNOWN = "IgnoreUnknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeConf:
    """One attachment: who is attached, where, by which interface name, with which arguments.

    `netns` is "" where there is none any more. `capability_args` reach a plugin only if its configuration
    declares the capability. What a plugin says of an error passes through `hide`.
    """

    container_id: str
    netns: str
    if_name: str
    args: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    capability_args: Mapping[str, Any] = field(default_factory=dict, repr=False)
    hide: Callable[[str], str] | None = field(default=None, compare=False, repr=False)


def check(pairs: Iterable[tuple[str, str]]) -> None:
    """Raises InvalidArgs if a receiver would not read back what is given."""
    for key, value in pairs:
        if not key or "=" in key or ";" in key:
            raise InvalidArgs(f"ARGS: invalid key {key!r}")
        if ";" in value:
            raise InvalidArgs(f"ARGS: a value cannot hold ';': {key}={value!r}")
        if "\0" in key or "\0" in value:
            raise InvalidArgs(f"ARGS: a NUL byte in {key!r}")


def join(pairs: Iterable[tuple[str, str]]) -> str:
    """Write CNI_ARGS, as libcni does, without a check."""
    return ";".join(f"{key}={value}" for key, value in pairs)


def split(text: str) -> tuple[tuple[str, str], ...]:
    """Read CNI_ARGS leniently: empty pairs are skipped, a value may hold `=`, a pair without one is empty."""
    pairs = (pair.partition("=") for pair in text.split(";") if pair)
    return tuple((key, value) for key, _, value in pairs)


def load(text: str, known: Iterable[str]) -> dict[str, str]:
    """Read CNI_ARGS as cni:pkg/types/args.go LoadArgs does for a struct with the fields `known`.

    Raises InvalidArgs on a pair that is none, and on unknown keys unless IgnoreUnknown is 1 or true.
    """
    if text == "":
        return {}
    fields = {*known, IGNORE_UNKNOWN}
    values: dict[str, str] = {}
    unknown: list[str] = []
    ignore_unknown = False
    for pair in text.split(";"):
        parts = pair.split("=")
        if len(parts) != 2:
            raise InvalidArgs(f'ARGS: invalid pair "{pair}"')
        key, value = parts
        if key not in fields:
            unknown.append(pair)
            continue
        if key == IGNORE_UNKNOWN:
            ignore_unknown = _boolean(value, pair)
        values[key] = value
    if unknown and not ignore_unknown:
        listed = " ".join(f'"{pair}"' for pair in unknown)
        raise InvalidArgs(f"ARGS: unknown args [{listed}]")
    return values


def _boolean(text: str, pair: str) -> bool:
    match text.lower():
        case "1" | "true":
            return True
        case "0" | "false":
            return False
        case other:
            raise InvalidArgs(
                f'ARGS: error parsing value of pair "{pair}": boolean unmarshal error: invalid input {other}'
            )


def environment(
    *,
    command: str,
    container_id: str,
    netns: str,
    if_name: str,
    args: str,
    path: Iterable[str],
) -> dict[str, str]:
    """The six CNI_ variables of one call. All are always set; empty is allowed (cni:pkg/invoke/args.go)."""
    return {
        "CNI_COMMAND": command,
        "CNI_CONTAINERID": container_id,
        "CNI_NETNS": netns,
        "CNI_ARGS": args,
        "CNI_IFNAME": if_name,
        "CNI_PATH": ":".join(path),
    }
