"""The cache files. What libcni makes of them is in tests/parity/libcni."""

from __future__ import annotations

import base64
import functools
import json
import stat
from pathlib import Path

import pytest

from vmplumbd.cni import config, result
from vmplumbd.cni.args import RuntimeConf
from vmplumbd.cni.cache import Cache, Opener
from vmplumbd.cni.error import CacheFailed
from vmplumbd.kernel import paths

NET = config.parse_list(b'{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"a"}]}')
DONE = result.parse('{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24"}]}')


def conf(container_id: str = "c1", if_name: str = "eth0", **more: str) -> RuntimeConf:
    return RuntimeConf(container_id=container_id, netns=more.get("netns", "/n"), if_name=if_name)


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_a_file_has_libcnis_name_and_fields_and_is_ours_alone(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b"
    given = RuntimeConf(
        container_id="c1", netns="/n", if_name="eth0", args=(("k", "v"),), capability_args={"mac": "x"}
    )
    Cache(str(root)).write(NET, given, DONE)
    assert files(root) == ["results/net-c1-eth0"]
    assert json.loads((root / "results" / "net-c1-eth0").read_bytes()) == {
        "kind": "cniCacheV1",
        "containerId": "c1",
        "config": base64.b64encode(NET.raw).decode(),
        "ifName": "eth0",
        "networkName": "net",
        "netns": "/n",
        "cniArgs": [["k", "v"]],
        "capabilityArgs": {"mac": "x"},
        "result": {"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.2/24"}]},
    }
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", root, root / "results")]
    assert modes == [0o700] * 3
    assert stat.S_IMODE((root / "results" / "net-c1-eth0").stat().st_mode) == 0o600


def test_what_was_written_is_read_until_it_is_removed(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path))
    cache.write(NET, conf(), DONE)
    assert cache.read("net", conf(), cni_version="1.0.0") == DONE
    found = cache.read_config("net", conf())
    assert found is not None
    assert found.config == NET.raw
    cache.remove("net", conf())
    cache.remove("net", conf())
    assert cache.read("net", conf(), cni_version="1.0.0") is None
    assert cache.attachments() == ()


def test_a_second_write_replaces_the_file_whole(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path))
    cache.write(NET, conf(), DONE)
    with Path(cache.path("net", conf())).open("rb") as reader:
        cache.write(NET, conf(netns="/other"), DONE)
        assert json.loads(reader.read())["netns"] == "/n"
    assert cache.attachments()[0].conf.netns == "/other"
    assert files(tmp_path) == ["results/net-c1-eth0"]


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "results" / "net-c1-eth0").mkdir(parents=True)
    with pytest.raises(CacheFailed):
        Cache(str(tmp_path)).write(NET, conf(), DONE)
    assert files(tmp_path) == []


def test_one_file_name_for_two_attachments_is_refused_and_never_mistaken(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path))
    first = config.parse_list(NET.raw.replace(b"net", b"a-b"))
    second = config.parse_list(NET.raw.replace(b"net", b"a"))
    cache.write(first, conf("c"), DONE)
    with pytest.raises(CacheFailed, match="belongs to another attachment: a-b c eth0"):
        cache.write(second, conf("b-c"), DONE)
    assert cache.read("a", conf("b-c"), cni_version="1.0.0") is None
    assert cache.read_config("a", conf("b-c")) is None
    cache.remove("a", conf("b-c"))
    assert cache.read("a-b", conf("c"), cni_version="1.0.0") == DONE


@pytest.mark.parametrize("container_id", ["../x", "/../../x", "a/b", "a\0b", ""])
def test_a_name_with_a_separator_has_no_file(container_id: str, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "x-eth0").write_text("precious")
    cache = Cache(str(tmp_path))
    with pytest.raises(CacheFailed):
        cache.write(NET, conf(container_id), DONE)
    assert cache.read("net", conf(container_id), cni_version="1.0.0") is None
    cache.remove("net", conf(container_id))
    assert files(tmp_path) == ["x-eth0"]


def test_a_directory_that_cannot_be_listed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    with pytest.raises(CacheFailed):
        Cache(str(tmp_path)).attachments()


def opener(root: Path) -> Opener:
    return functools.partial(paths.open_directory, [str(root)])


def test_with_an_opener_the_files_are_the_same_and_go_with_their_directories(tmp_path: Path) -> None:
    cache = Cache(f"{tmp_path}/vm", opener(tmp_path))
    cache.remove("net", conf())
    assert not cache.has("net", conf())
    cache.write(NET, conf(), DONE)
    plain = Cache(f"{tmp_path}/vm")
    assert plain.read("net", conf(), cni_version="1.0.0") == DONE
    assert cache.read("net", conf(), cni_version="1.0.0") == DONE
    assert cache.attachments() == plain.attachments()
    assert cache.has("net", conf())
    cache.remove("net", conf())
    cache.remove_directories()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["vm", "vm/results"])
def test_a_link_that_somebody_puts_into_the_path_leads_nowhere(tmp_path: Path, place: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    cache = Cache(f"{root}/vm", opener(root))
    (outside / "results").mkdir(parents=True)
    (outside / "results" / "net-c1-eth0").write_text("{}")
    (root / place).parent.mkdir(parents=True)
    (root / place).symlink_to(outside if place == "vm" else outside / "results")
    before = sorted(outside.rglob("*"))
    with pytest.raises(CacheFailed):
        cache.write(NET, conf("c1"), DONE)
    assert cache.read("net", conf("c1"), cni_version="1.0.0") is None
    assert not cache.has("net", conf("c1"))
    with pytest.raises(CacheFailed):
        cache.remove("net", conf("c1"))
    cache.remove_directories()
    assert sorted(outside.rglob("*")) == before
    assert (outside / "results" / "net-c1-eth0").read_text() == "{}"
