"""Find, or make, the guest that the proofs boot: a kernel and an initramfs from Debian's packages.

Needs no root: packages are downloaded and unpacked below `build/guest`. A kernel comes one of two ways:

- the distribution's own, whose drivers are modules that `init` loads; it has no IP_PNP, so `init`
  applies `ip=` (the default: seconds);
- `--from-source`: the distribution's kernel source over `make tinyconfig` and `kernel.fragment`; the
  kernel applies `ip=` (minutes).
"""

from __future__ import annotations

import argparse
import fcntl
import gzip
import json
import lzma
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# What `init` calls; busybox answers to each name.
APPLETS = ("sh", "mount", "ip", "ifconfig", "ping", "insmod", "hostname", "sleep", "reboot")
DRIVERS = ("virtio_mmio", "virtio_pci", "virtio_net")
SOURCE_COMMANDS = ("gcc", "make", "flex", "bison", "bc", "perl", "strip", "xz", "tar")


class Unavailable(Exception):
    """There is no guest here, and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Guest:
    """A kernel and an initramfs that boot together."""

    kernel: Path
    initrd: Path
    origin: str


def find(environ: Mapping[str, str]) -> Guest:
    """The guest to boot: named by the environment, built from source before, prebuilt, or the distribution's.

    Blocks for seconds when something must be downloaded. Raises Unavailable.
    """
    named = environ.get("VMPLUMB_GUEST_KERNEL"), environ.get("VMPLUMB_GUEST_INITRD")
    if any(named):
        return _named(*named)
    out = directory(environ)
    with _locked(out):
        source = out / "source" / "vmlinux"
        if source.is_file():
            return _with_initramfs(source, "source")
        # A prebuilt guest kernel beside the checkout.
        prebuilt = ROOT.parent / "shared" / "microvm" / "vmlinux"
        if prebuilt.is_file():
            return _with_initramfs(prebuilt, "prebuilt", out / "prebuilt")
        return distribution(out)


def directory(environ: Mapping[str, str]) -> Path:
    """Where guests are kept: `VMPLUMB_GUEST_DIR`, else `build/guest`."""
    return Path(environ.get("VMPLUMB_GUEST_DIR") or ROOT / "build" / "guest").absolute()


def distribution(out: Path) -> Guest:
    """The distribution's kernel with the modules it needs. Raises Unavailable."""
    place = out / "distribution"
    kernel = place / "vmlinuz"
    if not kernel.is_file():
        _check_machine()
        meta = "linux-image-cloud-amd64"
        package = _depends(meta, r"linux-image-\d\S*")
        with tempfile.TemporaryDirectory(dir=out) as scratch:
            image = _unpack(package, Path(scratch))
            boot = _one(image.glob("boot/vmlinuz-*"), package)
            modules = _one(
                [*image.glob("lib/modules/*/kernel"), *image.glob("usr/lib/modules/*/kernel")], package
            )
            _copy_modules(modules, place / "modules")
            _write(kernel, boot.read_bytes())
    return _with_initramfs(kernel, "distribution")


def from_source(out: Path, *, jobs: int) -> Guest:
    """A kernel of the distribution's source, with virtio-net and `ip=` built in. Raises Unavailable."""
    _check_machine()
    missing = [name for name in SOURCE_COMMANDS if shutil.which(name) is None]
    if missing:
        raise Unavailable(f"a kernel build needs {', '.join(missing)}")
    if not Path("/usr/include/gelf.h").is_file():
        raise Unavailable("a kernel build needs libelf's headers (package libelf-dev)")
    package = _depends("linux-source", r"linux-source-\d\S*")
    place = out / "source"
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        tree, work = Path(scratch) / "tree", Path(scratch) / "work"
        tree.mkdir()
        work.mkdir()
        archive = _one(_unpack(package, Path(scratch)).glob("usr/src/*.tar.xz"), package)
        _run(["tar", "-C", str(tree), "--strip-components=1", "-xf", str(archive)])
        make = ["make", "-s", "-C", str(tree), f"O={work}", "ARCH=x86_64"]
        _run([*make, "tinyconfig"])
        fragment = HERE / "kernel.fragment"
        merge = [str(tree / "scripts/kconfig/merge_config.sh"), "-m", "-O", str(work)]
        _run([*merge, str(work / ".config"), str(fragment)])
        _run([*make, "olddefconfig"])
        _check_config(fragment.read_text(), (work / ".config").read_text())
        _run([*make, f"-j{jobs}", "vmlinux"])
        stripped = work / "vmlinux.stripped"
        _run(["strip", "-s", "-o", str(stripped), str(work / "vmlinux")])
        _write(place / "config", (work / ".config").read_bytes())
        _write(place / "vmlinux", stripped.read_bytes())
    return _with_initramfs(place / "vmlinux", "source")


