"""The attachments that GC is told to keep."""

from __future__ import annotations

from vmplumbd.plugins import conf
from vmplumbd.plugins.conf import Malformed, PluginFault

VALID_ATTACHMENTS = "cni.dev/valid-attachments"


def valid(stdin: bytes) -> frozenset[tuple[str, str]] | None:
    """What GC is told to keep: (container id, interface name). None if it is told nothing.

    null is an empty list, as libcni writes one. Raises PluginFault.
    """
    try:
        top = conf.load(stdin, "Net")
        if VALID_ATTACHMENTS not in top.values:
            return None
        listed = top.items(VALID_ATTACHMENTS) or []
        sections = [conf.section(each, "GCAttachment") for each in listed]
        return frozenset((each.text("containerID"), each.text("ifname")) for each in sections)
    except Malformed as exc:
        raise PluginFault(str(exc)) from exc
