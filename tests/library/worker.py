"""A program that has the agent in process: `worker.py DIRECTORY`, a verb a line of input, a JSON line for each.

The directory is a test's: `conf` has the conflists, `bin` executed plugins, `state` the journal.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from vmplumbd import api

VM = "vm-1"


def config(directory: Path) -> api.Config:
    """The agent of a test's directory."""
    paths = api.Paths(
        state_dir=str(directory / "state"),
        conf_dir=str(directory / "conf"),
        bin_path=(str(directory / "bin"),),
    )
    return api.Config(paths=paths, limits=api.Limits(first_retry=0.01, longest_retry=0.05))


def spec(network: str = "net", **fields: object) -> api.NetworkSpec:
    """One CNI interface."""
    cni = api.CniConfiguration(network_name=network, **fields)  # type: ignore[arg-type]
    return api.NetworkSpec(interfaces=(api.NetworkInterface(cni=cni),))


def main(directory: Path) -> None:
    """Do one verb after the other, the agent open, to the end of the input."""
    with api.Agent.open(config(directory)) as agent:
        for line in sys.stdin:
            match line.strip():
                case "set-up":
                    print(json.dumps(agent.set_up(VM, spec()).ip_boot_param), flush=True)
                case "tear-down":
                    print(json.dumps(agent.tear_down(VM, wait_for_devices=True).existed), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
