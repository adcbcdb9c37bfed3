"""What a command prints: for people, or one message for a program."""

from __future__ import annotations

import io
import re
import sys

import click
import grpc
from google.protobuf.message import Message
from rich.console import Console
from rich.text import Text

from vmplumb._cli import document, picture, words
from vmplumb._cli.settings import Settings
from vmplumb._errors import DeadlineExceeded, VmplumbError
from vmplumb.v1.errors_pb2 import Failure
from vmplumb.v1.network_agent_service_pb2 import (
    HOST_VIEW_JOURNAL,
    CollectGarbageResponse,
    DiagnoseHostResponse,
    Finding,
    GetStatusResponse,
    TeardownResult,
)
from vmplumb.v1.vm_network_pb2 import SetupResult, VMNetwork

_STYLES = {
    "plain": "",
    "frame": "bright_black",
    "title": "bold",
    "name": "bold cyan",
    "dim": "bright_black",
    "good": "green",
    "bad": "bold red",
    "warn": "yellow",
    "address": "bold white",
}


def out() -> Console:
    """Standard output, as it is now."""
    return Console(file=sys.stdout, highlight=False)


def err() -> Console:
    """Standard error, as it is now."""
    return Console(file=sys.stderr, highlight=False)


def tell_message(message: Message, settings: Settings, *, event: str = "") -> bool:
    """Print a message if a program reads; whether it does."""
    if settings.output == "text":
        return False
    made = document.of(message)
    if settings.output == "jsonl":
        click.echo(document.text({event: made} if event else made, indent=None))
    else:
        click.echo(document.text(made))
    return True


def tell_error(error: VmplumbError, settings: Settings) -> None:
    """Print an error with all it carries, on standard error."""
    if settings.json:
        click.echo(document.text(document.of_error(error)), err=True)
        return
    console = err()
    about = f"{error.vm_id}: " if error.vm_id else ""
    console.print(Text.assemble(("error: ", "bold red"), f"{about}{error}"), soft_wrap=True)
    for one in error.violations:
        where = f"{one.field}: " if one.field else ""
        rule = f" [{one.rule}]" if one.rule else ""
        console.print(Text(f"  {where}{one.message}{rule}"), soft_wrap=True)
    if error.failure is not None:
        for line in words.failure_lines(error.failure):
            console.print(Text(f"  {line}"), soft_wrap=True)
    if error.retry_after is not None:
        console.print(Text(f"  try again in {words.span(error.retry_after)}"), soft_wrap=True)
    if error.code is grpc.StatusCode.UNAVAILABLE and not error.reason:
        console.print(Text(f"  no agent at {settings.target}: is vmplumbd running?"), soft_wrap=True)
    if isinstance(error, DeadlineExceeded):
        console.print(
            Text("  an operation that began goes on: the same command attaches to it"), soft_wrap=True
        )
    if request_id := error.metadata.get("request_id"):
        console.print(Text(f"  request id {request_id}, for the agent's log"), soft_wrap=True)


def tell_failure(failure: Failure, console: Console, *, prefix: str = "") -> None:
    """Print a failure that is part of an answer."""
    head = f"{prefix}{words.reason(failure.reason)}: {failure.message}"
    console.print(Text(head, "red"), soft_wrap=True)
    for line in words.failure_lines(failure):
        console.print(Text(f"  {line}"), soft_wrap=True)


def tell_set_up(vm_id: str, result: SetupResult) -> None:
    """What a caller needs to start the VM."""
    console = out()
    console.print(Text.assemble((vm_id, "bold"), "  ", ("READY", "green")), soft_wrap=True)
    rows: list[tuple[str, str]] = []
    if result.netns_path:
        rows.append(("netns", result.netns_path + ("  (was there; stays)" if result.netns_adopted else "")))
    for one in result.interfaces:
        static = one.static_configuration
        many = [ip.address for ip in one.vm_conf.vm_ip_configs] or [static.ip_configuration.ip_addr]
        gateway = f"  gateway {static.ip_configuration.gateway}" if static.ip_configuration.gateway else ""
        rows.append(("tap", f"{static.host_dev_name}  mac {static.mac_address}"))
        rows.append(("address", ", ".join(many) + gateway))
        rows.append(("body", one.firecracker_interface.json.decode(errors="replace")))
    if result.ip_boot_param:
        rows.append(("boot with", f"ip={result.ip_boot_param}"))
    if result.mmds_interface_ids:
        rows.append(("mmds", ", ".join(result.mmds_interface_ids)))
    for name, value in rows:
        console.print(Text.assemble((f"  {name:<10}", "bright_black"), value), soft_wrap=True)
    for warning in result.warnings:
        console.print(Text(f"  warning: {warning.message}", "yellow"), soft_wrap=True)


