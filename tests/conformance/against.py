"""python -m tests.conformance.against reference|mutants|vmplumbd: the suite against servers of this repository."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from tests.conformance import house
from tests.conformance.reference import Reference
from vmplumb_conformance import cli
from vmplumb_conformance.registry import checks


def main(argv: Sequence[str] | None = None) -> int:
    """Run; further arguments are the runner's own."""
    which, *rest = sys.argv[1:] if argv is None else argv
    arguments = cli.parser().parse_args(rest)
    chosen = cli.choose(checks(), arguments.only, arguments.skip)
    match which:
        case "reference":

            async def run() -> int:
                async with house.houses(Reference) as stage:
                    return await cli.against(stage, chosen, arguments)

            return asyncio.run(run())
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    sys.exit(main())
