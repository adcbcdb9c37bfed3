"""Gives a VM its network, tells what happens, takes everything back: set_up.py VM_ID NETWORK [TARGET]."""

import sys

from vmplumb import DEFAULT_TARGET, AddressesExhausted, Client, InvalidRequest, ProgressEvent, vmm
from vmplumb.v1.vm_network_pb2 import NetworkSpec, Step, StepState


def told(event: ProgressEvent) -> None:
    """One line an event."""
    print(event.sequence, Step.Name(event.progress.step), StepState.Name(event.progress.state))


vm_id, network, *rest = sys.argv[1:]
spec = NetworkSpec()
spec.network_interfaces.interfaces.add().cni_configuration.network_name = network

with Client(*rest or [DEFAULT_TARGET]) as agent:
    try:
        result = agent.set_up(vm_id, spec, on_progress=told, timeout=30)
    except InvalidRequest as refused:
        sys.exit("\n".join(f"{one.field}: {one.rule}: {one.message}" for one in refused.violations))
    except AddressesExhausted as full:
        sys.exit(f"place it on another host: {full}")
    for method, path, body in vmm.firecracker_calls(result):
        print(method, path, dict(body))
    print("start the VM in", result.netns_path, "with", vmm.boot_arguments(result))
    gone = agent.tear_down(vm_id, wait_for_devices=True)
    print("gone" if gone.existed and gone.devices_gone else "was not there")
