"""Which paths a caller may name, and what is used of them: where they led when they were looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmplumbd.errors import PathNotAllowed
from vmplumbd.model.spec import CniConfiguration, NetworkInterface, NetworkSpec
from vmplumbd.operations import places
from vmplumbd.policy.paths import PathPolicy

INTERFACE = "spec.network_interfaces.interfaces[0].cni_configuration"


@pytest.fixture
def policy(tmp_path: Path) -> PathPolicy:
    """Directories of an operator, of which one is written with a link, and links of others beside and in them."""
    for folder in ("real/deep", "outside"):
        (tmp_path / folder).mkdir(parents=True)
    for link, target in (
        *(("root", "real"), ("into", "real"), ("real/out", "outside"), ("real/link", "outside/x")),
        ("real/in", "real/deep"),
    ):
        (tmp_path / link).symlink_to(tmp_path / target)
    root = (f"{tmp_path}/root",)
    return PathPolicy(bin_path=root, conf_dirs=root, cache_roots=root, netns_roots=root)


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("root/vm", "root/vm"),
        ("real/vm", "real/vm"),
        ("root/deep/vm", "root/deep/vm"),
        ("root/none/vm", "root/none/vm"),
        ("into/vm", "real/vm"),
        ("root/in/vm", "real/deep/vm"),
        ("root/deep/../vm", "real/vm"),
        ("root/./vm", "real/vm"),
        ("root", None),
        ("root/../vm", None),
        ("outside/vm", None),
        ("root/out/vm", None),
        ("root/link", None),
        ("root/vm/..", None),
        ("root/.", None),
    ],
)
def test_a_namespace_lies_below_the_operators_roots(
    tmp_path: Path, policy: PathPolicy, name: str, used: str | None
) -> None:
    spec = NetworkSpec(netns_path=f"{tmp_path}/{name}")
    if used is not None:
        assert places.settled(spec, policy) == NetworkSpec(netns_path=f"{tmp_path}/{used}")
        return
    with pytest.raises(PathNotAllowed) as caught:
        places.settled(spec, policy)
    assert [(one.field, one.rule) for one in caught.value.violations] == [
        ("spec.netns_path", "path.not_allowed")
    ]


@pytest.mark.parametrize(
    ("name", "itself", "below"),
    [
        ("root", "root", "root"),
        ("real", "real", "real"),
        ("into", "real", "real"),
        ("into/", "real", "real"),
        ("root/", "real", "real"),
        ("root/deep", None, "root/deep"),
        ("into/deep", None, "real/deep"),
        ("root/in", None, "real/deep"),
        ("root/out", None, None),
        ("outside", None, None),
        ("root/..", None, None),
        ("real-evil", None, None),
    ],
)
def test_a_directory_is_one_of_the_operators_and_a_cache_may_lie_below(
    tmp_path: Path, policy: PathPolicy, name: str, itself: str | None, below: str | None
) -> None:
    given = f"{tmp_path}/{name}"
    want = [itself and f"{tmp_path}/{itself}"] * 2 + [below and f"{tmp_path}/{below}"]
    asked = CniConfiguration(bin_path=(given,), conf_dir=given, cache_dir=given)
    spec = NetworkSpec(interfaces=(NetworkInterface(), NetworkInterface(cni=asked)))
    refused = []
    try:
        (_, settled) = places.settled(spec, policy).interfaces
    except PathNotAllowed as exc:
        refused = [one.field.removeprefix(INTERFACE.replace("0", "1") + ".") for one in exc.violations]
    else:
        assert settled.cni is not None
        assert [*settled.cni.bin_path, settled.cni.conf_dir, settled.cni.cache_dir] == want
    names = ("bin_path[0]", "conf_dir", "cache_dir")
    assert refused == [one for one, path in zip(names, want, strict=True) if path is None]


def test_all_that_is_not_allowed_is_told_at_once(tmp_path: Path, policy: PathPolicy) -> None:
    asked = CniConfiguration(bin_path=(f"{tmp_path}/root", "/tmp"), conf_dir="/etc", cache_dir="/etc")
    spec = NetworkSpec(interfaces=(NetworkInterface(cni=asked),), netns_path="/etc/x")
    with pytest.raises(PathNotAllowed) as caught:
        places.settled(spec, policy)
    assert [one.field for one in caught.value.violations] == [
        "spec.netns_path",
        *(f"{INTERFACE}.{one}" for one in ("bin_path[1]", "conf_dir", "cache_dir")),
    ]


@pytest.mark.parametrize("below", ["real", "real/deep"])
@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_directory_that_others_may_write_to_is_no_place_for_a_namespace(
    tmp_path: Path, policy: PathPolicy, below: str, mode: int
) -> None:
    spec = NetworkSpec(netns_path=f"{tmp_path}/root/deep/none/vm")
    assert places.settled(spec, policy) == spec
    (tmp_path / below).chmod(mode)
    with pytest.raises(PathNotAllowed, match=f"{tmp_path}/{below} may be written to by others than root"):
        places.settled(spec, policy)
