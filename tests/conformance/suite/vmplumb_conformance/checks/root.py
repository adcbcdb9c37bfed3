"""With the server's own kernel in sight: what an answer says is there, is there, and gone afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import json
import os
import pwd
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from vmplumb.v1 import vm_network_pb2
from vmplumb_conformance.checks.rules import gone
from vmplumb_conformance.context import Context
from vmplumb_conformance.registry import check
from vmplumb_conformance.wire import expect, same, torn

NEEDS = "kernel networks.plain"


async def ip(*arguments: str) -> Any:
    """What `ip -json` says; an empty list if it fails."""
    process = await asyncio.create_subprocess_exec(
        "ip",
        "-json",
        "-details",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    said, _ = await process.communicate()
    return json.loads(said) if said.strip() and process.returncode == 0 else []


async def run(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(*arguments, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    if process.returncode:
        raise OSError(f"{arguments}: {said.decode(errors='replace')}")


async def links(netns_path: str = "") -> dict[str, dict[str, Any]]:
    """Devices by name: the host's, or those of a namespace."""
    inside = ("-netns", Path(netns_path).name) if netns_path else ()
    return {one["ifname"]: one for one in await ip(*inside, "link", "show") if one}


def names_of_users() -> set[str]:
    return {one.pw_name for one in pwd.getpwall()}


def names_of_groups() -> set[str]:
    return {one.gr_name for one in grp.getgrall()}


def mounted(path: str) -> bool:
    """Whether a path is a network namespace."""
    with contextlib.suppress(OSError):
        return os.stat(path).st_dev == os.stat("/proc/self/ns/net").st_dev  # noqa: PTH116  only the device counts
    return False


@check("REQ-RESULT-001", "REQ-RESULT-005", "REQ-TEARDOWN-004", "REQ-TEARDOWN-005", needs=NEEDS)
async def namespace_and_tap_are_there_and_gone_after_the_teardown(context: Context) -> None:
    vm_id = context.vm()
    outside = set(await links())
    result = await context.main.result(context.cni(vm_id))
    expect(mounted(result.netns_path), f"{result.netns_path} is no namespace")
    tap = result.interfaces[0].static_configuration.host_dev_name
    inside = await links(result.netns_path)
    same(inside.get(tap, {}).get("linkinfo", {}).get("info_kind"), "tun", f"the kind of {tap}")
    ends = set(await links()) - outside
    expect(ends, "no device on the host")
    done = torn(await context.main.tear_down(vm_id, wait_for_devices=True))
    expect(done.devices_gone, "devices_gone is false")
    expect(not Path(result.netns_path).exists(), f"{result.netns_path} is still there")
    same(set(await links()) - outside, set(), "devices left on the host")


@check("REQ-TEARDOWN-001", "REQ-TEARDOWN-004", needs=NEEDS)
async def when_a_teardown_answers_the_vm_is_cut_off(context: Context) -> None:
    vm_id = context.vm()
    outside = set(await links())
    result = await context.main.result(context.cni(vm_id))
    (end,) = set(await links()) - outside
    address = result.interfaces[0].vm_conf.vm_ip_config.address.partition("/")[0]
    expect(
        any(address in str(one.get("dst")) for one in await ip("route", "show")), "no host route to the VM"
    )
    await context.main.tear_down(vm_id)
    left = (await links()).get(end)
    expect(left is None or "UP" not in left["flags"], f"{end} is still up")
    expect(
        not any(address in str(one.get("dst")) for one in await ip("route", "show")),
        "the host route is there",
    )
    expect(not Path(result.netns_path).exists(), "the namespace is still linked")


@check("REQ-RESULT-001", needs=NEEDS)
async def mac_address_and_routes_are_as_the_result_says(context: Context) -> None:
    result = await context.main.result(context.cni(context.vm()))
    (one,) = result.interfaces
    inside = await links(result.netns_path)
    macs = {link["address"] for link in inside.values()}
    expect(
        one.static_configuration.mac_address in macs,
        f"{one.static_configuration.mac_address} not among {macs}",
    )
    mtu = inside[one.static_configuration.host_dev_name]["mtu"]
    same(one.vm_conf.vm_mtu, mtu, "MTU")


@check("REQ-CHECK-001", "REQ-CHECK-002", "REQ-DESCRIBE-002", needs=NEEDS)
async def a_tap_that_is_missing_is_found_and_missing_in_the_description(context: Context) -> None:
    vm_id = context.vm()
    result = await context.main.result(context.cni(vm_id))
    tap = result.interfaces[0].static_configuration.host_dev_name
    await run("ip", "-netns", Path(result.netns_path).name, "link", "del", tap)
    expect((await context.main.check(vm_id)).findings, "no findings")
    told = await context.main.describe(vm_id)
    expect(told.netns_exists, "netns_exists is false")
    expect(all(one.role != vm_network_pb2.DEVICE_ROLE_TAP for one in told.devices), "the tap is described")
    expect(told.devices, "nothing is described although the rest is there")


@check("REQ-DESCRIBE-002", "REQ-TEARDOWN-011", "REQ-CHECK-002", needs=NEEDS)
async def a_teardown_needs_no_namespace(context: Context) -> None:
    vm_id = context.vm()
    result = await context.main.result(context.cni(vm_id))
    await run("ip", "netns", "del", Path(result.netns_path).name)
    expect((await context.main.check(vm_id)).findings, "no findings")
    expect(not (await context.main.describe(vm_id)).netns_exists, "netns_exists is true")
    done = torn(await context.main.tear_down(vm_id, wait_for_devices=True))
    same((done.existed, list(done.leftovers)), (True, []), "existed and leftovers")


