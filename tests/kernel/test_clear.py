"""What is taken away is the thing that was judged, also if another one comes at the last moment."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests import host as hosts
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.model.findings import Action, Finding, Views
from vmplumbd.model.progress import ResourceKind
from vmplumbd.operations import clear
from vmplumbd.operations.clear import Quarantine
from vmplumbd.operations.look import mark_of
from vmplumbd.operations.tools import Tools


@pytest.mark.parametrize("quarantine", [False, True], ids=["removed", "put aside"])
@pytest.mark.parametrize("comes", [True, False], ids=["a namespace comes", "nothing comes"])
def test_a_namespace_that_comes_to_lie_over_a_judged_file_stays(
    host: hosts.Host, monkeypatch: pytest.MonkeyPatch, *, comes: bool, quarantine: bool
) -> None:
    path = host.netns_dir / "vm-1"
    path.touch()
    finding = Finding(
        kind=ResourceKind.FILE,
        what=path.name,
        where=str(path.parent),
        would_do=Action.REMOVE,
        detail="",
        mark=str(mark_of(str(path))),
    )
    check = clear._check_mark

    def check_and_wait(found: Finding) -> None:
        check(found)
        if comes:
            host.run(["unshare", "-n", "mount", "--bind", "/proc/self/ns/net", str(path)])

    monkeypatch.setattr(clear, "_check_mark", check_and_wait)
    kernel = LinuxKernel()
    settings = SimpleNamespace(state_dir=str(host.netns_dir.parent / "state"))
    tools = cast("Tools", SimpleNamespace(kernel=kernel, settings=settings))
    views = Views(now=0)
    done = clear.act(tools, views, finding, Quarantine(tools, views) if quarantine else None)
    assert (done.done, path.exists()) == (not comes, comes)
    if comes:
        assert kernel.netns_identity(str(path)).inode == path.stat().st_ino
        host.run(["umount", str(path)])
    kernel.close()
    assert not Path(path).is_mount()
