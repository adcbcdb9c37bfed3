"""TypeScript: `clients/typescript`, an npm package for Node >= 20.3."""

from __future__ import annotations

import os
import re
from pathlib import Path

from google.protobuf import any_pb2, descriptor_pb2
from google.rpc import error_details_pb2, status_pb2

from tools.clients.language import Broken, Count, Language, Workshop

CLIENT = Path("clients/typescript")
GENERATED = CLIENT / "src" / "gen"
# validate.proto is not generated: protovalidate's package has it.
OPTIONS = "target=ts,import_extension=js,rewrite_imports=./buf/validate/*:@bufbuild/protovalidate/gen"
REGISTRY_TRIES = 3


def install(shop: Workshop) -> None:
    """node_modules, as the lock file has it; does nothing when it is there."""
    stamp = shop.tools / "installed"
    locked = f"{shop.root}\n{(shop.root / CLIENT / 'package-lock.json').read_text()}"
    if (shop.root / CLIENT / "node_modules").is_dir() and stamp.exists() and stamp.read_text() == locked:
        return
    shop.run(
        "npm",
        "ci",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        cwd=shop.root / CLIENT,
        tries=REGISTRY_TRIES,
    )
    stamp.write_text(locked)


def generate(shop: Workshop, out: Path) -> None:
    """Messages and the service with the rules, and google.rpc's details: no npm package has them for protobuf-es."""
    install(shop)
    (out / GENERATED).mkdir(parents=True)
    plugin = shop.root / CLIENT / "node_modules" / ".bin" / "protoc-gen-es"
    shop.protoc(
        f"--plugin=protoc-gen-es={plugin}",
        f"--es_out={out / GENERATED}",
        f"--es_opt={OPTIONS}",
        descriptors=_with_details(shop),
        protos=[*shop.protos, *(one.DESCRIPTOR.name for one in (error_details_pb2, status_pb2))],
    )


def build(shop: Workshop) -> None:
    """Compile package, tests and examples; the layout is prettier's."""
    install(shop)
    bin_dir = shop.root / CLIENT / "node_modules" / ".bin"
    shop.run(bin_dir / "prettier", "--check", ".", cwd=shop.root / CLIENT)
    shop.run(bin_dir / "tsc", "-b", "tests", cwd=shop.root / CLIENT)


def test(shop: Workshop) -> Count:
    """Every test, beside a live agent, a file after the other."""
    tests = sorted((shop.root / CLIENT / "build" / "tests").glob("*.test.js"))
    said = shop.run_live(
        "node",
        "--test",
        "--test-reporter=spec",
        "--test-concurrency=1",
        *map(os.fspath, tests),
        cwd=shop.root / CLIENT,
    )
    return count(said)


def count(said: str) -> Count:
    """The tests in the closing lines of node's "spec" reporter, which tells failures at its end."""
    figures = {name: int(number) for name, number in re.findall(r"^\S (\w+) (\d+)$", said, re.MULTILINE)}
    try:
        skipped = figures["skipped"] + figures["todo"]
        return Count(passed=figures["pass"], failed=figures["fail"] + figures["cancelled"], skipped=skipped)
    except KeyError as exc:
        raise Broken(f"node's closing lines are not there:\n{said[-2000:]}") from exc


def _with_details(shop: Workshop) -> Path:
    """The contract, and what a status carries, as one descriptor set."""
    files = descriptor_pb2.FileDescriptorSet.FromString(shop.contract.read_bytes())
    for module in (any_pb2, error_details_pb2, status_pb2):
        if module.DESCRIPTOR.name not in {one.name for one in files.file}:
            module.DESCRIPTOR.CopyToProto(files.file.add())  # type: ignore[no-untyped-call, unused-ignore]
    path = shop.tools / "contract-and-details.binpb"
    path.write_bytes(files.SerializeToString(deterministic=True))
    return path


LANGUAGE = Language(
    name="typescript",
    packages=("node", "openssl"),
    generated=(GENERATED,),
    generate=generate,
    build=build,
    test=test,
)
