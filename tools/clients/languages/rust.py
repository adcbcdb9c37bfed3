"""Rust: `clients/rust`, a crate over tonic and prost, and `xtask`, which writes its generated code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorSet

from tools.clients.language import Broken, Count, Language, Workshop
from tools.contract.image import CONTRACT

CLIENT = Path("clients/rust")
GENERATED = CLIENT / "src/gen"
HAND_WRITTEN_LINES = 300
REGISTRY_TRIES = 3


def _cargo(shop: Workshop, *words: str, tries: int = 1) -> str:
    return shop.run(
        "env", f"CARGO_TARGET_DIR={shop.tools}", "cargo", *words, cwd=shop.root / CLIENT, tries=tries
    )


def generate(shop: Workshop, out: Path) -> None:
    """Messages and client, by tonic-prost-build, which reads descriptors and runs no protoc."""
    (out / GENERATED).mkdir(parents=True)
    _cargo(shop, "fetch", "--locked", tries=REGISTRY_TRIES)
    contract = FileDescriptorSet.FromString(shop.contract_without_rules.read_bytes())
    _cargo(
        shop,
        *("run", "--quiet", "--locked", "--offline", "--package", "xtask", "--"),
        *(str(shop.contract_without_rules), str(out / GENERATED), *secrets(contract)),
    )


def secrets(contract: FileDescriptorSet) -> Iterator[str]:
    """The names of messages with a field that may carry a secret: `debug_redact`, which prost does not know."""

    def within(prefix: str, messages: list[DescriptorProto]) -> Iterator[str]:
        for message in messages:
            name = f"{prefix}.{message.name}"
            if any(field.options.debug_redact for field in message.field):
                yield name
            yield from within(name, list(message.nested_type))

    for file in contract.file:
        if file.package == CONTRACT:
            yield from within(file.package, list(file.message_type))


def build(shop: Workshop) -> None:
    """Format, compile; the hand-written part stays thin."""
    lines = code_lines(shop.root / CLIENT / "src")
    if lines > HAND_WRITTEN_LINES:
        raise Broken(f"{lines} hand-written lines of code, more than {HAND_WRITTEN_LINES}")
    _cargo(shop, "fmt", "--all", "--check")
    _cargo(shop, "test", "--locked", "--offline", "--no-run")


def code_lines(source: Path) -> int:
    """Lines of code of the hand-written part, without comments and blank lines."""
    lines = [line.strip() for path in source.glob("*.rs") for line in path.read_text().splitlines()]
    return sum(1 for line in lines if line and not line.startswith("//"))


def test(shop: Workshop) -> Count:
    """Every test, in a host beside a live agent."""
    words = ("test", "--locked", "--offline", "--no-fail-fast")
    said = shop.run_live("env", f"CARGO_TARGET_DIR={shop.tools}", "cargo", *words, cwd=shop.root / CLIENT)
    return count(said)


def count(said: str) -> Count:
    """The tests in what `cargo test` prints, over all its binaries."""
    found = re.findall(r"^test result: .* (\d+) passed; (\d+) failed; (\d+) ignored;", said, re.MULTILINE)
    rows = [Count(passed=int(one), failed=int(two), skipped=int(three)) for one, two, three in found]
    return sum(rows, Count())


LANGUAGE = Language(
    name="rust",
    packages=("cargo",),
    generated=(GENERATED,),
    generate=generate,
    build=build,
    test=test,
)
