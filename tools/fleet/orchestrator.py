"""An orchestrator on one page: keeps the networks of some VMs placed while hosts come, are lost and drain.

orchestrator.py ENDPOINTS CERTIFICATES NETWORK VMS    until SIGINT; then everything is torn down
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vmplumb import Tls, VmplumbError
from vmplumb.fleet import EtcdError, Fleet, NoAgent
from vmplumb.v1.vm_network_pb2 import NetworkSpec


def main(endpoints: str, certificates: str, network: str, vms: str) -> None:
    """Place, then follow the fleet."""
    caller = Path(certificates, "orchestrator.pem")
    tls = Tls.from_files(ca=caller.with_name("ca.pem"), cert=caller, key=caller.with_suffix(".key"))
    (spec := NetworkSpec()).network_interfaces.interfaces.add(cni_configuration={"network_name": network})
    wanted = [f"vm-{number:02}" for number in range(1, int(vms) + 1)]
    ended = threading.Event()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # raised inside gRPC, it could hang it
    with Fleet(endpoints.split(","), tls=tls, agent_tls=tls) as fleet, ThreadPoolExecutor(8) as pool:

        def place(vm_id: str) -> None:
            if not ended.is_set():
                print(f"placed {vm_id} at {fleet.set_up(vm_id, spec).agent.id}", flush=True)

        def move(vm_id: str) -> None:
            fleet.tear_down(vm_id, wait_for_devices=True)
            place(vm_id)

        def follow() -> None:
            while not ended.wait(1):
                with contextlib.suppress(EtcdError, NoAgent, VmplumbError):
                    list(pool.map(place, wanted))  # what stands is found, not made again
                    for _ in itertools.takewhile(lambda _: not ended.is_set(), fleet.watch()):
                        agents = {one.id: one.draining for one in fleet.agents()}
                        places = fleet.placements()
                        list(pool.map(place, [vm for vm in wanted if places.get(vm) not in agents]))
                        list(pool.map(move, [vm for vm in wanted if agents.get(places.get(vm, ""))]))
                        for stray in fleet.strays():  # its host was only thought to be lost
                            with fleet.client(stray.agent) as client:
                                client.tear_down(stray.vm_id, uid=stray.uid, timeout=60)

        threading.Thread(target=follow, daemon=True).start()
        signal.sigwait({signal.SIGINT})
        ended.set()
        list(pool.map(fleet.tear_down, wanted))
        print(f"torn down: {len(wanted)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:5])
