"""`vmplumbd`: serve, check-config, policy, import, install-plugins, plugin."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from vmplumbd.errors import AgentError

# A suite of TLS 1.2 that needs a pre-shared key, which the agent has none of: that version ends in the handshake.
# TLS 1.3 has suites of its own, which this does not concern.
TLS_1_3_ALONE = "ECDHE-PSK-CHACHA20-POLY1305"

if TYPE_CHECKING:
    from vmplumbd.policy.access import Rule


def parser() -> argparse.ArgumentParser:
    """The command line; the man page is made of it."""
    made = argparse.ArgumentParser(prog="vmplumbd", description=__doc__)
    commands = made.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the agent")
    check = commands.add_parser("check-config", help="read the configuration and say what is wrong with it")
    take_over = commands.add_parser(
        "import",
        help="take over running networks of the Go SDK or libcni, while the agent is stopped; a dry run by default",
    )
    take_over.add_argument(
        "vm_ids", metavar="VM_ID", nargs="*", help="only these; all that are found if none"
    )
    take_over.add_argument("--apply", action="store_true", help="write the journal; without it nothing is")
    take_over.add_argument(
        "--cache-dir", metavar="DIR", action="append", default=[], help="a cache beside paths.cache_root"
    )
    take_over.add_argument("--vm-if-name", metavar="NAME", default="", help="VMIfName, which no cache tells")
    take_over.add_argument(
        "--spec",
        metavar="FILE",
        help="the NetworkSpec that callers will send, in proto JSON; $VM_ID is replaced",
    )
    take_over.add_argument(
        "--keep-namespaces", action="store_true", help="let a teardown leave every namespace where it is"
    )
    take_over.add_argument("--json", action="store_true", help="a JSON line for each")
    for one in (serve, check, take_over):
        one.add_argument("--config", metavar="FILE", help="TOML file")
        one.add_argument(
            "--set",
            metavar="SECTION.KEY=VALUE",
            action="append",
            default=[],
            help="over file and environment",
        )
    _add_policy(commands.add_parser("policy", help="what a policy file allows to whom, and why"))
    install = commands.add_parser("install-plugins", help="put launchers of the built-in plugins into DIR")
    install.add_argument("directory", metavar="DIR")
    plugin = commands.add_parser("plugin", help="be a built-in CNI plugin, as the launchers call it")
    plugin.add_argument("kind", metavar="TYPE")
    return made


def run(argv: list[str] | None = None) -> int:
    """The command line. Exit status: 0 well, 1 failed, 2 wrong usage or configuration, 3 journal."""
    given = parser().parse_args(argv)
    if given.command == "plugin":
        from vmplumbd.cni.exec import ExecInvoker  # noqa: PLC0415 - a plugin starts without gRPC
        from vmplumbd.kernel.linux import LinuxKernel  # noqa: PLC0415 - as above
        from vmplumbd.plugins import launcher  # noqa: PLC0415 - as above

        return launcher.main(given.kind, kernel=LinuxKernel(), executables=ExecInvoker())
    if given.command == "install-plugins":
        from vmplumbd.plugins import install as plugins  # noqa: PLC0415 - no other command needs it

        for path in plugins.install(given.directory):
            print(path)
        return 0
    if given.command == "policy":
        return _check_policy(given)
    from vmplumbd import config  # noqa: PLC0415 - not needed to install plugins

    flags = dict(one.partition("=")[::2] for one in given.set)
    try:
        loaded = config.load(given.config, flags=flags)
    except AgentError as exc:
        print(f"vmplumbd: {exc}", file=sys.stderr)
        return 2
    if given.command == "check-config":
        if loaded.policy.file:
            from vmplumbd.rpc.names import RPCS  # noqa: PLC0415 - no other command needs it

            try:
                config.load_policy(loaded.policy.file, RPCS)
            except AgentError as exc:
                print(f"vmplumbd: {exc}", file=sys.stderr)
                return 2
        print(loaded)
        return 0
    # gRPC reads it when it is loaded, and has no other way to be told of a minimum version.
    os.environ["GRPC_SSL_CIPHER_SUITES"] = TLS_1_3_ALONE
    # Its lines are not ours, and whoever can connect makes it write one for each handshake that fails.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from vmplumbd import main  # noqa: PLC0415 - loads gRPC

    if given.command == "import":
        return main.import_networks(
            loaded,
            vm_ids=given.vm_ids,
            cache_dirs=given.cache_dir,
            spec_file=given.spec or "",
            vm_if_name=given.vm_if_name,
            keep_namespaces=given.keep_namespaces,
            apply=given.apply,
            as_json=given.json,
        )
    return main.serve(loaded, lambda: config.load(given.config, flags=flags))


def _add_policy(parser: argparse.ArgumentParser) -> None:
    check = parser.add_subparsers(dest="verb", required=True).add_parser(
        "check", help="exit 0: all of it is allowed, 1: some is denied, 2: the file cannot be used"
    )
    check.add_argument("file", metavar="FILE")
    check.add_argument("--as", dest="identity", metavar="ID", help='"spiffe://...", "dns:NAME" or "unix"')
    for flag, metavar, what in (
        ("--rpc", "NAME", "an RPC; all of them if none is named"),
        ("--network", "NAME", "a CNI network that a set-up names"),
        ("--tap-owner", "UID:GID", "an owner of the tap"),
        ("--arg", "KEY", "a key of CNI_ARGS"),
        ("--capability", "KEY", "a key of capability_args"),
        ("--host-port", "PORT", "a host port of portMappings"),
        (
            "--path",
            "FIELD",
            "a directory that the request chooses: bin_path, conf_dir, cache_dir, netns_path",
        ),
    ):
        check.add_argument(flag, metavar=metavar, action="append", default=[], help=what)
    check.add_argument("--inline", action="store_true", help="an inline network configuration")
    check.add_argument("--json", action="store_true", help="a JSON line for each RPC")


def _check_policy(given: argparse.Namespace) -> int:
    import json  # noqa: PLC0415 - as below

    from vmplumbd import config  # noqa: PLC0415 - no other command needs it
    from vmplumbd.policy import access  # noqa: PLC0415 - as above
    from vmplumbd.rpc.names import RPCS  # noqa: PLC0415 - as above

    try:
        policy = config.load_policy(given.file, RPCS)
        owners = [tuple(int(one) if one else None for one in text.split(":")) for text in given.tap_owner]
        ask = access.Ask(
            networks=tuple(("", name) for name in given.network),
            inline=("",) if given.inline else (),
            tap_owners=tuple(("", uid, gid) for uid, gid in owners),
            args=tuple(("", key) for key in given.arg),
            capability_args=tuple(("", key) for key in given.capability),
            host_ports=tuple(("", int(port)) for port in given.host_port),
            paths=tuple(("", name) for name in given.path),
        )
        unknown = sorted(set(given.rpc) - set(RPCS))
        if unknown:
            raise ValueError(f"no such RPC: {', '.join(unknown)}")
    except (AgentError, ValueError) as exc:
        print(f"vmplumbd: {exc}", file=sys.stderr)
        return 2
    if given.identity is None:
        print(f"{given.file}: {len(policy.rules)} rules, no fault")
        return 0
    rule = policy.rule_of(given.identity)
    denied = 0
    for rpc, why in access.explain(policy, given.identity, given.rpc or RPCS, ask):
        denied += bool(why)
        if given.json:
            name = rule.name if rule is not None else None
            print(json.dumps({"rpc": rpc, "allowed": not why, "rule": name, "why": why}))
        elif why:
            print(f"{rpc}  DENIED  {why}")
        elif rule is None:
            print(f"{rpc}  allowed  to whom the socket's mode and group let in: no rule is about it")
        else:
            print(f'{rpc}  allowed  by rule "{rule.name}"{_bounds(rule)}')
    return 1 if denied else 0


def _bounds(rule: Rule) -> str:
    """How much of it, in words."""
    parts = ["as administrator"] if rule.administrator else []
    for number, what in (
        (rule.max_networks, "networks"),
        (rule.max_operations, "operations at once"),
        (rule.max_streams, "calls at once"),
    ):
        if number is not None:
            parts.append(f"at most {number} {what}")
    if rule.rate is not None:
        parts.append(f"{rule.rate.per_second:g} calls a second, {rule.rate.burst} in a burst")
    return f": {', '.join(parts)}" if parts else ""


if __name__ == "__main__":
    sys.exit(run())
