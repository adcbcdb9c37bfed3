"""Opening below a root, by openat2 and by the walk that stands in for it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import descriptors
from vmplumbd.kernel import paths

Open = Callable[..., int]


def by_walk(root: str, relative: str, *, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        return paths.walk_beneath(directory, relative, flags=flags, mode=mode)
    finally:
        os.close(directory)


@pytest.fixture(params=[paths.open_beneath, by_walk], ids=["openat2", "walk"])
def open_(request: pytest.FixtureRequest) -> Open:
    chosen: Open = request.param
    return chosen


@pytest.fixture
def root(tmp_path: Path) -> Path:
    inside = tmp_path / "root"
    (inside / "one" / "two").mkdir(parents=True)
    (inside / "one" / "two" / "file").write_text("here", "ascii")
    (tmp_path / "secret").write_text("outside", "ascii")
    (inside / "link").symlink_to("../secret")
    (inside / "linked").symlink_to("one")
    (inside / "absolute").symlink_to("/etc")
    return inside


def test_a_file_below_is_opened(root: Path, open_: Open) -> None:
    fd = open_(str(root), "one/./two//file")
    try:
        assert os.read(fd, 10) == b"here"
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)


def test_a_file_below_is_made_with_its_mode(root: Path, open_: Open) -> None:
    os.close(open_(str(root), "one/new", flags=os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o640))
    assert (root / "one" / "new").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("relative", "code"),
    [
        ("../secret", errno.EXDEV),
        ("one/../../secret", errno.EXDEV),
        ("/etc/passwd", errno.EXDEV),
        ("link", errno.ELOOP),
        ("linked/two/file", errno.ELOOP),
        ("absolute/passwd", errno.ELOOP),
        ("none", errno.ENOENT),
        ("one/two/file/more", errno.ENOTDIR),
    ],
)
def test_nothing_leads_out(root: Path, open_: Open, relative: str, code: int) -> None:
    with pytest.raises(OSError) as caught:  # noqa: PT011  the errno is compared below
        open_(str(root), relative)
    assert caught.value.errno == code


def test_no_descriptor_is_left(root: Path, open_: Open) -> None:
    with descriptors.none_is_kept():
        for relative in ("../secret", "linked/two/file", "none", "one/none/file"):
            with pytest.raises(OSError):  # noqa: PT011  which one is told above
                open_(str(root), relative)


def test_a_directory_is_made_below_its_root_and_said_to_be_new(root: Path) -> None:
    for path, new in ((root / "a" / "b", True), (root / "a" / "b", False), (root, False)):
        fd, made = paths.open_directory([str(root)], str(path), make=True)
        assert Path(f"/proc/self/fd/{fd}").readlink() == path
        assert made is new
        os.close(fd)
    assert (root / "a").stat().st_mode & 0o777 == 0o700


def test_a_root_that_is_missing_is_made_too(tmp_path: Path) -> None:
    fd, made = paths.open_directory([f"{tmp_path}/x/y"], f"{tmp_path}/x/y/z", make=True)
    os.close(fd)
    assert made
    with pytest.raises(FileNotFoundError):
        paths.open_directory([f"{tmp_path}/n"], f"{tmp_path}/n/z", make=False)


@pytest.mark.parametrize("below", ["linked", "linked/two", "absolute/new", "link"])
def test_no_link_below_the_root_is_followed_nor_made_through(root: Path, below: str) -> None:
    before = sorted(one.name for one in root.rglob("*"))
    for make in (False, True):
        with pytest.raises(OSError, match=r"symbolic|Not a directory"):
            paths.open_directory([str(root)], str(root / below), make=make)
    assert sorted(one.name for one in root.rglob("*")) == before
    assert not Path("/etc/new").exists()


def test_a_link_in_the_roots_own_path_and_one_below_no_root_are_the_operators(
    root: Path, tmp_path: Path
) -> None:
    (tmp_path / "to-root").symlink_to(root)
    for roots, path in (([f"{tmp_path}/to-root"], "to-root/one"), (["/elsewhere"], "root/linked")):
        fd, _ = paths.open_directory(roots, f"{tmp_path}/{path}", make=False)
        assert Path(f"/proc/self/fd/{fd}").readlink() == root / "one"
        os.close(fd)
