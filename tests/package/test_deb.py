"""The wheels and the Debian package, installed and removed in a root of their own: the machine's, with what is
written kept aside.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.examples import DOCS, ROOT, examples
from tests.host import Host
from tests.system import unit_settings

pytestmark = [pytest.mark.host, pytest.mark.package, pytest.mark.timeout(900)]

PACKAGE = "vmplumb"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the built files are."""
    into = tmp_path_factory.mktemp("package")
    done = subprocess.run(
        [sys.executable, "-m", "tools.package.build", "--into", str(into)],
        capture_output=True, text=True, check=False, timeout=850,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return into


@dataclass(frozen=True, slots=True)
class Root:
    """A root directory that a test may change: the machine's below, what is written above."""

    host: Host
    merged: Path
    upper: Path

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """In the root."""
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}
        return self.host.run(["chroot", str(self.merged), *words], check=check, env=env, timeout=300)

    def written(self) -> set[str]:
        """The files that are not the machine's, as the root names them; dpkg's own books and caches aside."""
        found = set()
        for path in self.upper.rglob("*"):
            name = f"/{path.relative_to(self.upper)}"
            ours = not name.startswith(
                ("/var/lib/dpkg", "/var/cache", "/var/log", "/etc/ld.so.cache", "/tmp")
            )
            if ours and not path.is_dir() and path.exists():
                found.add(name)
        return found


@pytest.fixture
def root(host: Host) -> Iterator[Root]:
    """A root of its own, in the test's mount namespace."""
    place = Path("/run/vmplumb-package-root")
    place.mkdir()
    host.run(["mount", "-t", "tmpfs", "none", str(place)])
    for name in ("upper", "work", "merged"):
        (place / name).mkdir()
    options = f"lowerdir=/,upperdir={place}/upper,workdir={place}/work"
    done = host.run(["mount", "-t", "overlay", "overlay", "-o", options, str(place / "merged")], check=False)
    if done.returncode:
        host.run(["umount", "-l", str(place)])
        place.rmdir()
        pytest.skip(f"no overlay of the root can be mounted: {done.stderr}")
    for name in ("proc", "dev", "sys"):
        host.run(["mount", "--rbind", f"/{name}", str(place / "merged" / name)])
    yield Root(host, place / "merged", place / "upper")
    host.run(["umount", "-l", str(place)])
    place.rmdir()


def test_it_is_installed_works_is_removed_and_purged_without_a_trace(root: Root, built: Path) -> None:
    (deb,) = built.glob("*.deb")
    before = root.written()
    package = root.merged / "root" / "vmplumb.deb"
    package.write_bytes(deb.read_bytes())
    root.run("dpkg", "-i", "/root/vmplumb.deb")
    package.unlink()

    assert root.run("vmplumbctl", "--version").stdout.startswith("vmplumbctl, version ")
    shown = root.run("vmplumbd", "check-config", "--config", "/etc/vmplumb/vmplumbd.toml").stdout
    assert "unix_group='vmplumb'" in shown
    assert root.run("getent", "group", "vmplumb").stdout.startswith("vmplumb:")
    unit = (root.merged / "usr/lib/systemd/system/vmplumbd.service").read_text()
    assert "ExecStart=/usr/bin/vmplumbd serve" in unit
    for page, word in (
        ("man8/vmplumbd.8", "check\\-config"),
        ("man8/vmplumbd.8", ".SS policy check\n"),
        ("man1/vmplumbctl.1", "set\\-up"),
    ):
        assert word in (root.merged / "usr/share/man" / page).read_text()
    assert "vmplumbctl" in (root.merged / "usr/share/bash-completion/completions/vmplumbctl").read_text()
    plugins = root.run("vmplumbd", "install-plugins", "/root/bin").stdout.split()
    assert "/root/bin/ptp" in plugins
    root.run("rm", "-r", "/root/bin")

    # It depends on nothing of this checkout: the agent serves, and its client finds it.
    serve = root.host.popen(
        ["chroot", str(root.merged), "vmplumbd", "serve",
         "--set", "listen.unix=/run/v.sock", "--set", "listen.unix_group=",
         "--set", "traces.enabled=true", "--set", "traces.endpoint=unix:/run/nobody.sock",
         "--set", "metrics.listen=/run/m.sock"],
        stderr=subprocess.PIPE, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )  # fmt: skip
    assert serve.stderr is not None
    assert any('"serving"' in line for line in serve.stderr)
    status = root.run("vmplumbctl", "--target", "unix:/run/v.sock", "status", "-o", "json").stdout
    assert "vmplumbd" in status
    serve.terminate()
    serve.stderr.read()
    assert serve.wait(60) == 0

    # A configuration of the operator's outlives a new version of the package.
    (root.merged / "etc/vmplumb/vmplumbd.toml").write_text("[log]\nlevel = 'debug'\n")
    package.write_bytes(deb.read_bytes())
    root.run("dpkg", "-i", "--force-confold", "/root/vmplumb.deb")
    package.unlink()
    assert (root.merged / "etc/vmplumb/vmplumbd.toml").read_text() == "[log]\nlevel = 'debug'\n"
    # What the old version takes away is asked for when the new one's files are there (Debian policy, 6.6).
    assert (
        "level='debug'"
        in root.run("vmplumbd", "check-config", "--config", "/etc/vmplumb/vmplumbd.toml").stdout
    )
    assert root.run("vmplumbctl", "--version").stdout.startswith("vmplumbctl, version ")

    root.run("dpkg", "-r", PACKAGE)
    assert (root.merged / "etc/vmplumb/vmplumbd.toml").exists()
    assert not (root.merged / "usr/lib/vmplumb").exists()
    assert (root.merged / "var/lib/vmplumb/journal.db").exists()
    assert "stays" in root.run("dpkg", "-P", PACKAGE).stderr
    root.run("rm", "-r", "/var/lib/vmplumb")
    left = {
        one
        for one in root.written() - before
        if not one.startswith(("/etc/group", "/etc/gshadow", "/etc/.pwd"))
    }
    assert {one for one in left if "vmplumb" in one} == set()
    assert root.run("getent", "group", "vmplumb", check=False).returncode == 2


