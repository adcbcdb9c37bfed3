"""Make `vmplumb._etcd` from etcd.proto; `--check` fails on a difference instead."""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROTO = Path(__file__).with_name("etcd.proto")
OUT = ROOT / "clients" / "python" / "vmplumb" / "_etcd"


def generate(out: Path) -> None:
    """Write the messages and stubs into `out`, a package."""
    # protoc names modules after the path of the file, so it is given the path that the package has.
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "proto" / "vmplumb" / "_etcd"
        place.mkdir(parents=True)
        (place / "etcd.proto").write_bytes(PROTO.read_bytes())
        made = Path(scratch) / "made"
        made.mkdir()
        scripts = sysconfig.get_path("scripts")
        subprocess.run(
            [
                *(sys.executable, "-m", "grpc_tools.protoc", f"-I{Path(scratch) / 'proto'}"),
                f"--plugin=protoc-gen-mypy={scripts}/protoc-gen-mypy",
                f"--plugin=protoc-gen-mypy_grpc={scripts}/protoc-gen-mypy_grpc",
                *(f"--python_out={made}", f"--grpc_python_out={made}"),
                *(f"--mypy_out=quiet:{made}", f"--mypy_grpc_out=quiet:{made}", "vmplumb/_etcd/etcd.proto"),
            ],
            check=True,
        )
        out.mkdir(exist_ok=True)
        for one in (made / "vmplumb" / "_etcd").iterdir():
            (out / one.name).write_bytes(one.read_bytes())
        (out / "__init__.py").touch()


def main() -> int:
    """Write, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 on a difference")
    if not parser.parse_args().check:
        generate(OUT)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "etcd"
        generate(fresh)
        there = {one.name: one.read_bytes() for one in OUT.iterdir() if one.is_file()}
        wanted = {one.name: one.read_bytes() for one in fresh.iterdir()}
    differing = sorted(name for name in {*there, *wanted} if there.get(name) != wanted.get(name))
    for name in differing:
        print(f"differs: {(OUT / name).relative_to(ROOT)}")
    print(f"etcd's messages: {len(wanted)} files, {len(differing)} differences")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