def initramfs(busybox: bytes, init: bytes, modules: Sequence[tuple[str, bytes]]) -> bytes:
    """A gzipped cpio archive; the same input gives the same bytes."""
    entries: list[tuple[str, int, bytes]] = [
        (name, 0o040755, b"") for name in ("bin", "dev", "modules", "proc", "sys")
    ]
    entries.append(("bin/busybox", 0o100755, busybox))
    entries += [(f"bin/{applet}", 0o120777, b"busybox") for applet in APPLETS]
    entries.append(("init", 0o100755, init))
    if modules:
        order = "".join(f"{name}\n" for name, _ in modules)
        entries.append(("modules/order", 0o100644, order.encode()))
        entries += [(f"modules/{name}", 0o100644, data) for name, data in modules]
    archive = b"".join(_cpio_entry(number, *entry) for number, entry in enumerate(entries, 1))
    return gzip.compress(archive + _cpio_entry(0, "TRAILER!!!", 0, b""), mtime=0)


def _named(kernel: str | None, initrd: str | None) -> Guest:
    if not (kernel and initrd):
        raise Unavailable("VMPLUMB_GUEST_KERNEL and VMPLUMB_GUEST_INITRD must be set together")
    for name in (kernel, initrd):
        if not Path(name).is_file():
            raise Unavailable(f"the environment names {name}, which is no file")
    return Guest(kernel=Path(kernel), initrd=Path(initrd), origin="environment")


def _with_initramfs(kernel: Path, origin: str, place: Path | None = None) -> Guest:
    place = place or kernel.parent
    path = place / "initramfs.cpio.gz"
    inputs = [HERE / "init", Path(__file__), kernel]
    if not path.is_file() or path.stat().st_mtime < max(name.stat().st_mtime for name in inputs):
        order = place / "modules" / "order"
        names = order.read_text().split() if order.is_file() else []
        modules = [(name, (place / "modules" / name).read_bytes()) for name in names]
        _write(path, initramfs(_busybox(place.parent), (HERE / "init").read_bytes(), modules))
    return Guest(kernel=kernel, initrd=path, origin=origin)


def _cpio_entry(number: int, name: str, mode: int, data: bytes) -> bytes:
    # "newc": Documentation/driver-api/early-userspace/buffer-format.rst of the kernel
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return header + bytes(-len(header) % 4) + data + bytes(-len(data) % 4)


def _busybox(out: Path) -> bytes:
    kept = out / "busybox"
    if not kept.is_file():
        with tempfile.TemporaryDirectory(dir=out) as scratch:
            image = _unpack("busybox-static", Path(scratch))
            found = _one([*image.glob("bin/busybox"), *image.glob("usr/bin/busybox")], "busybox-static")
            _write(kept, found.read_bytes())
    return kept.read_bytes()


def _copy_modules(tree: Path, place: Path) -> None:
    """The drivers and what they need, unpacked, and a file `order` that names dependencies first."""
    found = {path.name.split(".")[0].replace("-", "_"): path for path in tree.rglob("*.ko*")}
    order: list[str] = []

    def add(name: str) -> None:
        if name in order or name not in found:  # not found: built in
            return
        data = _module(found[name])
        depends = re.search(rb"\0depends=([^\0]*)\0", data)
        for needed in depends.group(1).decode().split(",") if depends else ():
            add(needed.replace("-", "_"))
        _write(place / f"{name}.ko", data)
        order.append(name)

    for driver in DRIVERS:
        add(driver)
    _write(place / "order", "".join(f"{name}.ko\n" for name in order).encode())


