"""Wheels and a Debian package: python -m tools.package.build [--version V] [--into DIR]

The package carries what requirements.lock pins, in a directory of its own, for the Python that Debian has; the
system's own packages of Python are not touched. Leaves build/package behind. Prints the files that it made.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tools.package import manual

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "package"
NFPM = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.0"
UV = ROOT / ".tools" / "bin" / "uv"
INTERPRETER = "/usr/bin/python3"
_WRAPPER = """#!/usr/bin/python3 -Ps
# The package's own libraries, and none of a user's or of the current directory.
import sys

sys.path.insert(0, "/usr/lib/vmplumb")
from {module} import {function}

sys.exit({function}())
"""
_NFPM = """name: vmplumb
arch: {arch}
platform: linux
version: {version}
section: net
priority: optional
maintainer: vmplumb maintainers <maintainers@vmplumb.invalid>
description: |
  Host agent that gives Firecracker microVMs their networks.
  vmplumbd is called over gRPC, runs CNI plugins, built in or executed, and leaves nothing behind;
  vmplumbctl calls it.
license: Apache-2.0
depends:
  - python3 (>= {python})
  - python3 (<< {next_python})
recommends:
  - iproute2
contents:
  - {{src: {tree}/usr/lib/vmplumb, dst: /usr/lib/vmplumb, type: tree}}
  - {{src: {tree}/usr/bin/vmplumbd, dst: /usr/bin/vmplumbd, file_info: {{mode: 0755}}}}
  - {{src: {tree}/usr/bin/vmplumbctl, dst: /usr/bin/vmplumbctl, file_info: {{mode: 0755}}}}
  - {{src: {deploy}/systemd/vmplumbd.service, dst: /usr/lib/systemd/system/vmplumbd.service, file_info: {{mode: 0644}}}}
  - {{src: {deploy}/debian/vmplumb.sysusers, dst: /usr/lib/sysusers.d/vmplumb.conf, file_info: {{mode: 0644}}}}
  - {{src: {deploy}/debian/vmplumb.tmpfiles, dst: /usr/lib/tmpfiles.d/vmplumb.conf, file_info: {{mode: 0644}}}}
  - {{src: {deploy}/debian/vmplumbd.toml, dst: /etc/vmplumb/vmplumbd.toml, type: "config|noreplace",
     file_info: {{mode: 0640}}}}
  - {{src: {tree}/man/vmplumbd.8, dst: /usr/share/man/man8/vmplumbd.8, file_info: {{mode: 0644}}}}
  - {{src: {tree}/man/vmplumbctl.1, dst: /usr/share/man/man1/vmplumbctl.1, file_info: {{mode: 0644}}}}
  - {{src: {tree}/completion/bash, dst: /usr/share/bash-completion/completions/vmplumbctl, file_info: {{mode: 0644}}}}
  - {{src: {tree}/completion/zsh, dst: /usr/share/zsh/vendor-completions/_vmplumbctl, file_info: {{mode: 0644}}}}
  - {{src: {tree}/completion/fish, dst: /usr/share/fish/vendor_completions.d/vmplumbctl.fish,
     file_info: {{mode: 0644}}}}
  - {{src: {root}/LICENSE, dst: /usr/share/doc/vmplumb/copyright, file_info: {{mode: 0644}}}}
scripts:
  postinstall: {deploy}/debian/postinst
  preremove: {deploy}/debian/prerm
  postremove: {deploy}/debian/postrm
"""


def wheels(into: Path) -> list[Path]:
    """The wheels of client and agent."""
    into.mkdir(parents=True, exist_ok=True)
    for old in into.glob("*.whl"):
        old.unlink()
    for project in (ROOT / "clients" / "python", ROOT):
        _run(
            UV,
            "build",
            "--wheel",
            "--quiet",
            "--out-dir",
            into,
            "--build-constraints",
            ROOT / "requirements.lock",
            project,
        )
    return sorted(into.glob("*.whl"))


def tree(made: list[Path], into: Path, version: str) -> None:
    """The files of the package that are not in the repository: libraries, commands, man pages, completion."""
    shutil.rmtree(into, ignore_errors=True)
    libraries = into / "usr" / "lib" / "vmplumb"
    client = next(one for one in made if one.name.startswith("vmplumb-"))
    agent = next(one for one in made if one.name.startswith("vmplumbd-"))
    _run(
        *(UV, "pip", "install", "--quiet", "--python", INTERPRETER, "--target", libraries),
        *("--constraints", ROOT / "requirements.lock", "--no-compile-bytecode"),
        *(f"vmplumb[cli] @ {client.as_uri()}", f"vmplumbd[otel] @ {agent.as_uri()}"),
    )
    shutil.rmtree(libraries / "bin", ignore_errors=True)
    commands = into / "usr" / "bin"
    commands.mkdir(parents=True)
    for name, module, function in (
        ("vmplumbd", "vmplumbd.__main__", "run"),
        ("vmplumbctl", "vmplumb.cli", "main"),
    ):
        (commands / name).write_text(_WRAPPER.format(module=module, function=function))
        (commands / name).chmod(0o755)
    pages = into / "man"
    pages.mkdir()
    (pages / "vmplumbctl.1").write_text(manual.vmplumbctl(version))
    (pages / "vmplumbd.8").write_text(manual.vmplumbd(version))
    completion = into / "completion"
    completion.mkdir()
    for shell in ("bash", "zsh", "fish"):
        script = subprocess.run(
            [sys.executable, "-m", "vmplumb.cli", "completion", shell],
            capture_output=True, text=True, check=True, timeout=120, env={**os.environ, "SHELL": f"/bin/{shell}"},
        ).stdout  # fmt: skip
        (completion / shell).write_text(script)


def deb(staged: Path, version: str, into: Path) -> Path:
    """The Debian package. Needs Go, whose module proxy has nfpm."""
    binaries = ROOT / "build" / "nfpm"
    _run("go", "install", NFPM, env={**os.environ, "GOBIN": str(binaries), "GOFLAGS": "-mod=mod"})
    python = _output(
        INTERPRETER,
        "-c",
        "import sys; print('%d.%d %d.%d' % (*sys.version_info[:2], sys.version_info[0], sys.version_info[1] + 1))",
    )
    first, following = python.split()
    recipe = BUILD / "nfpm.yaml"
    recipe.write_text(
        _NFPM.format(
            arch=_output("dpkg", "--print-architecture"),
            version=version,
            python=first,
            next_python=following,
            tree=staged,
            deploy=ROOT / "deploy",
            root=ROOT,
        )
    )
    into.mkdir(parents=True, exist_ok=True)
    for old in into.glob("*.deb"):
        old.unlink()
    _run(binaries / "nfpm", "package", "--config", recipe, "--packager", "deb", "--target", into)
    return next(into.glob("*.deb"))


def _run(*words: str | Path, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        [str(one) for one in words], capture_output=True, text=True, env=env, check=False, timeout=900
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}:\n{done.stdout}{done.stderr}")


def _output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def main() -> int:
    """Make both, and print where they are."""
    parser = argparse.ArgumentParser(prog="python -m tools.package.build", description=__doc__)
    parser.add_argument(
        "--version", default=tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    )
    parser.add_argument("--into", type=Path, default=BUILD / "out")
    parser.add_argument("--wheels-only", action="store_true", help="no Debian package")
    given = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    made = wheels(given.into)
    for one in made:
        print(one)
    if not given.wheels_only:
        staged = BUILD / "tree"
        tree(made, staged, given.version)
        print(deb(staged, given.version, given.into))
    return 0


if __name__ == "__main__":
    sys.exit(main())