def tell_tear_down(vm_id: str, result: TeardownResult) -> None:
    """What became of the network."""
    console = out()
    if not result.existed:
        console.print(Text(f"{vm_id}  nothing to tear down"), soft_wrap=True)
        return
    devices = "" if result.devices_gone else "  (devices are on their way out)"
    console.print(Text.assemble((vm_id, "bold"), "  ", ("GONE", "green"), devices), soft_wrap=True)
    for failure in result.ignored_failures:
        tell_failure(failure, console, prefix="  overridden: ")
    for leftover in result.leftovers:
        console.print(Text(f"  left behind: {words.leftover(leftover)}", "yellow"), soft_wrap=True)
    for holder in result.holders:
        console.print(Text(f"  still held: {words.holder(holder)}", "yellow"), soft_wrap=True)
    for warning in result.warnings:
        console.print(Text(f"  warning: {warning.message}", "yellow"), soft_wrap=True)


def tell_network(network: VMNetwork) -> None:
    """A record."""
    console = out()
    phase = words.phase(network.phase)
    console.print(Text.assemble((network.vm_id, "bold"), "  ", (phase, phase_style(network))), soft_wrap=True)
    rows = [
        ("uid", network.uid),
        ("revision", str(network.revision)),
        ("network", words.network_name(network)),
        ("netns", network.result.netns_path),
        ("tap", ", ".join(one.static_configuration.host_dev_name for one in network.result.interfaces)),
        ("address", ", ".join(words.addresses(network))),
        ("boot with", f"ip={network.result.ip_boot_param}" if network.result.ip_boot_param else ""),
        ("made", words.moment(network.create_time)),
        ("changed", words.moment(network.update_time)),
    ]
    for name, value in rows:
        if value:
            console.print(Text.assemble((f"  {name:<10}", "bright_black"), value), soft_wrap=True)
    if network.HasField("last_failure"):
        tell_failure(network.last_failure, console, prefix="  ")
    for leftover in network.leftovers:
        console.print(Text(f"  left behind: {words.leftover(leftover)}", "yellow"), soft_wrap=True)


def tell_collected(answer: CollectGarbageResponse, *, dry_run: bool) -> None:
    """What was collected."""
    console = out()
    done = "would be torn down" if dry_run else "torn down"
    for network in answer.collected:
        if network.HasField("failure"):
            tell_failure(network.failure, console, prefix=f"{network.vm_id}: ")
        else:
            console.print(Text(f"{network.vm_id}: {done}"), soft_wrap=True)
    for finding in answer.findings:
        state = "done" if finding.done else "not done"
        console.print(Text(f"{words.finding(finding)} ({state})"), soft_wrap=True)
    for name in answer.cni_gc_networks:
        console.print(Text(f"CNI GC {'would run' if dry_run else 'ran'} on {name}"), soft_wrap=True)
    for failure in answer.cni_gc_failures:
        tell_failure(failure, console)
    if not answer.collected and not answer.findings:
        console.print(Text("nothing to collect"), soft_wrap=True)


def tell_status(answer: GetStatusResponse) -> None:
    """The agent at a glance."""
    console = out()
    ready = ("ready", "green") if answer.ready else ("NOT READY", "bold red")
    name = f"{answer.agent_name} {answer.agent_version}"
    console.print(
        Text.assemble((name, "bold"), f"  contract {answer.contract_version}  ", ready), soft_wrap=True
    )
    if answer.HasField("cordon"):
        why = f": {answer.cordon.reason}" if answer.cordon.reason else ""
        since = words.moment(answer.cordon.since_time)
        console.print(Text(f"  cordoned since {since}{why}", "yellow"), soft_wrap=True)
    figures = answer.figures
    rows = [
        ("networks", f"{figures.networks} of {figures.max_networks}, {figures.ready_networks} ready"),
        ("operations", f"{figures.operations_running} running, {figures.operations_queued} queued"),
        ("releases", f"{figures.pending_releases} pending, {figures.failed_releases} failed"),
        ("revision", str(answer.revision)),
        ("started", words.moment(answer.start_time)),
        ("boot id", answer.boot_id),
        ("cni", ", ".join(answer.cni_versions)),
        ("can", ", ".join(words.capability(one) for one in answer.capabilities)),
    ]
    rows += [
        ("pool", f"{one.network_name}: {one.depth} of {one.size}, {one.hits} hits, {one.misses} misses")
        for one in answer.pools
    ]
    for label, value in rows:
        console.print(Text.assemble((f"  {label:<11}", "bright_black"), value), soft_wrap=True)
    for release in answer.pending_releases:
        console.print(
            Text(f"  to release: {words.leftover(release.leftover)} of {release.vm_id}", "yellow"),
            soft_wrap=True,
        )
    for problem in answer.problems:
        tell_failure(problem, console, prefix="  ")


