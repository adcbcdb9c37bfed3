"""The fixtures every test may ask for, and the rule that a test is not skipped where it could run."""

from __future__ import annotations

import collections
import functools
import importlib.util
import os
import shutil
import signal
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path

import hypothesis
import pytest

from tests import host as hosts

# A shell that starts something in the background lets it ignore SIGINT, and so all that it starts; tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What is made by a caller with a stricter umask has fewer rights than a test expects.
os.umask(0o022)

# How fast inputs are made says how busy the machine is, and nothing about them.
hypothesis.settings.register_profile(
    "vmplumb", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("vmplumb")

# How many user ids there are where there is no user namespace.
_ALL = "4294967295"
HOST_FIXTURES = frozenset({"host", "module_host", "bare_host"})


def _fresh_host(**how: bool) -> Iterator[hosts.Host]:
    with hosts.private_host(**how) as made:
        yield made


@pytest.fixture
def host() -> Iterator[hosts.Host]:
    """The test, its threads and its processes run in a fresh host. Ask for it before what lives in it."""
    yield from _fresh_host()


@pytest.fixture(scope="module")
def module_host() -> Iterator[hosts.Host]:
    """A host for all tests of a module."""
    yield from _fresh_host()


@pytest.fixture
def bare_host() -> Iterator[hosts.Host]:
    """A host as `host`, but without /run/netns."""
    yield from _fresh_host(netns_dir=False)


def _lacks(*programs: str) -> Callable[[], str | None]:
    return lambda: next((f"{name} is not installed" for name in programs if shutil.which(name) is None), None)


@functools.cache
def _no_host() -> str | None:
    """Why no host can be made, once this process is the root it can be."""
    return hosts.become_root() or hosts.refusal()


@functools.cache
def _no_disk() -> str | None:
    """Why this process cannot mount an image: a user namespace's root must not."""
    if _no_host() is not None or Path("/proc/self/uid_map").read_text("ascii").split()[2] != _ALL:
        return "not root of the machine"
    if not Path("/dev/loop-control").exists():
        return "no loop devices"
    if "ext4" not in Path("/proc/filesystems").read_text("ascii").split():
        return "the kernel has no ext4"
    return _lacks("mkfs.ext4")()


@functools.cache
def _no_package() -> str | None:
    """Why packages cannot be built here. Asked before this process may be root of a user namespace."""
    if os.geteuid() != 0:
        return "a build asks registries, and the network that a user's tests run in has none"
    return _lacks("go", "dpkg-deb", "/usr/bin/python3", "man")()


# What a marker asks of the machine: None when the machine has it, else what is missing.
NEEDS: Mapping[str, Callable[[], str | None]] = {
    "host": _no_host,
    "disk": _no_disk,
    "parity": _lacks("go"),
    "cgroups": functools.cache(hosts.no_control_groups),
    "fuzzer": lambda: None if importlib.util.find_spec("atheris") else "atheris has no wheel for this Python",
    "etcd": _lacks("etcd", "openssl"),
    "package": _no_package,
    "systemd": _lacks("systemd-analyze"),
    "microvm": _lacks("qemu-system-x86_64"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a host, and become root in a user namespace while the process has one thread."""
    for item in items:
        _skip_what_lacks(item, "cgroups", "etcd", "fuzzer", "package", "systemd")
        if HOST_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("host")
    for item in items:
        _skip_what_lacks(item, "host", "disk")


def _skip_what_lacks(item: pytest.Item, *needs: str) -> None:
    for name in needs:
        if item.get_closest_marker(name) and (reason := NEEDS[name]()) is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With CI=true a skip is a failure, unless the machine lacks what the test's markers need."""
    report = yield
    expected_failure = hasattr(report, "wasxfail")
    if report.skipped and not expected_failure and os.environ.get("CI") == "true":
        lacking = [need() for name, need in NEEDS.items() if item.get_closest_marker(name)]
        if not any(lacking):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped on a machine that can run it: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say why tests were skipped: a line a reason."""
    reasons = collections.Counter(
        str(one.longrepr[2]) if isinstance(one.longrepr, tuple) else str(one.longrepr)
        for one in terminalreporter.stats.get("skipped", [])
    )
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason.removeprefix('Skipped: ')}")