@contextlib.asynccontextmanager
async def namespace(context: Context) -> AsyncIterator[str]:
    """A namespace that was there before; its path, below the plain network's own directory."""
    first = context.vm()
    directory = Path((await context.main.result(context.cni(first))).netns_path).parent
    await context.main.tear_down(first, wait_for_devices=True)
    name = f"{first}-own"
    await run("ip", "netns", "add", name)
    try:
        yield str(directory / name)
    finally:
        await run("ip", "netns", "del", name)


@check("REQ-SPEC-002", "REQ-RESULT-008", "REQ-TEARDOWN-006", needs=NEEDS)
async def a_namespace_that_was_there_is_used_and_stays(context: Context) -> None:
    async with namespace(context) as path:
        before = set(await links(path))
        vm_id = context.vm()
        result = await context.main.result(context.cni(vm_id, netns_path=path))
        same((result.netns_path, result.netns_adopted), (path, True), "netns_path and netns_adopted")
        expect(set(await links(path)) > before, "no device in it")
        done = torn(await context.main.tear_down(vm_id))
        expect(done.devices_gone, "devices_gone is false")
        expect(mounted(path), "the namespace is gone")
        same(set(await links(path)), before, "devices in it after the teardown")


@check("REQ-SPEC-003", "REQ-RESULT-005", needs=NEEDS)
async def a_static_network_can_be_in_a_namespace_that_is_there(context: Context) -> None:
    async with namespace(context) as path:
        asked = context.static(context.vm())
        asked.spec.netns_path = path
        result = await context.main.result(asked)
        same(result.netns_path, path, "netns_path")
        await context.main.tear_down(asked.vm_id)
        expect(mounted(path), "the namespace is gone")


@contextlib.asynccontextmanager
async def lodger_in(context: Context, netns_path: str) -> AsyncIterator[int]:
    """A process that lives in a namespace; its number."""
    lodger = await asyncio.create_subprocess_exec(
        "ip", "netns", "exec", Path(netns_path).name, "sleep", "300"
    )
    try:
        inside = os.stat(netns_path).st_ino  # noqa: PTH116

        def entered() -> bool:
            return os.stat(f"/proc/{lodger.pid}/ns/net").st_ino == inside  # noqa: PTH116

        await context.until(entered, "a process lives in the namespace")
        yield lodger.pid
    finally:
        lodger.kill()
        await lodger.wait()


@check("REQ-TEARDOWN-007", needs=NEEDS)
async def who_still_lives_in_the_namespace_is_named(context: Context) -> None:
    vm_id = context.vm()
    result = await context.main.result(context.cni(vm_id))
    async with lodger_in(context, result.netns_path) as pid:
        expect(
            pid in {one.pid for one in (await context.main.describe(vm_id)).holders}, "not in the description"
        )
        done = torn(await context.main.tear_down(vm_id, wait_for_devices=True, seconds=10.0))
        expect(done.existed, "existed is false")
        expect(pid in {one.pid for one in done.holders}, f"holders {list(done.holders)}")
        expect(not done.devices_gone, "devices_gone is true while a process lives there")


@check("REQ-TEARDOWN-007", needs=NEEDS)
async def who_lives_in_the_namespace_does_not_hold_up_a_teardown(context: Context) -> None:
    vm_id = context.vm()
    result = await context.main.result(context.cni(vm_id))
    async with lodger_in(context, result.netns_path):
        done = torn(await context.main.tear_down(vm_id))
        same((done.existed, done.devices_gone), (True, False), "existed and devices_gone")
        expect(await gone(context.main, vm_id), "the record is still there")


@check("REQ-DESCRIBE-001", needs=NEEDS)
async def a_tap_belongs_to_whom_the_request_says(context: Context) -> None:
    known = Path("/proc/self/uid_map").read_text().split()
    uid, gid = (4711, 4712) if int(known[2]) > 10000 else (0, 0)
    vm_id = context.vm()
    asked = context.cni(vm_id, tap={"name": "conftap", "uid": uid, "gid": gid})
    result = await context.main.result(asked)
    same(result.interfaces[0].static_configuration.host_dev_name, "conftap", "the tap's name")
    data = (await links(result.netns_path))["conftap"]["linkinfo"]["info_data"]
    # `ip` tells names where there are any.
    owner = pwd.getpwnam(data["user"]).pw_uid if data.get("user") in names_of_users() else data.get("user", 0)
    group = (
        grp.getgrnam(data["group"]).gr_gid if data.get("group") in names_of_groups() else data.get("group", 0)
    )
    same((int(owner), int(group)), (uid, gid), "the tap's owner")
    (tap,) = [one for one in (await context.main.describe(vm_id)).devices if one.name == "conftap"]
    same((tap.owner_uid, tap.owner_gid), (uid, gid), "the owner in the description")


@check("REQ-SETUP-112", "REQ-ERROR-005", needs="kernel script")
async def a_set_up_that_fails_leaves_nothing_in_the_kernel(context: Context) -> None:
    vm_id = context.vm()
    outside = set(await links())
    context.script(vm_id, otherwise={"ADD": {"error": 100}})
    with contextlib.suppress(Exception):
        await context.main.set_up(context.scripted(vm_id))
    same((await context.main.get(vm_id)).phase, vm_network_pb2.PHASE_FAILED, "the phase")

    async def nothing() -> bool:
        return not set(await links()) - outside and not list(Path("/run/netns").glob(vm_id))

    await context.until(nothing, "devices and namespace of the failed set-up are gone")
