"""The checks there are: each names the requirements it looks at and what it needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from vmplumb_conformance import profile
from vmplumb_conformance.context import Context

Body: TypeAlias = Callable[[Context], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. `name` is unique and says what a server that passes does."""

    name: str
    requirements: tuple[str, ...]
    needs: frozenset[str]
    body: Body

    @property
    def group(self) -> str:
        """The profile it belongs to."""
        return profile.group(self.needs)


_CHECKS: dict[str, Check] = {}


def check(*requirements: str, needs: str = "") -> Callable[[Body], Body]:
    """Register a coroutine; its name, with blanks, is the check's. `needs` are names of NEEDS, by blanks."""

    def register(body: Body) -> Body:
        add(body.__name__.strip("_").replace("_", " "), requirements, needs, body)
        return body

    return register


def add(name: str, requirements: tuple[str, ...], needs: str, body: Body) -> None:
    """Register a check under a name. Raises ValueError if it is taken, or asks for what there is not."""
    wanted = frozenset(needs.split())
    if name in _CHECKS:
        raise ValueError(f"two checks have the name {name!r}")
    if unknown := wanted - profile.NEEDS.keys():
        raise ValueError(f"{name}: no such need: {', '.join(sorted(unknown))}")
    if not requirements:
        raise ValueError(f"{name}: a check without a requirement")
    _CHECKS[name] = Check(name=name, requirements=requirements, needs=wanted, body=body)


def checks() -> list[Check]:
    """Every check, in the order they were written in."""
    # The modules register what they have when they are read.
    from vmplumb_conformance.checks import (  # noqa: F401
        faults,
        identity,
        judging,
        limits,
        reading,
        root,
        rules,
        set_up,
        tear_down,
    )

    return list(_CHECKS.values())
