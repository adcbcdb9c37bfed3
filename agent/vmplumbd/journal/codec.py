"""Plans and failures to JSON and back: the journal's columns that are not plain numbers or text.

Conflists, results and capability args are UTF-8 JSON as their writers wrote them; they are kept
byte for byte (bytes that are no UTF-8 survive by surrogate escapes).
"""

from __future__ import annotations

import functools
import json
from typing import Any

from vmplumbd.errors import PluginError, Reason
from vmplumbd.model import net
from vmplumbd.model.outcome import Attachment, Plan
from vmplumbd.model.progress import Failure, Leftover, ResourceKind


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@functools.lru_cache(maxsize=1024)  # written when a network is ready, and twice when it is torn down
def plan_to_json(plan: Plan) -> str:
    """The journal's text of a plan."""
    return json.dumps(
        {
            "netns_path": plan.netns_path,
            "netns_owned": plan.netns_owned,
            "netns": [plan.netns_device, plan.netns_inode],
            "netns_dir": plan.netns_dir
            and [plan.netns_dir.path, plan.netns_dir.made, plan.netns_dir.mounted],
            "claimed_path": plan.claimed_path,
            "attachments": [
                {
                    "index": one.index,
                    "network": one.network,
                    "conf_list": _text(one.conf_list),
                    "if_name": one.if_name,
                    "args": one.args,
                    "capability_args": _text(one.capability_args),
                    "bin_path": one.bin_path,
                    "cache_dir": one.cache_dir,
                    "result": _text(one.result),
                    "mtu": one.mtu,
                    "host_devices": one.host_devices,
                    "inline": one.inline,
                }
                for one in plan.attachments
            ],
        }
    )


def plan_from_json(text: str) -> Plan:
    """The plan of a journal's text. Raises ValueError, KeyError or TypeError on a damaged one."""
    raw: Any = json.loads(text)
    return Plan(
        netns_path=raw["netns_path"],
        netns_owned=raw["netns_owned"],
        netns_device=raw["netns"][0],
        netns_inode=raw["netns"][1],
        netns_dir=_netns_dir(raw.get("netns_dir")),
        claimed_path=raw.get("claimed_path", ""),
        attachments=tuple(
            Attachment(
                index=one["index"],
                network=one["network"],
                conf_list=_bytes(one["conf_list"]),
                if_name=one["if_name"],
                args=tuple((key, value) for key, value in one["args"]),
                capability_args=_bytes(one["capability_args"]),
                bin_path=tuple(one["bin_path"]),
                cache_dir=one["cache_dir"],
                result=_bytes(one["result"]),
                mtu=one["mtu"],
                host_devices=tuple((name, index) for name, index in one["host_devices"]),
                inline=one.get("inline", False),
            )
            for one in raw["attachments"]
        ),
    )


def _netns_dir(raw: Any) -> net.NetnsDir | None:  # noqa: ANN401 - JSON
    if raw is None:
        return None
    path, made, mounted = raw
    return net.NetnsDir(path=path, made=tuple(made), mounted=mounted)


def failure_to_json(failure: Failure | None) -> str | None:
    """The journal's text of a failure."""
    if failure is None:
        return None
    error = failure.plugin_error
    return json.dumps(
        {
            "reason": failure.reason.value,
            "message": failure.message,
            "retryable": failure.retryable,
            "hint": failure.hint,
            "plugin_error": error
            and {
                "code": error.code,
                "message": error.message,
                "details": error.details,
                "plugin": error.plugin,
                "stderr_tail": error.stderr_tail,
            },
            "leftovers": [
                [one.kind.value, one.what, one.where, one.cause, one.will_retry] for one in failure.leftovers
            ],
        }
    )


def failure_from_json(text: str | None) -> Failure | None:
    """The failure of a journal's text."""
    if text is None:
        return None
    raw: Any = json.loads(text)
    return Failure(
        reason=Reason(raw["reason"]),
        message=raw["message"],
        retryable=raw["retryable"],
        hint=raw["hint"],
        plugin_error=PluginError(**raw["plugin_error"]) if raw["plugin_error"] else None,
        leftovers=tuple(
            Leftover(kind=ResourceKind(kind), what=what, where=where, cause=cause, will_retry=will_retry)
            for kind, what, where, cause, will_retry in raw["leftovers"]
        ),
    )
