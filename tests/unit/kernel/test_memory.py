"""Memory that may be used: the least of the host's and the control groups'."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from vmplumbd import compose
from vmplumbd.kernel import memory

HOST = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
MIB = 1 << 20


@pytest.mark.parametrize(
    ("own", "limits", "usable"),
    [
        ("0::/a/b\n", {"a/b": "104857600", "a": "max"}, 100 * MIB),
        ("0::/a/b\n", {"a/b": "max", "a": "52428800"}, 50 * MIB),
        ("0::/a/b\n", {"a/b": "max"}, HOST),
        ("0::/\n", {"": "1048576"}, MIB),
        ("12:memory:/a\n", {"a": "1048576"}, HOST),
        (None, {"": "1048576"}, HOST),
    ],
    ids=["its own", "of one above", "without a limit", "at the top", "version 1", "not there"],
)
def test_the_least_limit_counts(
    tmp_path: Path, own: str | None, limits: Mapping[str, str], usable: int
) -> None:
    groups, file = tmp_path / "cgroup", tmp_path / "own"
    if own is not None:
        file.write_text(own)
    for group, text in limits.items():
        (groups / group).mkdir(parents=True, exist_ok=True)
        (groups / group / "memory.max").write_text(f"{text}\n")
    assert memory.usable(file, groups) == usable


@pytest.mark.parametrize(("mebibytes", "networks"), [(512, 327), (24_576, 15_728), (16, 16)])
def test_networks_may_take_a_quarter_of_it(mebibytes: int, networks: int) -> None:
    assert compose.networks_that_fit(mebibytes * MIB) == networks
