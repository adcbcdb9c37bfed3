"""Finding a network in a directory. The orderings are also held against libcni in tests/parity/libcni."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmplumbd.cni import confdir
from vmplumbd.cni.error import InvalidConfig, NetworkNotFound

LIST = '{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"%s"}]}'


def types(directory: Path) -> list[str]:
    return [plugin.type for plugin in confdir.load(str(directory), "net").plugins]


def test_no_directory_and_no_file_are_told_apart_from_no_match(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "none"):
        with pytest.raises(NetworkNotFound, match=r"^no net configurations found in ") as raised:
            confdir.load(str(directory), "net")
        assert raised.value.no_files
    (tmp_path / "a.conflist").write_text(LIST.replace("net", "x") % "a")
    with pytest.raises(NetworkNotFound, match=r'^no net configuration with name "net" in ') as raised:
        confdir.load(str(tmp_path), "net")
    assert not raised.value.no_files


def test_links_count_and_directories_and_backups_do_not(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(LIST % "linked")
    (tmp_path / "50.conflist").symlink_to("real")
    (tmp_path / "10.conflist").mkdir()
    (tmp_path / "20.conflist~").write_text("{")
    assert types(tmp_path) == ["linked"]


def test_order_is_of_bytes(tmp_path: Path) -> None:
    for name in ("b.conflist", "Z.conflist", "\u00e4.conflist"):
        (tmp_path / name).write_text(LIST % name[0])
    assert types(tmp_path) == ["Z"]


def test_a_file_that_cannot_be_read_ends_the_search(tmp_path: Path) -> None:
    (tmp_path / "00.conflist").symlink_to("gone")
    (tmp_path / "10.conflist").write_text(LIST % "a")
    with pytest.raises(InvalidConfig, match=r"^error reading .*/00\.conflist: No such file"):
        confdir.load(str(tmp_path), "net")


def test_a_file_for_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidConfig, match="Not a directory"):
        confdir.load(str(tmp_path / "file"), "net")


@pytest.mark.parametrize("name", ["", ".", "..", "../away", "away/"])
def test_a_name_that_is_no_name_has_no_directory_of_plugins(name: str, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for place in (tmp_path, tmp_path / "d", tmp_path / "away"):
        place.mkdir(exist_ok=True)
        (place / "x.conf").write_text('{"type":"stray"}')
    file = tmp_path / "d" / "n.conflist"
    file.write_text((LIST % "a").replace('"net"', f'"{name}"'))
    assert [plugin.type for plugin in confdir.load_file(str(file)).plugins] == ["a"]


def test_a_file_that_goes_after_it_was_listed_was_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "b.conflist"
    there.write_text('{"name": "net", "cniVersion": "1.0.0", "plugins": [{"type": "ptp"}]}')
    listed = {".conflist": [str(tmp_path / "a.conflist"), str(there)]}
    monkeypatch.setattr(confdir, "_files", lambda _, kinds: listed.get(next(iter(kinds)), []))
    assert confdir.load(str(tmp_path), "net").name == "net"
    (tmp_path / "a.conflist").symlink_to("nowhere")
    with pytest.raises(InvalidConfig, match="error reading"):
        confdir.load(str(tmp_path), "net")
