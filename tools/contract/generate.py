"""Make everything that is generated from `protos/`; `--check` fails on a difference instead.

Outputs: the Python messages and stubs of `clients/python/vmplumb/v1`, made without protovalidate's
options, and the descriptors with them: `agent/vmplumbd/rpc/rules.binpb`, and the same for callers in
`clients/python/vmplumb/rules.binpb`.

No `validate.proto` is fetched: the protovalidate wheel of the lock carries its descriptor, and protoc
reads imports from a descriptor set as well as from files.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools.contract import image  # noqa: E402  the tools are run as files, from a bare clone

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

PYTHON_OUT = Path("clients/python")
RULES = (Path("agent/vmplumbd/rpc/rules.binpb"), PYTHON_OUT / "vmplumb/rules.binpb")
PACKAGE = Path("vmplumb/v1")


def generate(full: FileDescriptorSet, out: Path) -> list[Path]:
    """Write every generated file below `out`, laid out as in the repository, and list them."""
    slim = image.without_rules(full)
    names = [file.name for file in slim.file if file.package == image.CONTRACT]
    python_out = out / PYTHON_OUT
    python_out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        slim_path = Path(scratch) / "slim.binpb"
        slim_path.write_bytes(slim.SerializeToString())
        scripts = sysconfig.get_path("scripts")
        subprocess.run(
            [
                sys.executable,
                "-m",
                "grpc_tools.protoc",
                f"--descriptor_set_in={slim_path}",
                f"--plugin=protoc-gen-mypy={scripts}/protoc-gen-mypy",
                f"--plugin=protoc-gen-mypy_grpc={scripts}/protoc-gen-mypy_grpc",
                f"--python_out={python_out}",
                f"--grpc_python_out={python_out}",
                f"--mypy_out=quiet:{python_out}",
                f"--mypy_grpc_out=quiet:{python_out}",
                *names,
            ],
            check=True,
        )
    (python_out / PACKAGE / "__init__.py").touch()
    for rules in RULES:
        (out / rules).parent.mkdir(parents=True, exist_ok=True)
        (out / rules).write_bytes(image.rules(full).SerializeToString(deterministic=True))
    return sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())


def differences(root: Path, fresh: Path, made: list[Path]) -> list[str]:
    """What below `root` is not as `fresh` has it: changed, missing, or no longer generated."""
    found = []
    for path in made:
        there = root / path
        if not there.exists():
            found.append(f"missing: {path}")
        elif there.read_bytes() != (fresh / path).read_bytes():
            found.append(f"differs: {path}")
    package = root / PYTHON_OUT / PACKAGE
    stale = {
        path.relative_to(root)
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } - set(made)
    return found + [f"not generated: {path}" for path in sorted(stale)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 on a difference")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        made = generate(image.build(ROOT / "protos"), fresh)
        found = differences(ROOT, fresh, made)
        if arguments.check:
            for line in found:
                print(line)
            print(f"generated code: {len(made)} files, {len(found)} differences")
            return 1 if found else 0
        shutil.rmtree(ROOT / PYTHON_OUT / PACKAGE, ignore_errors=True)
        for path in made:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(fresh / path, ROOT / path)
        print(f"generated code: {len(made)} files written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
