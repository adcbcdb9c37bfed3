"""Our CNI runtime alone, beside what libcni does: the conflist, a namespace, DEL, ADD, with the cache file.

Usage: python -m bench.cni_chain built-in|executed|executed-fresh NETNS_DIR CONF_DIR PLUGIN_DIR CACHE_DIR
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from bench import jobs
from vmplumbd import main
from vmplumbd.cni import runtime
from vmplumbd.cni.args import RuntimeConf
from vmplumbd.cni.cache import Cache
from vmplumbd.cni.exec import ExecInvoker
from vmplumbd.cni.invoke import Invoker
from vmplumbd.kernel.linux import LinuxKernel
from vmplumbd.operations import chain
from vmplumbd.plugins.builtin import BuiltinInvoker


def run(arguments: list[str]) -> None:
    """Serve jobs, each on the thread that asks."""
    how, netns_dir, conf_dir, plugin_dir, cache_dir = arguments
    main.tune_interpreter()
    kernel = LinuxKernel(ahead=True)
    Path(netns_dir).mkdir(parents=True, exist_ok=True)
    executor = ExecInvoker()
    invoker: Invoker = BuiltinInvoker(kernel, executor) if how == "built-in" else executor
    path = tuple(plugin_dir.split(":"))
    cache = Cache(cache_dir)

    def conf(number: int) -> RuntimeConf:
        return RuntimeConf(
            container_id=f"c{number}",
            netns=f"{netns_dir}/c{number}",
            if_name="veth0",
            args=(),
            capability_args={},
        )

    def set_up(network: str, number: int) -> None:
        kernel.expect_netns()  # as the agent does
        found = chain.load(conf_dir, network)
        wanted = conf(number)
        kernel.create_netns(wanted.netns)
        # As the agent does: DEL, unless the namespace is new and its own plugins see that nothing lies outside.
        outside = dataclasses.replace(wanted, netns="")
        if how != "executed-fresh" and runtime.has_traces(
            found, outside, invoker=invoker, path=path, cache=cache
        ):
            runtime.del_(found, wanted, invoker=invoker, path=path, cache=cache)
        runtime.add(found, wanted, invoker=invoker, path=path, cache=cache)
        kernel.close_kept()

    def tear_down(network: str, number: int) -> None:
        found = chain.load(conf_dir, network)
        wanted = conf(number)
        runtime.del_(found, wanted, invoker=invoker, path=path, cache=cache)
        kernel.delete_netns(wanted.netns)

    jobs.serve(set_up, tear_down, {})


if __name__ == "__main__":
    run(sys.argv[1:])
