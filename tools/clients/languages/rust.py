"""Rust: `clients/rust`, a crate over tonic and prost, `validation`, which judges requests, and `xtask`, which writes
the generated code of both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorSet

from tools.clients.language import Broken, Count, Language, Workshop
from tools.contract.image import CONTRACT

CLIENT = Path("clients/rust")
GENERATED = CLIENT / "src/gen"
RULES = CLIENT / "validation/src/gen"
HAND_WRITTEN_LINES = 300
REGISTRY_TRIES = 3


def _cargo(shop: Workshop, *words: str, tries: int = 1) -> str:
    return shop.run(
        "env", f"CARGO_TARGET_DIR={shop.tools}", "cargo", *words, cwd=shop.root / CLIENT, tries=tries
    )


def generate(shop: Workshop, out: Path) -> None:
    """Messages and client, by tonic-prost-build, and rules, by protovalidate-buffa's generator; both read
    descriptors and run no protoc."""
    for directory in (GENERATED, RULES):
        (out / directory).mkdir(parents=True)
    _cargo(shop, "fetch", "--locked", tries=REGISTRY_TRIES)
    contract = FileDescriptorSet.FromString(shop.contract_without_rules.read_bytes())
    xtask = ("run", "--quiet", "--locked", "--offline", "--package", "xtask", "--")
    _cargo(
        shop,
        *(*xtask, "client", str(shop.contract_without_rules), str(out / GENERATED)),
        *secrets(contract),
    )
    asked = shop.tools / "requests.binpb"
    asked.write_bytes(
        requests(FileDescriptorSet.FromString(shop.contract.read_bytes())).SerializeToString(
            deterministic=True
        )
    )
    _cargo(shop, *xtask, "rules", str(asked), str(out / RULES))


def requests(contract: FileDescriptorSet) -> FileDescriptorSet:
    """The contract without what no request has in it: answers have no rules."""
    slim = FileDescriptorSet()
    slim.CopyFrom(contract)
    ours = [file for file in slim.file if file.package == CONTRACT]
    messages = {f".{CONTRACT}.{one.name}": one for file in ours for one in file.message_type}
    kept, left = set(), [name for name in messages if name.endswith("Request")]
    while left:
        kept.add(name := left.pop())
        types = {field.type_name for field in messages[name].field} if name in messages else set()
        left.extend(types - kept - {""})
    for file in ours:
        for declared in (file.message_type, file.enum_type):
            for at in reversed(range(len(declared))):
                if f".{CONTRACT}.{declared[at].name}" not in kept:
                    del declared[at]
        del file.service[:]
        file.ClearField("source_code_info")  # it counts what is gone
    return slim


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
    _cargo(shop, "test", "--workspace", "--locked", "--offline", "--no-run")


def code_lines(source: Path) -> int:
    """Lines of code of the hand-written part, without comments and blank lines."""
    lines = [line.strip() for path in source.glob("*.rs") for line in path.read_text().splitlines()]
    return sum(1 for line in lines if line and not line.startswith("//"))


def test(shop: Workshop) -> Count:
    """Every test, in a host beside a live agent."""
    words = ("test", "--workspace", "--locked", "--offline", "--no-fail-fast")
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
    generated=(GENERATED, RULES),
    generate=generate,
    build=build,
    test=test,
)
