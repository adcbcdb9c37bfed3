"""Identifiers, parsed once at the edge."""

from __future__ import annotations

import re
from typing import NewType

VmId = NewType("VmId", str)
Uid = NewType("Uid", str)

# Firecracker's instance id and CNI's container ID have this in common; the contract's rule is the same.
_VM_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]{0,63}")

# host-local keeps its folders beside the per-VM caches of the SDK's default (firecracker-go-sdk:network.go).
RESERVED_VM_IDS = frozenset({"networks", "results", "cache"})


def parse_vm_id(text: str) -> VmId:
    """The VmId `text` is. Raises ValueError."""
    if _VM_ID.fullmatch(text) is None or text in RESERVED_VM_IDS:
        raise ValueError(f"not a vm_id: {text!r}")
    return VmId(text)