def tell_diagnosis(answer: DiagnoseHostResponse, *, fixed: bool = False) -> None:
    """What the host lacks and what does not agree; `fixed`: something was done about it."""
    console = out()
    for one in answer.preflight:
        sign, style = (
            ("ok", "green") if one.ok else ("MISSING", "red") if one.required else ("missing", "yellow")
        )
        line = Text.assemble((f"{sign:<8}", style), f"{one.name:<28} {one.detail}")
        console.print(line, soft_wrap=True)
        if not one.ok and one.remedy:
            console.print(Text(f"        do: {one.remedy}"), soft_wrap=True)
    if answer.preflight:
        console.print()
    if not answer.findings:
        console.print(Text("nothing disagrees", "green"), soft_wrap=True)
        return
    head = ("KIND", "WHAT", "WHERE", "VM", "AGE", "DONE" if fixed else "WOULD", "WHY")
    tell_table(head, [_finding_row(one, fixed=fixed) for one in answer.findings])
    acts = sum(words.action(one.would_do) not in ("report", "wait") for one in answer.findings)
    done = sum(one.done for one in answer.findings)
    summary = f"{done} of {acts} taken away" if fixed else f"{acts} could be taken away"
    if acts and not fixed:
        summary += ": doctor --fix --no-dry-run"
    count = f"{len(answer.findings)} finding{'' if len(answer.findings) == 1 else 's'}"
    console.print(Text(f"{count}, {summary}", "yellow"), soft_wrap=True)
    if answer.findings_truncated:
        console.print(Text("and more: the answer is full"), soft_wrap=True)


def _finding_row(one: Finding, *, fixed: bool) -> tuple[tuple[str, str], ...]:
    act = words.action(one.would_do)
    style = {"report": "yellow", "wait": "bright_black"}.get(act, "red")
    why = one.detail
    if fixed and act not in ("report", "wait"):
        act, style = (f"{act}: done", "green") if one.done else (f"{act}: NOT DONE", "bold red")
        why = f"{why}; {one.failure.message}" if one.HasField("failure") else why
    # Nearly all that is found is not in the journal, and says so in its own words.
    views = ", ".join(words.view(value) for value in one.missing_in if value != HOST_VIEW_JOURNAL)
    return (
        (words.resource(one.kind), ""),
        (one.what, "bold"),
        (one.where or "the host", ""),
        (one.vm_id or "?", ""),
        (words.span(one.age) if one.HasField("age") else "?", "bright_black"),
        (act, style),
        (f"{why} (not in {views})" if views else why, ""),
    )


def tell_table(head: tuple[str, ...], rows: list[tuple[tuple[str, str], ...]]) -> None:
    """Columns as wide as their widest cell; cells are (text, style)."""
    console = out()
    cells = [tuple((name, "bright_black") for name in head), *rows]
    widths = [max(len(row[place][0]) for row in cells) for place in range(len(head))]
    for row in cells:
        line = Text()
        for place, (text, style) in enumerate(row):
            last = place == len(row) - 1
            line.append(text if last else text.ljust(widths[place] + 2), style)
        console.print(line, soft_wrap=True)


def rendered(lines: list[picture.Line]) -> Text:
    """A drawing in colours."""
    made = Text()
    for place, line in enumerate(lines):
        if place:
            made.append("\n")
        for text, style in line:
            made.append(text, _STYLES[style])
    return made


def picture_svg(lines: list[picture.Line], *, title: str) -> str:
    """A drawing as a picture, which fetches nothing: rich's web fonts and its comment are left out."""
    width = max(sum(len(text) for text, _ in line) for line in lines) + 2
    nowhere = io.StringIO()
    console = Console(record=True, width=width, file=nowhere, force_terminal=True, color_system="truecolor")
    console.print(rendered(lines))
    svg = console.export_svg(title=title, unique_id="vmplumb")
    svg = re.sub(r"<!--.*?-->|@font-face *\{.*?\}", "", svg, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def network_row(one: VMNetwork) -> tuple[tuple[str, str], ...]:
    """A record as a row of the list."""
    return (
        (one.vm_id, "bold"),
        (words.phase(one.phase), phase_style(one)),
        (words.network_name(one), ""),
        (", ".join(words.addresses(one)), ""),
        (words.moment(one.create_time), "bright_black"),
    )


def phase_style(network: VMNetwork) -> str:
    """The colour of its phase."""
    return {"READY": "green", "FAILED": "red", "REMOVED": "bright_black"}.get(
        words.phase(network.phase), "yellow"
    )
