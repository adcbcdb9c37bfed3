"""vmplumbctl: a command a call of the contract."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TextIO

import click
import grpc
from click.shell_completion import CompletionItem, get_completion_class
from google.protobuf.message import Message
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from vmplumb._channel import DEFAULT_TARGET, Tls
from vmplumb._cli import bench, document, exits, picture, spec, words
from vmplumb._cli.fleets import fleet
from vmplumb._cli.steps import Board, Lines, Silent, Steps
from vmplumb._client import Client
from vmplumb._errors import DeadlineExceeded, VmplumbError
from vmplumb._follow import ProgressEvent, Retry
from vmplumb.v1.errors_pb2 import Failure
from vmplumb.v1.network_agent_service_pb2 import (
    CAPABILITY_COLLECT_AS_ONE_GROUP,
    CAPABILITY_WARM_POOL,
    HOST_VIEW_JOURNAL,
    CollectGarbageResponse,
    DiagnoseHostResponse,
    Finding,
    GetStatusResponse,
    TeardownResult,
)
from vmplumb.v1.vm_network_pb2 import NetworkSpec, Phase, SetupResult, VMNetwork

P = ParamSpec("P")

_PHASES = ("setting-up", "ready", "failed", "tearing-down")
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
_EXITS = "\b\nExit codes:\n" + "\n".join(
    f"  {code:>3}  {meaning}" for code, meaning in exits.MEANINGS.items()
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the agent is and how this command speaks."""

    target: str = DEFAULT_TARGET
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    server_name: str = ""
    output: str = "text"
    deadline: float | None = None
    tries: int = 4
    quiet: bool = False

    @property
    def json(self) -> bool:
        """Whether a program reads the output."""
        return self.output != "text"

    def client(self) -> Client:
        """The client these settings name. Raises click.UsageError for what cannot be one."""
        tls: Tls | None = None
        try:
            if self.ca or self.cert or self.key:
                tls = Tls.from_files(ca=self.ca, cert=self.cert, key=self.key, server_name=self.server_name)
            return Client(self.target, tls=tls, retry=Retry(attempts=self.tries))
        except (ValueError, OSError) as exc:
            raise click.UsageError(str(exc)) from exc


