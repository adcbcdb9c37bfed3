"""Which paths a caller may name. Operators own the lists; callers choose from them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vmplumbd.errors import Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPolicy:
    """The operator's directories. `netns_roots` and `cache_roots` allow what lies below them too."""

    bin_path: tuple[str, ...]
    conf_dirs: tuple[str, ...]
    cache_roots: tuple[str, ...]
    netns_roots: tuple[str, ...]


def is_below(resolved: str, roots: Iterable[str]) -> bool:
    """Whether a resolved path lies below one of the roots (the root itself does not)."""
    return any(resolved.startswith(root.rstrip("/") + "/") for root in roots)


def violation(field: str, path: str, listed: Iterable[str]) -> Violation:
    """The violation that says a path is not on the operator's list."""
    return Violation(
        field=field,
        rule="path.not_allowed",
        message=f"{path} is not allowed here; the operator allows {', '.join(listed)}",
    )
