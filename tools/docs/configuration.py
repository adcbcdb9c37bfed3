"""The reference of the configuration, from its dataclasses: every setting with type and default."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from vmplumbd import config


def page() -> str:
    """The whole page."""
    lines = [
        "# Configuration",
        "",
        "Made from `vmplumbd.config`. Later wins: the file (`--config`, TOML), `VMPLUMBD_SECTION__KEY` in the",
        "environment, `--set section.key=value`. A list is written with `:` between its members there.",
        "`vmplumbd check-config` says what is wrong with a configuration, all of it.",
    ]
    whole = config.Config()
    for section in fields(whole):
        value = getattr(whole, section.name)
        assert is_dataclass(value), f"{section.name} is no section"
        lines += ["", f"## [{section.name}]", "", _words(type(value).__doc__ or "")]
        lines += ["", "| setting | type | default |", "|---|---|---|", *_rows(section.name, value)]
    return "\n".join(lines) + "\n"


def settings() -> list[str]:
    """Every "section.key"."""
    whole = config.Config()
    return [
        f"{section.name}.{one.name}"
        for section in fields(whole)
        for one in fields(getattr(whole, section.name))
    ]


def _rows(section: str, value: object) -> Iterator[str]:
    hints = typing.get_type_hints(type(value))
    for one in fields(value):  # type: ignore[arg-type]  # a dataclass: asserted by the caller
        yield f"| `{section}.{one.name}` | {_type(hints[one.name])} | {_default(getattr(value, one.name))} |"


def _type(hint: object) -> str:
    names = {bool: "true or false", int: "whole number", float: "number", str: "text"}
    if isinstance(hint, type) and hint in names:
        return names[hint]
    return "list of texts"


def _default(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{one}"' for one in value) + "]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _words(docstring: str) -> str:
    return "\n".join(line.strip() for line in docstring.strip().splitlines())
