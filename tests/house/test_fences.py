"""The fences find what is planted, and the agent has none of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import fences

PLANTED = [
    ("operations/set_up.py", "import os\nwho = os.environ['WHO']\n", ("environ", 2)),
    ("rpc/server.py", "from os import getenv\n", ("getenv", 1)),
    ("plugins/ptp.py", "import os\nos.posix_spawn('/bin/true', [], {})\n", ("posix_spawn", 2)),
    ("kernel/netns.py", "import os\nif os.fork() == 0:\n    pass\n", ("fork", 2)),
    ("config.py", "import os\nos.execv('/bin/true', [])\n", ("execv", 2)),
    ("config.py", "import os\nwho = os.environ\n", None),
    ("cni/exec.py", "import os\nos.posix_spawn('/bin/true', [], os.environ)\n", None),
]


@pytest.mark.parametrize(("place", "source", "expected"), PLANTED)
def test_a_use_outside_its_room_is_found(
    tmp_path: Path, place: str, source: str, expected: tuple[str, int] | None
) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    found = [(breach.path, breach.name, breach.line) for breach in fences.breaches(tmp_path)]
    assert found == ([(place, *expected)] if expected else [])


def test_the_agent_keeps_its_fences() -> None:
    assert list(fences.breaches(fences.AGENT)) == []
