"""Our agent, called in its own process: the whole operation with journal, reservation file and cache.

Usage: python -m bench.in_process STATE_DIR CONF_DIR [SECTION.KEY=VALUE ...]
"""

from __future__ import annotations

import io
import sys
import threading
import time
from typing import Any

from bench import jobs
from vmplumb.v1 import vm_network_pb2
from vmplumbd import config, main
from vmplumbd.errors import AgentError
from vmplumbd.model.ids import VmId
from vmplumbd.observe.log import Log
from vmplumbd.operations.agent import Agent
from vmplumbd.operations.book import Operation
from vmplumbd.operations.collect import CollectOrder
from vmplumbd.operations.set_up import SetUpOrder
from vmplumbd.operations.tear_down import TearDownOrder
from vmplumbd.rpc import convert


def order(network: str) -> SetUpOrder:
    """One interface on `network`, everything else by default."""
    spec = vm_network_pb2.NetworkSpec()
    spec.network_interfaces.interfaces.add().cni_configuration.network_name = network
    raw = convert.spec_bytes(spec)
    return SetUpOrder(
        spec=convert.network_spec(spec), spec_bytes=raw, spec_hash=convert.spec_hash(raw), timeout=60.0
    )


def fill_pools(agent: Agent) -> None:
    """Wait until the warm pools are full."""
    while any(one.depth < one.size for one in agent.pools()):
        time.sleep(0.002)


def run(arguments: list[str]) -> None:
    """Serve jobs with an agent of our own."""
    state_dir, conf_dir, *flags = arguments
    main.tune_interpreter()
    given = {"paths.state_dir": state_dir, "paths.conf_dir": conf_dir, "limits.max_networks": "20000"}
    given |= dict(flag.split("=", 1) for flag in flags)
    daemon = main.build(config.load(None, {}, given), Log(io.StringIO(), level="error"))
    agent = daemon.agent
    orders: dict[str, SetUpOrder] = {}

    def ended(operation: Operation | None) -> None:
        if operation is None:
            raise RuntimeError("nothing to tear down")
        operation.wait()
        error: AgentError | None = operation.log.error
        if error is not None:
            raise error

    def set_up(network: str, number: int) -> None:
        wanted = orders.get(network) or orders.setdefault(network, order(network))
        ended(agent.set_up(VmId(f"v{number}"), wanted))

    def tear_down(network: str, number: int) -> None:  # noqa: ARG001 - the record knows its network
        ended(
            agent.tear_down(
                VmId(f"v{number}"), TearDownOrder(uid="", force=False, timeout=60.0, wait_for_devices=False)
            )
        )

    def set_up_beside(network: str, base: int, count: int, callers: int) -> dict[str, Any]:  # noqa: ARG001 - every job has its shape
        """Set-ups one at a time for as long as `count` others are torn down and their devices reaped."""
        done = threading.Event()
        names = {device for n in range(base, base + count) for device in devices(n)}

        def remove() -> None:
            jobs.run(None, tear_down, network, base, count, 32)
            daemon.tools.devices.wait_gone(names, 60.0)
            done.set()

        removing = threading.Thread(target=remove)
        told: dict[str, Any] = {
            "up_ms": [],
            "down_ms": [],
            "wall_ms": 0.0,
            "cpu_ms": 0.0,
            "errors": 0,
            "last_error": "",
        }
        removing.start()
        while not done.is_set():
            one = jobs.run(set_up, None, network, base + count + len(told["up_ms"]), 1, 1)
            told = {
                key: one[key] or told[key] if key == "last_error" else told[key] + one[key] for key in told
            }
        removing.join()
        return told

    def drain(network: str, base: int, count: int, callers: int) -> dict[str, Any]:  # noqa: ARG001 - as above
        """Every network of this agent, as one group; all in one call."""

        def all_of_it(_network: str, _number: int) -> None:
            order = CollectOrder(
                valid_vm_ids=frozenset(),
                as_of_revision=agent.tools.book.revision,
                dry_run=False,
                as_one_group=True,
            )
            call = agent.collect(order)
            ended(call.operation)
            assert call.collected is not None
            if len(call.collected.fates) != count or any(fate.error for fate in call.collected.fates):
                raise RuntimeError(f"not all of {count} networks were drained")

        return jobs.run(None, all_of_it, network, base, 1, 1)

    def devices(number: int) -> set[int]:
        record = agent.get(VmId(f"v{number}"))
        return {index for one in record.plan.attachments for _, index in one.host_devices}

    def fill(network: str, base: int, count: int, callers: int) -> dict[str, Any]:  # noqa: ARG001 - every job has its shape
        """Wait until the warm pools are full."""
        fill_pools(agent)
        return jobs.run(None, None, network, base, 0, 1)

    jobs.serve(set_up, tear_down, {"fill": fill, "set_up_beside": set_up_beside, "drain": drain})
    daemon.close()


if __name__ == "__main__":
    run(sys.argv[1:])
