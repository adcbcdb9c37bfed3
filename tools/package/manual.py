"""Man pages out of the command lines' own help: nothing is said twice."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import click

from vmplumb._cli import app
from vmplumbd import __main__ as daemon

_HEAD = '.TH {title} {section} "" "vmplumb {version}" "vmplumb"\n'


def vmplumbctl(version: str) -> str:
    """vmplumbctl(1)."""
    lines = [
        _HEAD.format(title="VMPLUMBCTL", section=1, version=version),
        ".SH NAME\nvmplumbctl \\- networks of Firecracker microVMs, through vmplumbd\n",
        ".SH SYNOPSIS\n.B vmplumbctl\n[OPTIONS] COMMAND [ARGS]\n",
        ".SH DESCRIPTION\n" + _text(app.root.help or ""),
        ".SH OPTIONS\n",
        *_options(app.root),
        ".SH COMMANDS\n",
        *_commands(app.root, ""),
    ]
    if app.root.epilog:
        lines.append(
            ".SH EXIT STATUS\n.nf\n" + _escaped(app.root.epilog.replace("\b", "").strip()) + "\n.fi\n"
        )
    lines.append(".SH SEE ALSO\n.BR vmplumbd (8)\n")
    return "".join(lines)


def _commands(group: click.Group, prefix: str) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        usage = " ".join(one for one in command.collect_usage_pieces(click.Context(command)))
        yield f".SS {_escaped(f'{prefix}{name} {usage}')}\n{_text(command.help or '')}"
        # What every command takes is said above.
        common: set[str | None] = {one.name for one in app.root.params}
        yield from _options(command, common)
        if isinstance(command, click.Group):
            yield from _commands(command, f"{prefix}{name} ")


def _options(command: click.Command, without: set[str | None] | None = None) -> Iterator[str]:
    context = click.Context(command)
    for param in command.params:
        if isinstance(param, click.Option) and param.name not in (without or set()):
            record = param.get_help_record(context)
            if record is not None:
                yield f".TP\n.B {_escaped(record[0])}\n{_escaped(record[1])}\n"


def vmplumbd(version: str) -> str:
    """vmplumbd(8)."""
    parser = daemon.parser()
    lines = [
        _HEAD.format(title="VMPLUMBD", section=8, version=version),
        ".SH NAME\nvmplumbd \\- host agent that gives Firecracker microVMs their networks\n",
        ".SH SYNOPSIS\n.B vmplumbd\nCOMMAND [OPTIONS]\n",
        ".SH COMMANDS\n",
    ]
    lines += _subcommands(parser, "")
    lines.append(
        ".SH FILES\n.TP\n.I /etc/vmplumb/vmplumbd.toml\nThe configuration.\n"
        ".TP\n.I /var/lib/vmplumb\nThe journal and what is the agent's own.\n"
        ".TP\n.I /run/vmplumb/vmplumbd.sock\nWhere it is called.\n"
        ".SH EXIT STATUS\n0 well, 1 failed, 2 wrong usage or configuration, 3 the journal is held by another agent, "
        "newer, or unusable.\n.SH SEE ALSO\n.BR vmplumbctl (1)\n"
    )
    return "".join(lines)


def _subcommands(parser: argparse.ArgumentParser, prefix: str) -> Iterator[str]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to its subcommands
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            for choice in action._choices_actions:  # noqa: SLF001 - as above
                below = action.choices[choice.dest]
                yield f".SS {_escaped(prefix + choice.dest)}\n{_text(choice.help or '')}"
                yield from _arguments(below)
                yield from _subcommands(below, f"{prefix}{choice.dest} ")


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:  # noqa: SLF001 - as above
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction):  # noqa: SLF001 - as above
            continue
        value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
        names = ", ".join(f"{one}{value}" for one in action.option_strings) or str(
            action.metavar or action.dest
        )
        yield f".TP\n.B {_escaped(names)}\n{_escaped(action.help or '')}\n"


def _text(words: str) -> str:
    paragraphs = (" ".join(one.split()) for one in words.replace("\b", "").split("\n\n"))
    return "".join(f"{_escaped(one)}\n.PP\n" for one in paragraphs if one)


def _escaped(words: str) -> str:
    escaped = words.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in escaped.split("\n"))
