"""A link's attributes as they were before they were set, in a file an attachment, as the reference writes it.

A directory is shared by all networks, and the names of its files do not tell them apart, so ours say their
network in one key more, which the reference passes over. Without it nobody could collect them.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection
from pathlib import Path

from vmplumbd.plugins import conf
from vmplumbd.plugins.conf import Malformed
from vmplumbd.plugins.tuning import config
from vmplumbd.plugins.tuning.config import Attributes


def file_name(container_id: str, if_name: str) -> str:
    """The file of an attachment."""
    return f"{container_id}_{if_name}.json"


def put(path: Path, content: bytes) -> None:
    """Write a file whole: a reader sees the old one or the new one. The directory is made if need be."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = _draft(path)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def remains(path: Path) -> bool:
    """Whether there is anything to forget."""
    return path.exists() or _draft(path).exists()


def forget(path: Path) -> None:
    """Remove a file, and what a killed writer left of it. Gone already is success."""
    _draft(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def encode(before: Attributes, network: str) -> bytes:
    """The file's content."""
    values = {
        "mac": None if before.mac is None else before.mac.hex(":"),
        "promisc": before.promisc,
        "mtu": before.mtu,
        "allmulti": before.allmulti,
        "txQLen": before.tx_queue_length,
        "network": network,
    }
    return json.dumps({key: value for key, value in values.items() if value is not None}, indent=1).encode()


def read(path: Path) -> bytes | None:
    """The content; None if there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def decode(content: bytes) -> Attributes:
    """What the content says to put back; nothing if it is damaged: nobody can say any more what was."""
    try:
        top = conf.load(content, "configToRestore")
        return Attributes(
            mac=config.mac_bytes(top.text("mac")),
            promisc=top.flag("promisc") if top.has("promisc") else None,
            mtu=top.number("mtu") or None,
            allmulti=top.flag("allmulti") if top.has("allmulti") else None,
            tx_queue_length=top.number("txQLen"),
        )
    except Malformed:
        return config.NOTHING


def collect(directory: Path, network: str, keep: Collection[str]) -> None:
    """Remove the files of a network but those to keep. Files that name no network are not ours."""
    for path in directory.glob("*.json"):
        if path.name.removeprefix(".") in keep:
            continue
        with contextlib.suppress(FileNotFoundError, IsADirectoryError, Malformed):
            if conf.load(path.read_bytes(), "configToRestore").text("network") == network:
                path.unlink()


def _draft(path: Path) -> Path:
    """Where a file is written before it is moved into place: one name a file, so that it is found again."""
    return path.with_name(f".{path.name}")
