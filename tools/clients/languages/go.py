"""Go: `clients/go`, and `clients/go/fcsdk`, the drop-in for firecracker-go-sdk, a module of its own."""

from __future__ import annotations

import json
from pathlib import Path

from tools.clients.language import Broken, Count, Language, Workshop

CLIENT = Path("clients/go")
GENERATED = CLIENT / "vmplumbv1"
# Generators; the libraries they are made for are pinned by go.mod.
PLUGINS = {
    "protoc-gen-go": "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.11",
    "protoc-gen-go-grpc": "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2",
}
MODULE = "github.com/vmplumb/vmplumb/clients/go"
REGISTRY_TRIES = 3


def _modules(shop: Workshop) -> list[Path]:
    return sorted(one.parent for one in (shop.root / CLIENT).rglob("go.mod"))


def generate(shop: Workshop, out: Path) -> None:
    """Messages and stubs, with the rules, so that protovalidate finds them."""
    for name, version in PLUGINS.items():
        if not (shop.tools / version.replace("/", "_") / name).exists():
            bin_dir = shop.tools / version.replace("/", "_")
            shop.run("env", f"GOBIN={bin_dir}", "go", "install", version, tries=REGISTRY_TRIES)
    flags = []
    for name, version in PLUGINS.items():
        kind = name.removeprefix("protoc-gen-")
        flags += [
            f"--plugin={name}={shop.tools / version.replace('/', '_') / name}",
            f"--{kind}_out={out / CLIENT}",
            f"--{kind}_opt=module={MODULE}",
        ]
    (out / CLIENT).mkdir(parents=True)
    shop.protoc(*flags)


def build(shop: Workshop) -> None:
    """Download, format, vet, compile the tests of every module."""
    unformatted = shop.run("gofmt", "-l", shop.root / CLIENT)
    if unformatted:
        raise Broken(f"not as gofmt writes it:\n{unformatted}")
    for module in _modules(shop):
        shop.run("go", "mod", "download", cwd=module, tries=REGISTRY_TRIES)
        shop.run("go", "mod", "verify", cwd=module)
        shop.run("go", "vet", "./...", cwd=module)
        shop.run("go", "test", "-count=1", "-run=^$", "./...", cwd=module)


def test(shop: Workshop) -> Count:
    """Every test, in a host beside a live agent; one module after the other."""
    total = Count()
    for module in _modules(shop):
        said = shop.run_live("go", "test", "-count=1", "-timeout=300s", "-json", "./...", cwd=module)
        total += count(said)
    return total


def count(said: str) -> Count:
    """The tests in what `go test -json` prints; a test with subtests counts as those."""
    ends: dict[tuple[str, str], str] = {}
    for line in said.splitlines():
        event = json.loads(line) if line.startswith("{") else {}
        if "Test" in event and event["Action"] in {"pass", "fail", "skip"}:
            ends[event["Package"], event["Test"]] = event["Action"]
    parents = {(package, name.rpartition("/")[0]) for package, name in ends if "/" in name}
    leaves = [end for key, end in ends.items() if key not in parents]
    return Count(passed=leaves.count("pass"), failed=leaves.count("fail"), skipped=leaves.count("skip"))


LANGUAGE = Language(
    name="go",
    packages=("go",),
    generated=(GENERATED,),
    generate=generate,
    build=build,
    test=test,
)
