"""How many configurations are held beside the reference plugins: python -m tests.parity.count"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.parity.plugins import test_bridge, test_chained, test_side_by_side, test_static

MODULES: Mapping[str, Sequence[Any]] = {
    "ptp, host-local, loopback, ipMasq": [
        *test_side_by_side.PTP,
        *test_side_by_side.PTP_EDGES,
        *test_side_by_side.IPV6,
        *test_side_by_side.MASQ,
        *test_side_by_side.HOST_LOCAL,
        *test_side_by_side.EDGES,
        *test_side_by_side.LOOPBACK,
    ],
    "bridge": [*test_bridge.MADE, *test_bridge.COMBINED, *test_bridge.HARMED, *test_bridge.REFUSED],
    "tuning, bandwidth": list(test_chained.CASES),
}


# A place of `on_purpose` that has a call's code in it: one side refuses, the other does not.
_REFUSED_BY_ONE = re.compile(r"/\d+/(code)?")


def main() -> None:
    """Print the table: all, and those of them that both refuse and whose constant text is compared too."""
    total = refused = 0
    for name, cases in MODULES.items():
        told = sum(
            bool(case.text) and not any(map(_REFUSED_BY_ONE.fullmatch, case.on_purpose)) for case in cases
        )
        print(f"{name:<36}{len(cases):>5} configurations, {told:>3} refused with the same text")
        total, refused = total + len(cases), refused + told
    static = len(test_static.ADDRESSES) + len(test_static.REFUSED)
    print(
        f"{'static':<36}{static:>5} configurations, {len(test_static.REFUSED):>3} refused with the same text"
    )
    print(f"{'all':<36}{total + static:>5} configurations, {refused + len(test_static.REFUSED):>3} refused")


if __name__ == "__main__":
    main()