def test_from_a_checkout_the_unit_finds_what_it_wants(root: Root) -> None:
    (block,) = [one.text for one in examples(DOCS / "install.md") if one.title == "unit"]
    root.host.run(["mount", "--bind", str(ROOT), str(root.merged / "mnt")])
    for line in block.splitlines():
        if not line.startswith("systemctl"):  # no systemd runs in this root
            root.run("sh", "-ec", f"cd /mnt; {line}")
    unit = unit_settings.read(root.merged / "etc/systemd/system/vmplumbd.service")
    (program, _, _, configuration) = unit["ExecStart"][-1].split()
    assert (root.merged / program.lstrip("/")).is_symlink()
    assert (root.merged / configuration.lstrip("/")).is_file()
    for group in unit["SupplementaryGroups"]:
        root.run("getent", "group", group)
    # What the documents put where the unit has a directory of its own for it.
    (page,) = [one.text for one in examples(DOCS / "operating.md") if "[audit]" in one.text]
    assert tomllib.loads(page)["audit"]["file"].startswith(f"/var/log/{unit['LogsDirectory'][-1]}/")


def test_the_man_pages_are_read_without_a_complaint(host: Host, built: Path) -> None:
    for page in ("vmplumbd.8", "vmplumbctl.1"):
        path = Path("build/package/tree/man") / page
        done = host.run(
            ["man", "--warnings", "-l", str(path)], env={**os.environ, "MANPAGER": "cat", "LC_ALL": "C.UTF-8"}
        )
        assert done.stderr == ""
        assert "NAME" in done.stdout


def test_the_wheels_are_whole_in_an_environment_of_their_own(tmp_path: Path, built: Path) -> None:
    client = next(built.glob("vmplumb-*.whl"))
    agent = next(built.glob("vmplumbd-*.whl"))
    place = tmp_path / "env"
    uv = str(Path(".tools/bin/uv").resolve())
    subprocess.run([uv, "venv", "--quiet", str(place)], check=True, timeout=120)
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", str(place / "bin/python"), "--constraints", "requirements.lock",
         f"vmplumb[cli] @ {client.as_uri()}", str(agent)],
        check=True, timeout=600,
    )  # fmt: skip
    for words in (["vmplumbctl", "--version"], ["vmplumbd", "check-config"]):
        done = subprocess.run(
            [str(place / "bin" / words[0]), *words[1:]],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr


def test_the_container_recipe_installs_the_package_and_runs_the_agent() -> None:
    lines = [
        line for line in Path("deploy/Containerfile").read_text().splitlines() if line and line[0] != "#"
    ]
    assert [line.split()[0] for line in lines if line[0] != " "] == [
        "FROM",
        "COPY",
        "RUN",
        "ENTRYPOINT",
        "CMD",
    ]
    assert 'ENTRYPOINT ["/usr/bin/vmplumbd"]' in lines
