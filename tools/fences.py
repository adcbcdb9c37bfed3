"""What import contracts cannot see: who reads the environment, and who starts processes.

fences.py [DIRECTORY]    exit 1 and a line for each use outside its room
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

AGENT = Path(__file__).resolve().parent.parent / "agent" / "vmplumbd"
PROCESSES = (
    *("fork", "forkpty", "popen", "posix_spawn", "posix_spawnp", "system"),
    *(
        f"{verb}{form}"
        for verb in ("exec", "spawn")
        for form in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")
    ),
)
# `compose.py` joins everything, `main.py` hears of its service manager, `__main__.py` tells gRPC what it takes
# from nowhere else; the launcher of plugins is an entry point of executables.
READS_ENVIRONMENT = frozenset(
    {"__main__.py", "config.py", "compose.py", "main.py", "cni/exec.py", "plugins/launcher.py"}
)
STARTS_PROCESSES = frozenset({"cni/exec.py"})
FENCED: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("environ", "environb", "getenv", "getenvb", "putenv"), READS_ENVIRONMENT),
    **dict.fromkeys(PROCESSES, STARTS_PROCESSES),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One use outside its room."""

    path: str
    line: int
    name: str


def breaches(agent: Path) -> Iterator[Breach]:
    """Every fenced name of `os` that a file outside its room uses."""
    for path in sorted(agent.rglob("*.py")):
        place = path.relative_to(agent).as_posix()
        for line, name in _uses(ast.parse(path.read_bytes(), str(path))):
            if name in FENCED and place not in FENCED[name]:
                yield Breach(path=place, line=line, name=name)


def _uses(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr=name):
                yield node.lineno, name
            case ast.ImportFrom(module="os", names=names):
                yield from ((node.lineno, alias.name) for alias in names)


def main(arguments: list[str]) -> int:
    """Print the breaches."""
    found = list(breaches(Path(arguments[0]) if arguments else AGENT))
    for breach in found:
        rooms = ", ".join(sorted(FENCED[breach.name]))
        print(f"{breach.path}:{breach.line}: os.{breach.name} belongs in {rooms}")
    if not found:
        print("fences: environment and processes stay in their rooms")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
