"""Which paths a caller may name, once links and dots are resolved."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmplumbd.errors import PathNotAllowed
from vmplumbd.operations import namespace
from vmplumbd.policy import paths
from vmplumbd.policy.paths import PathPolicy


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("/run/netns/a", True),
        ("/run/netns/a/b", True),
        ("/run/netns", False),
        ("/run/netns-evil/a", False),
        ("/run", False),
    ],
)
def test_below_a_root_is_not_the_root_and_not_beside_it(path: str, below: bool) -> None:
    assert paths.is_below(path, ["/run/netns"]) is below
    assert paths.is_below(path, ["/run/netns/"]) is below


def test_listed_is_equal_and_nothing_else() -> None:
    assert paths.is_listed("/opt/cni/bin", ["/a", "/opt/cni/bin"])
    assert not paths.is_listed("/opt/cni/bin/x", ["/opt/cni/bin"])


def test_a_violation_says_what_is_allowed() -> None:
    told = paths.violation("f", "/x", ["/a", "/b"])
    assert (told.field, told.rule) == ("f", "path.not_allowed")
    assert "/a, /b" in told.message


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("root/vm", True),
        ("root/deep/vm", True),
        ("root", False),
        ("root/../vm", False),
        ("outside/vm", False),
        ("root/out/vm", False),
        ("root/link", False),
        ("into/vm", True),
        ("root/vm/..", False),
        ("root/.", False),
    ],
)
def test_a_namespace_lies_below_the_operators_roots(tmp_path: Path, name: str, allowed: bool) -> None:
    for folder in ("root/deep", "outside"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "root/out").symlink_to(tmp_path / "outside")
    (tmp_path / "root/link").symlink_to(tmp_path / "outside/x")
    (tmp_path / "into").symlink_to(tmp_path / "root")
    policy = PathPolicy(bin_path=(), conf_dirs=(), cache_roots=(), netns_roots=(str(tmp_path / "root"),))
    path = f"{tmp_path}/{name}"
    if allowed:
        namespace.check_path(path, policy)
        return
    with pytest.raises(PathNotAllowed) as caught:
        namespace.check_path(path, policy)
    assert [(one.field, one.rule) for one in caught.value.violations] == [
        ("spec.netns_path", "path.not_allowed")
    ]
