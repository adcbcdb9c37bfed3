"""DiagnoseHost: what the views do not agree about, and what the host does not offer. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vmplumbd.cni import confdir
from vmplumbd.cni.error import CniError
from vmplumbd.errors import AgentError
from vmplumbd.model import judge, preflight
from vmplumbd.model.findings import Finding
from vmplumbd.model.preflight import Check, Wanted
from vmplumbd.operations import failures
from vmplumbd.operations.book import Operation
from vmplumbd.operations.lanes import Work
from vmplumbd.operations.look import look
from vmplumbd.operations.tools import Tools
from vmplumbd.plugins.host_local.config import DEFAULT_DATA_DIR


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnoseOrder:
    """One request."""

    skip_findings: bool = False
    skip_preflight: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was found. `revision` is the agent's from before the look."""

    revision: int
    findings: tuple[Finding, ...] = ()
    checks: tuple[Check, ...] = ()


def diagnose(
    tools: Tools, operation: Operation, order: DiagnoseOrder, answer: Callable[[Diagnosis], None]
) -> Work:
    """The operation. Ends `operation`; raises nothing."""
    try:
        try:
            revision = tools.book.revision
            findings = () if order.skip_findings else judge.judge(look(tools))
            checks = () if order.skip_preflight else check_host(tools)
            answer(Diagnosis(revision=revision, findings=findings, checks=checks))
        except Exception as exc:  # noqa: BLE001 - every fault is told, whatever it is
            operation.log.finish(error=failures.as_agent_error(exc))
        else:
            operation.log.finish()
    finally:
        operation.end()
    yield from ()


def check_host(tools: Tools) -> tuple[Check, ...]:
    """Every check of what the host must offer. Blocks; may execute plugins for VERSION."""
    settings = tools.settings
    defaults = settings.defaults
    plugins: dict[str, tuple[str, ...]] = {}
    unreadable: dict[str, str] = {}
    for path in confdir.configurations(defaults.conf_dir):
        try:
            network = confdir.load_any(path)
        except (CniError, OSError) as exc:
            unreadable[path] = str(exc)
            continue
        try:
            said = tuple(tools.preflight(network, defaults.bin_path))
        except AgentError as exc:
            said = (str(exc),)  # a limit or a lack of the host, which a set-up would be told the same way
        plugins.setdefault(network.name, said)
    facts = tools.probe.facts(
        netns_dir=settings.netns_dir,
        directories=[one for one in (settings.state_dir, defaults.cache_root, DEFAULT_DATA_DIR) if one],
    )
    newest = max((one.update_time for one in tools.book.records()), default=0.0)
    return preflight.checks(
        facts,
        Wanted(
            netns_dir=settings.netns_dir,
            max_networks=settings.max_networks,
            now=tools.clock.now(),
            newest=newest,
            plugins=plugins,
            unreadable=unreadable,
            bin_path=defaults.bin_path,
            conf_dir=defaults.conf_dir,
        ),
    )