def connection(command: Callable[..., None]) -> Callable[..., None]:
    """The options every command takes, before or after its name."""
    options = [
        click.option("--target", envvar="VMPLUMB_TARGET", help=f"The agent.  [default: {DEFAULT_TARGET}]"),
        click.option(
            "--ca", envvar="VMPLUMB_CA", type=click.Path(dir_okay=False), help="PEM of the agent's CA."
        ),
        click.option(
            "--cert", envvar="VMPLUMB_CERT", type=click.Path(dir_okay=False), help="PEM of the caller."
        ),
        click.option("--key", envvar="VMPLUMB_KEY", type=click.Path(dir_okay=False), help="PEM of its key."),
        click.option("--server-name", envvar="VMPLUMB_SERVER_NAME", help="Name in the agent's certificate."),
        click.option(
            "-o",
            "--output",
            type=click.Choice(["text", "json", "jsonl"]),
            help="text; json: one document; jsonl: a line an event or record.",
        ),
        click.option(
            "--deadline", type=click.FloatRange(min=0, min_open=True), help="Seconds to wait in all."
        ),
        click.option(
            "--tries", type=click.IntRange(min=1), help="Tries while no agent answers.  [default: 4]"
        ),
        click.option("-q", "--quiet", is_flag=True, default=None, help="No progress."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def speaks(command: Callable[P, int | None]) -> Callable[..., None]:
    """Run a command with its settings; turn its errors into words and an exit code."""

    @connection
    @click.pass_context
    @functools.wraps(command)
    def wrapped(context: click.Context, /, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - click's own
        settings = _settings(context, kwargs)
        try:
            code = command(settings, *args, **kwargs)  # type: ignore[arg-type]  # click knows them
        except VmplumbError as exc:
            tell_error(exc, settings)
            context.exit(exits.of(exc))
        except KeyboardInterrupt:
            click.echo("interrupted; an operation that began goes on", err=True)
            context.exit(exits.INTERRUPTED)
        context.exit(code or exits.OK)

    return wrapped


def _settings(context: click.Context, kwargs: dict[str, Any]) -> Settings:
    base: Settings = context.obj or Settings()
    given = {name: kwargs.pop(name) for name in list(kwargs) if name in Settings.__dataclass_fields__}
    return replace(base, **{name: value for name, value in given.items() if value is not None})


def complete_vm(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of the agent's VMs, if one answers within a second."""
    settings: Settings = context.obj or Settings()
    params = {
        name: value for name, value in context.params.items() if name in ("target", "ca", "cert", "key")
    }
    settings = replace(settings, tries=1, **{name: value for name, value in params.items() if value})
    with contextlib.suppress(VmplumbError, click.UsageError), settings.client() as client:
        networks = client.list(timeout=1.0)
        return [CompletionItem(one.vm_id) for one in networks if one.vm_id.startswith(incomplete)]
    return []


vm_argument = click.argument("vm_id", metavar="VM_ID", shell_complete=complete_vm)


@click.group(
    epilog=_EXITS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="vmplumb", prog_name="vmplumbctl")
@connection
@click.pass_context
def root(context: click.Context, /, **given: Any) -> None:  # noqa: ANN401 - click's own
    """Networks of Firecracker microVMs on this host, through vmplumbd."""
    context.obj = _settings(context, given)


root.add_command(fleet)


@root.command("set-up")
@vm_argument
@click.option("--network", help="Name of a network in the agent's configuration directory.")
@click.option("--config", type=click.File("rb"), help="A CNI network configuration list, sent inline.")
@click.option(
    "--spec", "spec_file", type=click.File("rb"), help="A whole NetworkSpec in proto JSON; - is stdin."
)
@click.option("--if-name", default="", help="CNI_IFNAME.  [default: eth0]")
@click.option("--vm-if-name", default="", help="Interface name inside the VM.")
@click.option("--netns", default="", metavar="PATH", help="Namespace.  [default: /var/run/netns/VM_ID]")
@click.option("--arg", "args", multiple=True, metavar="K=V", help="A pair of CNI_ARGS; in order, repeatable.")
@click.option("--capability-args", default="", metavar="JSON", help="Capability arguments, a JSON object.")
@click.option("--tap-name", default="", help="Name of the tap device.")
@click.option("--tap-uid", type=click.IntRange(min=0), help="User that may open it.")
@click.option("--tap-gid", type=click.IntRange(min=0), help="Group that may open it.")
@click.option("--force", is_flag=True, help="Go on if the DEL of a pre-existing network fails.")
@click.option("--mmds", is_flag=True, help="Make Firecracker's MMDS available on the interface.")
@click.option("--bin-path", multiple=True, metavar="DIR", help="Where plugins are sought; repeatable.")
@click.option("--conf-dir", default="", metavar="DIR", help="Where networks are configured.")
@click.option("--cache-dir", default="", metavar="DIR", help="Where CNI results are kept.")
@click.option(
    "--in-bandwidth", metavar="BUCKET", help="What the VM receives, in bytes: 10M/1s, 10M/100ms+1M."
)
@click.option("--in-ops", metavar="BUCKET", help="What the VM receives, in packets.")
@click.option("--out-bandwidth", metavar="BUCKET", help="What the VM sends, in bytes.")
@click.option("--out-ops", metavar="BUCKET", help="What the VM sends, in packets.")
@click.option(
    "--firecracker-accepts-mtu", is_flag=True, help="The VMM takes mtu (Firecracker 1.16 and later)."
)
@click.option("--kernel-args", default="", help="The VM's kernel command line, to be checked for ip=.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds the agent may take.")
@click.option("--validate-only", is_flag=True, help="Check the request and do nothing.")
@speaks
def set_up(
    settings: Settings,
    vm_id: str,
    network: str | None,
    config: Any,  # noqa: ANN401 - click's file
    spec_file: Any,  # noqa: ANN401 - click's file
    kernel_args: str,
    timeout: float | None,
    validate_only: bool,
    **options: Any,  # noqa: ANN401 - as SpecOptions declares them
) -> int | None:
    """Make the network of a VM, or find it: the same call with the same options gives the same answer.

    BUCKET is SIZE/REFILL[+BURST]: SIZE tokens come back in REFILL (ms, or with a unit), K, M, G are powers of
    1024.
    """
    if sum(one is not None for one in (network, config, spec_file)) != 1:
        raise click.UsageError("give one of --network, --config, --spec")
    if spec_file is not None:
        if any(options.values()):
            raise click.UsageError("--spec says all of the interface: leave its options out")
        wanted = spec.from_json(spec_file.read())
    else:
        inline = None if config is None else config.read()
        wanted = spec.from_options(spec.SpecOptions(network=network, config=inline, **options))
    with settings.client() as client:
        if validate_only:
            client.validate(vm_id, wanted, kernel_args=kernel_args, timeout=settings.deadline)
            if settings.json:
                click.echo(document.text({"valid": True}, indent=None))
            else:
                click.echo(f"{vm_id}: the request is valid")
            return None
        with _steps(settings, f"setting up {vm_id}") as steps:
            result = client.set_up(
                vm_id,
                wanted,
                on_progress=steps,
                kernel_args=kernel_args,
                operation_timeout=timeout,
                timeout=settings.deadline,
            )
    if not tell_message(result, settings, event="result"):
        tell_set_up(vm_id, result)
    return None


@root.command("tear-down")
@vm_argument
@click.option("--uid", default="", help="Only this incarnation.")
@click.option("--force", is_flag=True, help="Forget the record even if a plugin refuses.")
@click.option("--wait-for-devices", is_flag=True, help="Answer once devices are gone and addresses free.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds the agent may take.")
@speaks
def tear_down(
    settings: Settings, vm_id: str, uid: str, force: bool, wait_for_devices: bool, timeout: float | None
) -> int | None:
    """Remove the network of a VM. Nothing to remove is success."""
    with settings.client() as client, _steps(settings, f"tearing down {vm_id}") as steps:
        result = client.tear_down(
            vm_id,
            uid=uid,
            force=force,
            wait_for_devices=wait_for_devices,
            on_progress=steps,
            operation_timeout=timeout,
            timeout=settings.deadline,
        )
    if not tell_message(result, settings, event="result"):
        tell_tear_down(vm_id, result)
    return None


@root.command()
@vm_argument
@speaks
def get(settings: Settings, vm_id: str) -> int | None:
    """Show one record."""
    with settings.client() as client:
        network = client.get(vm_id, timeout=settings.deadline)
    if not tell_message(network, settings):
        tell_network(network)
    return None


@root.command("list")
@click.option(
    "--phase", "phases", multiple=True, type=click.Choice(_PHASES), help="Only in this phase; repeatable."
)
@speaks
def list_(settings: Settings, phases: tuple[str, ...]) -> int | None:
    """List the records, in the order of their ids."""
    wanted = [Phase.Value(f"PHASE_{one.upper().replace('-', '_')}") for one in phases]
    with settings.client() as client:
        networks = client.list(wanted, timeout=settings.deadline)
        if settings.output == "jsonl":
            for one in networks:
                click.echo(document.text(document.of(one), indent=None))
        elif settings.output == "json":
            click.echo(document.text({"networks": [document.of(one) for one in networks]}))
        else:
            tell_table(("VM", "PHASE", "NETWORK", "ADDRESSES", "SINCE"), [_row(one) for one in networks])
    return None


@root.command()
@click.argument("vm_ids", metavar="[VM_ID]...", nargs=-1, shell_complete=complete_vm)
@click.option("--after-revision", type=click.IntRange(min=0), help="Only changes after it.")
@click.option("--until-bookmark", is_flag=True, help="End once everything there is has been told.")
@speaks
def watch(
    settings: Settings, vm_ids: tuple[str, ...], after_revision: int | None, until_bookmark: bool
) -> int | None:
    """Follow changes, a line each, until interrupted. With -o json or jsonl: JSON lines."""
    with settings.client() as client:
        for event in client.watch(vm_ids, after_revision=after_revision):
            if settings.json:
                network = None if event.network is None else document.of(event.network)
                line = {"revision": str(event.revision), "network": network}
                click.echo(document.text(line, indent=None))
            elif event.network is not None:
                phase, addresses = words.phase(event.network.phase), ", ".join(words.addresses(event.network))
                out().print(
                    Text.assemble(
                        (f"{event.revision:>8}  ", "bright_black"),
                        f"{event.network.vm_id:<24} ",
                        (f"{phase:<13}", _phase_style(event.network)),
                        f" {addresses}".rstrip(),
                    ),
                    soft_wrap=True,
                )
            if event.network is None and until_bookmark:
                return None
    return None


@root.command()
@vm_argument
@speaks
def check(settings: Settings, vm_id: str) -> int | None:
    """Look whether a network is as it should be. Findings give exit code 1."""
    with settings.client() as client:
        answer = client.check(vm_id, timeout=settings.deadline)
    if not tell_message(answer, settings):
        if not answer.findings:
            skipped = (
                " (CNI CHECK was skipped, as its configuration asks)" if answer.cni_check_skipped else ""
            )
            out().print(Text(f"{vm_id}: all is well{skipped}", "green"), soft_wrap=True)
        for one in answer.findings:
            tell_failure(one, out())
    return exits.FINDINGS if answer.findings else exits.OK


@root.command()
@vm_argument
@click.option("--ascii", "only_ascii", is_flag=True, help="Draw with ASCII characters alone.")
@click.option(
    "--svg", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Also as a picture."
)
@speaks
def describe(settings: Settings, vm_id: str, only_ascii: bool, svg: Path | None) -> int | None:
    """Draw the path between the VM and the host as the kernel has it now."""
    with settings.client() as client:
        answer = client.describe(vm_id, timeout=settings.deadline)
    lines = picture.draw(answer)
    if svg is not None:
        svg.write_text(picture_svg(lines, title=f"vmplumbctl describe {vm_id}"))
    if not tell_message(answer, settings):
        if only_ascii or not _takes_unicode(sys.stdout):
            lines = picture.ascii_only(lines)
        out().print(rendered(lines), soft_wrap=True)
    return None


@root.command()
@click.argument("valid_vm_ids", metavar="[VALID_VM_ID]...", nargs=-1, shell_complete=complete_vm)
@click.option("--valid-file", type=click.File("r"), help="More valid ids, one a line; - is stdin.")
@click.option(
    "--as-of-revision", type=click.IntRange(min=0), help="The agent's revision before the ids were drawn up."
)
@click.option("--allow-empty", is_flag=True, help="No id is valid: collect every network.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@click.option("--collect-leaks", is_flag=True, help="Also remove what `doctor` reports with an action.")
@click.option("--quarantine", is_flag=True, help="With --collect-leaks: move files away instead.")
@speaks
def gc(
    settings: Settings,
    valid_vm_ids: tuple[str, ...],
    valid_file: TextIO | None,
    as_of_revision: int | None,
    allow_empty: bool,
    dry_run: bool,
    collect_leaks: bool,
    quarantine: bool,
) -> int | None:
    """Tear down the networks of VMs that are gone: of all that are not named here.

    --as-of-revision guards VMs that are younger than the list: take `revision` of `status` first, then draw
    up the list. Only --dry-run may leave it out, and means "now".
    """
    ids = [*valid_vm_ids, *(line.strip() for line in valid_file or () if line.strip())]
    if as_of_revision is None and not dry_run:
        raise click.UsageError("--as-of-revision is needed: networks made after it are kept")
    with settings.client() as client:
        if as_of_revision is None:
            as_of_revision = client.status(timeout=settings.deadline).revision
        answer = client.collect_garbage(
            ids,
            as_of_revision=as_of_revision,
            allow_empty=allow_empty,
            dry_run=dry_run,
            collect_leaks=collect_leaks,
            quarantine=quarantine,
            timeout=settings.deadline,
        )
    if not tell_message(answer, settings):
        tell_collected(answer, dry_run=dry_run)
    failed = any(one.HasField("failure") for one in (*answer.collected, *answer.findings))
    return exits.FINDINGS if failed or answer.cni_gc_failures else exits.OK


@root.command()
@click.confirmation_option(
    "--yes", prompt="Tear down the network of every VM of this host?", help="Do not ask."
)
@click.option(
    "--cordon", "cordoned", is_flag=True, help="Let no new network begin from now on, as `cordon` does."
)
@speaks
def drain(settings: Settings, cordoned: bool) -> int | None:
    """Tear down every network there is now, and warm pools, together: for a host that is being emptied.

    Set-ups that come meanwhile wait, and their networks stay; with --cordon they are refused. A VMM that still
    holds a tap loses its network.
    """
    with settings.client() as client:
        if cordoned:
            client.cordon(reason="the host is being drained", timeout=settings.deadline)
        told = client.status(timeout=settings.deadline)
        answer = client.collect_garbage(
            (),
            as_of_revision=told.revision,
            allow_empty=True,
            as_one_group=CAPABILITY_COLLECT_AS_ONE_GROUP in told.capabilities,
            drain_pools=CAPABILITY_WARM_POOL in told.capabilities,
            timeout=settings.deadline,
        )
    if not tell_message(answer, settings):
        tell_collected(answer, dry_run=False)
    failed = any(one.HasField("failure") for one in answer.collected)
    return exits.FINDINGS if failed or answer.cni_gc_failures else exits.OK


@root.command()
@click.option("--reason", default="", help="Why, for whoever is refused.")
@speaks
def cordon(settings: Settings, reason: str) -> int | None:
    """Let no new network begin on this host, until `uncordon`. Networks stay, and can be torn down.

    Health checks of the service answer NOT_SERVING. It outlives a restart of the agent.
    """
    with settings.client() as client:
        answer = client.cordon(reason=reason, timeout=settings.deadline)
    if not tell_message(answer, settings):
        click.echo(f"cordoned since {words.moment(answer.cordon.since_time)}")
    return exits.OK


@root.command()
@speaks
def uncordon(settings: Settings) -> int | None:
    """Let new networks begin on this host again."""
    with settings.client() as client:
        answer = client.cordon(cordoned=False, timeout=settings.deadline)
    if not tell_message(answer, settings):
        click.echo("new networks may begin")
    return exits.OK


@root.command()
@speaks
def status(settings: Settings) -> int | None:
    """Tell what the agent is, can do and does. Not ready gives exit code 1."""
    with settings.client() as client:
        answer = client.status(timeout=settings.deadline)
    if not tell_message(answer, settings):
        tell_status(answer)
    return exits.OK if answer.ready else exits.FINDINGS


@root.command()
@click.option("--skip-findings", is_flag=True, help="Do not compare what is there with what should be.")
@click.option("--skip-preflight", is_flag=True, help="Do not check what the host must offer.")
@click.option(
    "--fix", is_flag=True, help="Say what would be done about each finding; with --no-dry-run, do it."
)
@click.option("--dry-run/--no-dry-run", default=True, help="With --fix.  [default: --dry-run]")
@click.option(
    "--quarantine", is_flag=True, help="With --fix: keep what is removed in the agent's quarantine."
)
@speaks
def doctor(
    settings: Settings,
    skip_findings: bool,
    skip_preflight: bool,
    fix: bool,
    dry_run: bool,
    quarantine: bool,
) -> int | None:
    """Check the host, and compare what journal, caches, reservations and kernel say.

    Changes nothing, unless --fix --no-dry-run is given: then what was judged twice is taken away, and never
    what is foreign. No network is torn down that the agent holds and that stands. Exit code 1 if something
    disagrees, or still does, or if the host lacks what every network needs.
    """
    if (quarantine or not dry_run) and not fix:
        raise click.UsageError("--quarantine and --no-dry-run go with --fix")
    if fix and skip_findings:
        raise click.UsageError("--fix works on findings")
    with settings.client() as client:
        answer = client.diagnose(
            skip_findings=skip_findings or fix, skip_preflight=skip_preflight, timeout=settings.deadline
        )
        collected = CollectGarbageResponse()
        if fix:
            # As of revision 0 every network is younger than the list of VMs, and stays.
            collected = client.collect_garbage(
                [],
                as_of_revision=0,
                allow_empty=True,
                dry_run=dry_run,
                collect_leaks=True,
                quarantine=quarantine,
                timeout=settings.deadline,
            )
            answer.findings.extend(collected.findings)
            answer.findings_truncated = collected.findings_truncated
    if not tell_message(answer, settings):
        tell_diagnosis(answer, fixed=fix and not dry_run)
        for name in collected.cni_gc_networks if not dry_run else ():
            out().print(Text(f"CNI GC ran on {name}"), soft_wrap=True)
        for failure in collected.cni_gc_failures:
            tell_failure(failure, out())
    lacking = any(one.required and not one.ok for one in answer.preflight)
    open_ = any(not one.done for one in answer.findings) or answer.findings_truncated
    return exits.FINDINGS if open_ or collected.cni_gc_failures or lacking else exits.OK


@root.command("bench")
@click.option("--network", required=True, help="Name of a network in the agent's configuration directory.")
@click.option(
    "--count", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Networks to make."
)
@click.option(
    "--concurrency", type=click.IntRange(1, 256), default=1, show_default=True, help="How many at a time."
)
@speaks
def bench_(settings: Settings, network: str, count: int, concurrency: int) -> int | None:
    """Measure set-up and teardown on this host: how long callers wait, in which step, how many a second.

    Makes networks of VMs that there are not, `bench-...`, tears each down until its devices are gone, and takes
    back all it began, also when it is interrupted or fails. One network before the first is not counted.
    --deadline bounds the measuring.
    """
    wanted = NetworkSpec()
    wanted.network_interfaces.interfaces.add().cni_configuration.network_name = network
    hidden = settings.quiet or settings.json
    with settings.client() as client, bench.interrupted_once(err()):
        measured = bench.Bench(client, network, wanted)
        try:
            with Progress(console=err(), transient=True, disable=hidden or not err().is_terminal) as board:
                task = board.add_task(f"measuring {network}", total=count)
                report = measured.run(
                    count=count,
                    concurrency=concurrency,
                    deadline=settings.deadline,
                    told=lambda: board.advance(task),
                )
        except bench.LeftBehind as exc:
            for vm_id, error in exc.left.items():
                tell_error(error, settings)
                err().print(Text(f"  left behind: vmplumbctl tear-down {vm_id}"), soft_wrap=True)
            return exits.FAILED
        except KeyboardInterrupt:
            return exits.INTERRUPTED
    if settings.json:
        click.echo(document.text(report.document(), indent=2 if settings.output == "json" else None))
    else:
        bench.tell(report, out())
    return None


@root.command(
    "import",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@click.pass_context
def import_(context: click.Context) -> None:
    """Take over running networks of the Go SDK or libcni, on this host, while the agent is stopped.

    Runs `vmplumbd import` with the same words: it writes the agent's own journal, so no agent can be asked.
    """
    _run_agent(context, "import")


def _run_agent(context: click.Context, *words: str) -> None:
    try:
        os.execvp("vmplumbd", ["vmplumbd", *words, *context.args])  # noqa: S606 - the agent's own command
    except OSError as exc:
        err().print(Text(f"cannot run vmplumbd: {exc.strerror}; is the agent installed on this host?"))
        context.exit(exits.CONFLICT)


@root.group()
def policy() -> None:
    """The operator's policy file: which identity may do what."""


@policy.command(
    "check",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)
@click.pass_context
def policy_check(context: click.Context) -> None:
    """Tell what FILE would allow to --as ID, and why: runs `vmplumbd policy check` with the same words."""
    _run_agent(context, "policy", "check")


@root.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes vmplumbctl in a shell: eval "$(vmplumbctl completion bash)"."""
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(root, {}, "vmplumbctl", "_VMPLUMBCTL_COMPLETE").source())


def run() -> NoReturn:
    """Run vmplumbctl and exit."""
    root(prog_name="vmplumbctl", complete_var="_VMPLUMBCTL_COMPLETE")
    raise AssertionError("click exits")


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
    console.print(
        Text.assemble((network.vm_id, "bold"), "  ", (phase, _phase_style(network))), soft_wrap=True
    )
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


def _row(one: VMNetwork) -> tuple[tuple[str, str], ...]:
    return (
        (one.vm_id, "bold"),
        (words.phase(one.phase), _phase_style(one)),
        (words.network_name(one), ""),
        (", ".join(words.addresses(one)), ""),
        (words.moment(one.create_time), "bright_black"),
    )


def _phase_style(network: VMNetwork) -> str:
    return {"READY": "green", "FAILED": "red", "REMOVED": "bright_black"}.get(
        words.phase(network.phase), "yellow"
    )


def _steps(settings: Settings, title: str) -> Steps:
    if settings.quiet:
        return Silent()
    if settings.output == "jsonl":
        return JsonLines()
    console = err()
    return Board(console, title) if console.is_terminal else Lines(console)


class JsonLines(Silent):
    """A JSON line an event, on standard output."""

    def __call__(self, event: ProgressEvent) -> None:
        line = {
            "progress": document.of(event.progress),
            "uid": event.uid,
            "sequence": event.sequence,
            "time": event.time.isoformat(),
            "replayed": event.replayed,
        }
        click.echo(document.text(line, indent=None))


def _takes_unicode(stream: TextIO) -> bool:
    try:
        "┼⇅".encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
