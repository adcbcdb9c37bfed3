"""What may be a container ID, a network name, an interface name (cni:pkg/utils/utils.go)."""

from __future__ import annotations

import re

from vmplumbd.cni.error import ErrorCode, InvalidName

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]*")
_IF_NAME_MAX_BYTES = 15

# unicode.IsSpace of Go; str.isspace() also takes U+001C..U+001F.
_SPACE = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | frozenset(
    chr(code) for code in range(0x2000, 0x200B)
)
_NOT_IN_IF_NAME = _SPACE | frozenset("/:")


def check_container_id(container_id: str) -> None:
    """Raises InvalidName: code 3 if there is none, code 4 if it has other characters."""
    if not container_id:
        raise InvalidName("missing containerID", code=ErrorCode.UNKNOWN_CONTAINER)
    if not _NAME.fullmatch(container_id):
        raise InvalidName("invalid characters in containerID", details=container_id)


def check_network_name(name: str) -> None:
    """Raises InvalidName with code 7."""
    if not name:
        raise InvalidName("missing network name:", code=ErrorCode.INVALID_NETWORK_CONFIG)
    if not _NAME.fullmatch(name):
        raise InvalidName(
            "invalid characters found in network name",
            code=ErrorCode.INVALID_NETWORK_CONFIG,
            details=name,
        )


def check_if_name(if_name: str) -> None:
    """Raises InvalidName with code 4. The limit of 15 is the kernel's, in bytes."""
    if not if_name:
        raise InvalidName("interface name is empty")
    if len(if_name.encode(errors="surrogatepass")) > _IF_NAME_MAX_BYTES:
        raise InvalidName(
            "interface name is too long", details="interface name should be less than 16 characters"
        )
    if if_name in {".", ".."}:
        raise InvalidName("interface name is . or ..")
    if not _NOT_IN_IF_NAME.isdisjoint(if_name):
        raise InvalidName("interface name contains / or : or whitespace characters")