def _module(path: Path) -> bytes:
    data = path.read_bytes()
    match path.suffix:
        case ".ko":
            return data
        case ".xz":
            return lzma.decompress(data)
        case ".gz":
            return gzip.decompress(data)
    raise Unavailable(f"module {path.name}: compression {path.suffix} is not known here")


def _check_machine() -> None:
    if platform.machine() != "x86_64":
        raise Unavailable(f"the guest is built for x86_64 alone, and this machine is {platform.machine()}")
    missing = [name for name in ("apt-get", "apt-cache", "dpkg-deb") if shutil.which(name) is None]
    if missing:
        raise Unavailable(f"the guest is made from Debian's packages, and there is no {', '.join(missing)}")


def _check_config(wanted: str, granted: str) -> None:
    lost = [line for line in wanted.splitlines() if line.endswith("=y") and line not in granted.splitlines()]
    if lost:
        raise Unavailable(f"this kernel source did not grant {', '.join(lost)}")


def _depends(meta: str, pattern: str) -> str:
    """The package that a meta package stands for today."""
    for options in _apt_states(meta):
        listing = _run(["apt-cache", *options, "depends", meta], check=False)
        found = re.search(rf"^  Depends: ({pattern})$", listing, re.MULTILINE)
        if found:
            return found.group(1)
    raise Unavailable(f"Debian's package lists have no {meta}")


def _unpack(package: str, scratch: Path) -> Path:
    place = scratch / package
    place.mkdir()
    said = ""
    for options in _apt_states(package):
        # Unsandboxed, since the downloading user of apt may not write here.
        command = ["apt-get", *options, "-q", "-o", "APT::Sandbox::User=root", "download", package]
        said = _run(command, cwd=place, check=False)
        archives = list(place.glob("*.deb"))
        if archives:
            _run(["dpkg-deb", "-x", str(archives[0]), str(place / "image")])
            return place / "image"
    raise Unavailable(f"cannot download Debian's package {package}: {_last_line(said)}")


def _apt_states(package: str) -> Iterator[list[str]]:
    """apt's options: the machine's own package lists; then fresh lists of our own, which need no root."""
    yield []
    state = directory(os.environ) / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (state / name).mkdir(parents=True, exist_ok=True)
    options = ["-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}/cache"]
    print(f"guest: fetching Debian's package lists for {package}", file=sys.stderr, flush=True)
    _run(["apt-get", *options, "-q", "-o", "APT::Sandbox::User=root", "update"], check=False)
    yield options


def _run(command: Sequence[str], *, cwd: Path | None = None, check: bool = True) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except OSError as exc:
        raise Unavailable(f"cannot run {command[0]}: {exc}") from exc
    if check and done.returncode:
        print(done.stdout[-4000:], file=sys.stderr)
        raise Unavailable(f"{command[0]} exited {done.returncode}: {_last_line(done.stdout)}")
    return done.stdout


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _one(paths: Iterator[Path] | Sequence[Path], package: str) -> Path:
    for path in paths:
        return path
    raise Unavailable(f"Debian's package {package} is not laid out as expected")


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(data)
    fresh.replace(path)


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / ".lock").open("w")
    except OSError as exc:
        raise Unavailable(f"cannot write {out}: {exc.strerror}") from exc
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: Sequence[str]) -> int:
    """Print the guest as a JSON line. Exit 1 and the reason where there is none."""
    parser = argparse.ArgumentParser(description="find or make the guest kernel and initramfs")
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--from-source", action="store_true", help="build the kernel: ip= is then the kernel's work"
    )
    way.add_argument("--distribution", action="store_true", help="the distribution's kernel with its modules")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    start = time.monotonic()
    try:
        if options.from_source or options.distribution:
            out = directory(os.environ)
            with _locked(out):
                guest = from_source(out, jobs=options.jobs) if options.from_source else distribution(out)
        else:
            guest = find(os.environ)
    except Unavailable as exc:
        print(f"guest: left out: {exc}", file=sys.stderr)
        return 1
    report = {"kernel": str(guest.kernel), "initrd": str(guest.initrd), "origin": guest.origin}
    print(json.dumps({**report, "seconds": round(time.monotonic() - start, 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
