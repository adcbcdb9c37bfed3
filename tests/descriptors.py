"""Which descriptors this process has open, so that a test sees what an act keeps."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def opened() -> list[str]:
    """The kind of each, or its file."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(entry.readlink()).split(":")[0])
        except FileNotFoundError:  # the listing's own
            continue
    return sorted(found)


@contextmanager
def none_is_kept() -> Iterator[None]:
    """Asserts that as many are open after the block as before it, none of them those of an earlier test's garbage."""
    gc.collect()
    before = opened()
    yield
    assert opened() == before
