"""vmplumbctl: a command a call of the contract."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TextIO

import click
from click.shell_completion import CompletionItem, get_completion_class
from rich.progress import Progress
from rich.text import Text

from vmplumb._channel import DEFAULT_TARGET
from vmplumb._cli import bench, document, exits, picture, spec, words
from vmplumb._cli.fleets import fleet
from vmplumb._cli.settings import Settings
from vmplumb._cli.steps import Board, JsonLines, Lines, Silent, Steps
from vmplumb._cli.tell import (
    err,
    network_row,
    out,
    phase_style,
    picture_svg,
    rendered,
    tell_collected,
    tell_diagnosis,
    tell_error,
    tell_failure,
    tell_message,
    tell_network,
    tell_set_up,
    tell_status,
    tell_table,
    tell_tear_down,
)
from vmplumb._errors import VmplumbError
from vmplumb.v1.network_agent_service_pb2 import (
    CAPABILITY_COLLECT_AS_ONE_GROUP,
    CAPABILITY_WARM_POOL,
    CollectGarbageResponse,
)
from vmplumb.v1.vm_network_pb2 import NetworkSpec, Phase

P = ParamSpec("P")

_PHASES = ("setting-up", "ready", "failed", "tearing-down")
_EXITS = "\b\nExit codes:\n" + "\n".join(
    f"  {code:>3}  {meaning}" for code, meaning in exits.MEANINGS.items()
)


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
            tell_table(
                ("VM", "PHASE", "NETWORK", "ADDRESSES", "SINCE"), [network_row(one) for one in networks]
            )
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
                        (f"{phase:<13}", phase_style(event.network)),
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


def _steps(settings: Settings, title: str) -> Steps:
    if settings.quiet:
        return Silent()
    if settings.output == "jsonl":
        return JsonLines()
    console = err()
    return Board(console, title) if console.is_terminal else Lines(console)


def _takes_unicode(stream: TextIO) -> bool:
    try:
        "┼⇅".encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
