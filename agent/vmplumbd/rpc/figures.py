"""GetStatus: what the agent is, what it can do, and how much of it it does now."""

from __future__ import annotations

import grpc

from vmplumb.v1 import errors_pb2
from vmplumb.v1 import network_agent_service_pb2 as pb
from vmplumbd.cni import version as versions
from vmplumbd.errors import Reason
from vmplumbd.model.caller import Caller
from vmplumbd.model.lifecycle import Phase
from vmplumbd.model.progress import Failure, Leftover, ResourceKind
from vmplumbd.model.record import Release
from vmplumbd.operations.agent import Agent
from vmplumbd.rpc import convert

AGENT_NAME = "vmplumbd"
AGENT_VERSION = "0.1.0"
CONTRACT_VERSION = "1.0.0"
_RELEASES_SHOWN = 100


def status_response(agent: Agent, caller: Caller) -> pb.GetStatusResponse:
    """The answer to GetStatus. Figures count everybody's; names and uids are those that the caller sees."""
    book = agent.tools.book
    records = book.records()
    releases = book.releases()
    capabilities = [
        pb.CAPABILITY_CNI_GC,
        pb.CAPABILITY_DIAGNOSE_HOST,
        pb.CAPABILITY_COLLECT_LEAKS,
        pb.CAPABILITY_COLLECT_AS_ONE_GROUP,
        pb.CAPABILITY_CORDON,
    ]
    if agent.tools.settings.inline_config:
        capabilities.append(pb.CAPABILITY_INLINE_CONFIG)
    pools = agent.pools()
    if pools:
        capabilities.append(pb.CAPABILITY_WARM_POOL)
    response = pb.GetStatusResponse(
        agent_name=AGENT_NAME,
        agent_version=AGENT_VERSION,
        contract_version=CONTRACT_VERSION,
        capabilities=capabilities,
        ready=agent.ready,
        cni_versions=versions.ALL,
        revision=book.revision,
        boot_id=book.boot_id,
        start_time=convert.timestamp(agent.started),
        problems=[convert.failure(one) for one in agent.problems],
    )
    if (cordon := agent.cordon) is not None:
        response.cordon.CopyFrom(convert.cordon(cordon))
    figures = response.figures
    figures.ready_networks = sum(one.phase is Phase.READY for one in records)
    figures.networks = len(records)
    figures.max_networks = agent.tools.settings.max_networks
    figures.operations_running = len(book.running)
    figures.operations_queued = max(0, agent.tools.lanes.admitted - len(book.running))
    figures.max_operations_queued = agent.tools.lanes.limit
    figures.pending_releases = len(releases)
    figures.failed_releases = sum(one.attempts > 0 for one in releases)
    seen = [one for one in releases if caller.sees(one.owner)]
    failed = [one for one in seen if one.last_error]
    if failed:
        figures.last_release_failure.CopyFrom(convert.failure(_failure(failed[-1])))
    for pool in pools:
        response.pools.add(
            network_name=pool.network, depth=pool.depth, size=pool.size, hits=pool.hits, misses=pool.misses
        )
        if pool.problem:
            response.problems.add(
                grpc_code=grpc.StatusCode.FAILED_PRECONDITION.value[0],
                reason=errors_pb2.ERROR_REASON_UNSUPPORTED,
                message=f"the warm pool of network {pool.network} is not filled: {pool.problem}",
            )
    for release in seen[:_RELEASES_SHOWN]:
        _pending(response, release)
    return response


def _pending(response: pb.GetStatusResponse, release: Release) -> None:
    entry = response.pending_releases.add(
        vm_id=release.vm_id,
        uid=release.uid,
        attempts=release.attempts,
        since_time=convert.timestamp(release.created),
    )
    device = ", ".join(name for name, _ in release.host_devices)
    entry.leftover.CopyFrom(
        convert.leftover(
            Leftover(
                kind=ResourceKind.CNI_ATTACHMENT,
                what=", ".join(f"{one.network}/{one.if_name}" for one in release.plan.attachments),
                where=release.plan.netns_path,
                cause=release.last_error or f"waits for {device or 'its turn'} to go",
            )
        )
    )
    if release.last_error:
        entry.last_failure.CopyFrom(convert.failure(_failure(release)))


def _failure(release: Release) -> Failure:
    return Failure(reason=Reason.CNI_DEL_FAILED, message=release.last_error, retryable=True)
