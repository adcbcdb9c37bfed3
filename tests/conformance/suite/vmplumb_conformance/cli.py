"""vmplumb-conformance ADDRESS: whether a server keeps the contract vmplumb.v1."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fnmatch
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import grpc

from vmplumb_conformance import plugin, profile, report, runner
from vmplumb_conformance.registry import Check, checks
from vmplumb_conformance.runner import Outcome, Verdict

OK, BROKEN, UNUSABLE = 0, 1, 2
FIRST_ANSWER_SECONDS = 30.0


def main(argv: Sequence[str] | None = None) -> int:
    """The command. 0: nothing failed; 1: something did; 2: nothing could be asked."""
    arguments = parser().parse_args(argv)
    if arguments.install_plugin is not None:
        print(install_plugin(arguments.install_plugin))
        return OK
    chosen = choose(checks(), arguments.only, arguments.skip)
    if arguments.list:
        print("\n".join(listing(chosen)))
        return OK
    try:
        stage = stage_of(arguments)
    except profile.BadProfile as exc:
        print(f"vmplumb-conformance: {exc}", file=sys.stderr)
        return UNUSABLE
    return asyncio.run(against(stage, chosen, arguments))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="vmplumb-conformance", description=__doc__)
    made.add_argument("address", nargs="?", help="unix:PATH or HOST:PORT")
    tls = made.add_argument_group("TLS")
    tls.add_argument("--ca", metavar="FILE", help="PEM of the authority that signed the server")
    tls.add_argument("--cert", metavar="FILE", help="PEM of this caller")
    tls.add_argument("--key", metavar="FILE", help="its key")
    more = made.add_argument_group("what lets more checks run")
    more.add_argument("--network", metavar="NAME", help="a CNI network on which set-ups succeed")
    more.add_argument(
        "--script-network", metavar="NAME", help="a CNI network that ends with the scripted plugin"
    )
    more.add_argument("--script-directory", metavar="DIR", help="the directory that plugin reads")
    more.add_argument("--restart-command", metavar="COMMAND", help="ends the server and starts it again")
    more.add_argument("--crash-command", metavar="COMMAND", help="kills the server and starts it again")
    more.add_argument("--kernel", action="store_true", help="this is the server's own host, and you are root")
    more.add_argument(
        "--profile", metavar="FILE", help="all of this and more, as TOML (see docs/conformance.md)"
    )
    which = made.add_argument_group("which checks, and where the report goes")
    which.add_argument(
        "--only", action="append", default=[], metavar="GLOB", help="requirement ids, profiles or names"
    )
    which.add_argument("--skip", action="append", default=[], metavar="GLOB", help="the same, left out")
    which.add_argument(
        "--seconds", type=float, default=runner.SECONDS, help="time for each check (%(default)s)"
    )
    which.add_argument("--junit", metavar="FILE", type=Path, help="JUnit XML")
    which.add_argument("--json-lines", metavar="FILE", type=Path, help="a line a check")
    which.add_argument("--quiet", action="store_true", help="no line a check while it runs")
    made.add_argument(
        "--list", action="store_true", help="the checks and their requirements, without a server"
    )
    made.add_argument("--install-plugin", metavar="DIR", type=Path, help="put the scripted plugin there")
    return made


def stage_of(arguments: argparse.Namespace) -> profile.Stage:
    """What is known of the server. Raises BadProfile."""
    if arguments.profile is not None:
        stage = profile.load(Path(arguments.profile))
        if arguments.address is not None and arguments.address != stage.servers["main"].address:
            raise profile.BadProfile("the address is not the profile's [server.main]")
        return stage
    if arguments.address is None:
        raise profile.BadProfile("an ADDRESS or a --profile is required")
    files = {"ca": arguments.ca, "certificate": arguments.cert, "key": arguments.key}
    main_server = {
        "address": arguments.address,
        **{key: one for key, one in files.items() if one is not None},
    }
    tree: dict[str, dict[str, object]] = {
        "server": {"main": main_server},
        "kernel": {"shared": arguments.kernel},
    }
    acts = {"restart": arguments.restart_command, "crash": arguments.crash_command}
    if any(acts.values()):
        # The server under test is the one that may be stopped.
        tree["server"]["spare"] = main_server
        tree["act"] = {name: command for name, command in acts.items() if command is not None}
    if arguments.network is not None:
        tree["networks"] = {"plain": arguments.network}
    if (arguments.script_network is None) != (arguments.script_directory is None):
        raise profile.BadProfile("--script-network goes with --script-directory")
    if arguments.script_network is not None:
        tree["script"] = {"network": arguments.script_network, "directory": arguments.script_directory}
    return profile.of(tree)


def choose(every: Sequence[Check], only: Sequence[str], skip: Sequence[str]) -> list[Check]:
    """The checks of which a requirement, the profile or the name matches."""

    def matches(check: Check, globs: Sequence[str]) -> bool:
        words = (*check.requirements, check.group, check.name)
        return any(fnmatch.fnmatchcase(word, glob) for word in words for glob in globs)

    return [one for one in every if (not only or matches(one, only)) and not matches(one, skip)]


def listing(chosen: Sequence[Check]) -> list[str]:
    """A line a check."""
    return [f"{one.group:9} {one.name}  [{', '.join(one.requirements)}]" for one in chosen]


def install_plugin(directory: Path) -> Path:
    """Put the scripted plugin into a directory, run by this interpreter; answers its path."""
    directory.mkdir(parents=True, exist_ok=True)
    text = Path(plugin.__file__).read_text()
    made = directory / "vmplumb-scripted"
    aside = made.with_suffix(".new")
    # Without site packages it starts in a third of the time.
    aside.write_text(f"#!{sys.executable} -ISs\n" + text.partition("\n")[2])
    aside.chmod(0o755)
    aside.rename(made)
    return made


async def against(stage: profile.Stage, chosen: Sequence[Check], arguments: argparse.Namespace) -> int:
    """Run, tell each check as it ends, and report."""
    main_server = stage.servers["main"]
    try:
        status = await asyncio.wait_for(main_server.status(), FIRST_ANSWER_SECONDS)
    except (grpc.RpcError, TimeoutError) as exc:
        told = exc.details() if isinstance(exc, grpc.aio.AioRpcError) else "no answer"
        print(f"vmplumb-conformance: {main_server.address} cannot be asked: {told}", file=sys.stderr)
        return UNUSABLE
    title = (
        f"{status.agent_name} {status.agent_version} at {main_server.address}, "
        f"contract {status.contract_version}"
    )
    outcomes: list[Outcome] = []
    with contextlib.ExitStack() as files:
        lines: TextIO | None = None
        if arguments.json_lines is not None:
            lines = files.enter_context(arguments.json_lines.open("w"))
        try:
            async for one in runner.run(stage, chosen, seconds=arguments.seconds):
                outcomes.append(one)
                if lines is not None:
                    print(report.json_line(one), file=lines, flush=True)
                if not arguments.quiet and one.verdict is not Verdict.SKIPPED:
                    print(
                        f"{one.verdict.value:8} {one.seconds:7.3f} s  {one.check.name}",
                        file=sys.stderr,
                        flush=True,
                    )
        finally:
            await stage.close()
    print(report.text(outcomes, title=title))
    if arguments.junit is not None:
        arguments.junit.write_bytes(report.junit(outcomes, suite="vmplumb-conformance"))
    return BROKEN if report.failed(outcomes) else OK


if __name__ == "__main__":
    sys.exit(main())
