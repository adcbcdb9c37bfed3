"""`vmplumbctl fleet`: the agents of a fleet, from its etcd."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import click
from google.protobuf import json_format
from rich.console import Console
from rich.live import Live
from rich.table import Table

from vmplumb._channel import Tls
from vmplumb._cli import exits
from vmplumb._errors import VmplumbError
from vmplumb.fleet import DEFAULT_PREFIX, EtcdError, Fleet
from vmplumb.v1.fleet_pb2 import FleetAgent

_PEM = click.Path(dir_okay=False)


@click.group()
@click.option(
    "--etcd", "endpoints", multiple=True, envvar="VMPLUMB_ETCD", metavar="HOST:PORT",
    help="A member of the fleet's etcd; repeatable, at least one.",
)  # fmt: skip
@click.option("--etcd-ca", type=_PEM, envvar="VMPLUMB_ETCD_CA", help="PEM of etcd's CA; without it no TLS.")
@click.option("--etcd-cert", type=_PEM, envvar="VMPLUMB_ETCD_CERT", help="PEM of the caller, for etcd.")
@click.option("--etcd-key", type=_PEM, envvar="VMPLUMB_ETCD_KEY", help="PEM of its key.")
@click.option("--etcd-server-name", default="", help="Name in etcd's certificate.")
@click.option("--agent-ca", type=_PEM, envvar="VMPLUMB_CA", help="PEM of the agents' CA.")
@click.option("--agent-cert", type=_PEM, envvar="VMPLUMB_CERT", help="PEM of the caller, for agents.")
@click.option("--agent-key", type=_PEM, envvar="VMPLUMB_KEY", help="PEM of its key.")
@click.option("--prefix", default=DEFAULT_PREFIX, show_default=True, help="Where the fleet is kept.")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json", "jsonl"]), default="text", help="How it is told."
)
@click.pass_context
def fleet(context: click.Context, /, **given: Any) -> None:  # noqa: ANN401 - click's own
    """The agents of a fleet, as they tell of themselves in an etcd."""
    context.obj = given


def _opened(given: dict[str, Any]) -> Fleet:
    # Not `required=True`: click asks for it before a command of the fleet may show its help.
    if not given["endpoints"]:
        raise click.UsageError("--etcd or VMPLUMB_ETCD says where the fleet's etcd is")
    try:
        tls = agent_tls = None
        if given["etcd_ca"]:
            tls = Tls.from_files(
                ca=given["etcd_ca"], cert=given["etcd_cert"], key=given["etcd_key"],
                server_name=given["etcd_server_name"],
            )  # fmt: skip
        if given["agent_ca"]:
            agent_tls = Tls.from_files(ca=given["agent_ca"], cert=given["agent_cert"], key=given["agent_key"])
        # An environment variable has its values side by side.
        endpoints = [one for each in given["endpoints"] for one in each.replace(",", " ").split()]
        return Fleet(endpoints, tls=tls, agent_tls=agent_tls, prefix=given["prefix"])
    except (ValueError, OSError) as exc:
        raise click.UsageError(str(exc)) from exc


def _speaks(command: Callable[..., int | None]) -> Callable[..., None]:
    @click.pass_context
    @functools.wraps(command)
    def wrapped(context: click.Context, /, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - click's own
        try:
            with _opened(context.obj) as opened:
                code = command(opened, context.obj["output"], *args, **kwargs)
        except EtcdError as exc:
            click.echo(f"error: {exc}", err=True)
            context.exit(exits.UNAVAILABLE if exc.away else exits.FAILED)
        except VmplumbError as exc:
            click.echo(f"error: {exc}", err=True)
            context.exit(exits.of(exc))
        except KeyboardInterrupt:
            context.exit(exits.INTERRUPTED)
        context.exit(code or exits.OK)

    return wrapped


@fleet.command("list")
@_speaks
def list_agents(opened: Fleet, output: str) -> None:
    """Every agent there is."""
    _tell(opened.agents(), output)


@fleet.command()
@click.option("--network", default="", help="It has this network, with a free address.")
@click.option("--label", "pairs", multiple=True, metavar="K=V", help="It has this label; repeatable.")
@click.option("--limit", type=click.IntRange(min=1), default=5, show_default=True, help="How many to tell.")
@_speaks
def find(opened: Fleet, output: str, network: str, pairs: tuple[str, ...], limit: int) -> int | None:
    """The agents with room, the best first. Exit status 8 if there is none."""
    labels = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise click.BadParameter(f"{pair}: not K=V", param_hint="--label")
        labels[key] = value
    found = opened.find(network, labels)
    _tell(found[:limit], output)
    return None if found else exits.EXHAUSTED


@fleet.command()
@_speaks
def watch(opened: Fleet, output: str) -> None:
    """Every agent, then every change, until it is interrupted."""
    for change in opened.watch():
        if output != "text":
            agent = None if change.agent is None else json_format.MessageToDict(change.agent)
            click.echo(json.dumps({"id": change.agent_id, "agent": agent}))
        elif change.agent is None:
            click.echo(f"{change.agent_id}  GONE")
        else:
            click.echo(f"{change.agent_id}  {_state(change.agent)}  {_room(change.agent)}")


@fleet.command()
@click.option("--interval", type=click.FloatRange(min=0.1), default=1.0, show_default=True, help="Seconds.")
@click.option("--rounds", type=click.IntRange(min=0), default=0, help="End after so many; 0 goes on.")
@_speaks
def top(opened: Fleet, output: str, interval: float, rounds: int) -> None:
    """The fullest agents first, again and again."""
    done = 0
    with Live(console=Console(), auto_refresh=False, transient=False) as live:
        while True:
            agents = sorted(opened.agents(), key=lambda one: one.networks_live / max(1, one.networks_max))[
                ::-1
            ]
            if output == "text":
                live.update(_table(agents), refresh=True)
            else:
                _tell(agents, "jsonl")
            done += 1
            if done == rounds:
                return
            time.sleep(interval)


@fleet.command()
@click.argument("vm_id")
@_speaks
def where(opened: Fleet, output: str, vm_id: str) -> int | None:
    """The agent that has the network of a VM. Exit status 4 if none has."""
    found = opened.where(vm_id)
    if output != "text":
        click.echo(json.dumps({"vmId": vm_id, "agent": found}))
    elif found:
        click.echo(found)
    return None if found else exits.NOT_FOUND


@fleet.command()
@click.option("--tear-down", is_flag=True, help="Remove them.")
@_speaks
def strays(opened: Fleet, output: str, tear_down: bool) -> int | None:
    """Networks that stand at an agent while another is said to have them: hosts that were lost and came back."""
    found = opened.strays()
    for one in found:
        if tear_down:
            with opened.client(one.agent) as client:
                client.tear_down(one.vm_id, uid=one.uid)
        if output == "text":
            done = "torn down" if tear_down else "stands"
            click.echo(f"{one.vm_id}  {done} at {one.agent.id}, placed at {one.placed_at}")
        else:
            click.echo(json.dumps({"vmId": one.vm_id, "agent": one.agent.id, "placedAt": one.placed_at}))
    return exits.FINDINGS if found and not tear_down else None


def _tell(agents: Iterable[FleetAgent], output: str) -> None:
    if output == "text":
        Console().print(_table(agents))
    elif output == "json":
        click.echo(json.dumps([json_format.MessageToDict(one) for one in agents], indent=2))
    else:
        for one in agents:
            click.echo(json.dumps(json_format.MessageToDict(one)))


def _table(agents: Iterable[FleetAgent]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("AGENT", "STATE", "NETWORKS", "OPERATIONS", "FREE ADDRESSES", "LABELS", "ADDRESS"):
        table.add_column(title)
    for one in agents:
        labels = " ".join(f"{key}={one.labels[key]}" for key in sorted(one.labels))
        table.add_row(
            one.id, _state(one), f"{one.networks_live}/{one.networks_max}", str(one.operations), _room(one),
            labels, one.address,
        )  # fmt: skip
    return table


def _state(agent: FleetAgent) -> str:
    return "draining" if agent.draining else "ready"


def _room(agent: FleetAgent) -> str:
    return " ".join(
        f"{one.name}:{one.addresses_free if one.HasField('addresses_free') else '?'}"
        for one in agent.networks
    )
