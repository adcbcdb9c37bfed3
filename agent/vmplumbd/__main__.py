"""`vmplumbd`: serve, check-config, import, install-plugins, plugin."""

from __future__ import annotations

import argparse
import sys

from vmplumbd.errors import AgentError


def run(argv: list[str] | None = None) -> int:
    """The command line. Exit status: 0 well, 1 failed, 2 wrong usage or configuration, 3 journal."""
    parser = argparse.ArgumentParser(prog="vmplumbd", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
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
    install = commands.add_parser("install-plugins", help="put launchers of the built-in plugins into DIR")
    install.add_argument("directory", metavar="DIR")
    plugin = commands.add_parser("plugin", help="be a built-in CNI plugin, as the launchers call it")
    plugin.add_argument("kind", metavar="TYPE")
    given = parser.parse_args(argv)
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
    from vmplumbd import config  # noqa: PLC0415 - not needed to install plugins

    flags = dict(one.partition("=")[::2] for one in given.set)
    try:
        loaded = config.load(given.config, flags=flags)
    except AgentError as exc:
        print(f"vmplumbd: {exc}", file=sys.stderr)
        return 2
    if given.command == "check-config":
        print(loaded)
        return 0
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
    return main.serve(loaded)


if __name__ == "__main__":
    sys.exit(run())
