"""python -m tests.conformance.against reference|mutants|vmplumbd: the suite against servers of this repository."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from tests import host as hosts
from tests.conformance import house, hunt, live, mutants
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
        case "vmplumbd":
            reason = hosts.become_root() or hosts.refusal()
            if reason is not None:
                print(f"vmplumb-conformance: {reason}", file=sys.stderr)
                return cli.UNUSABLE
            with hosts.private_host() as host, live.agents(host) as stage:
                return asyncio.run(cli.against(stage, chosen, arguments))
        case "mutants":
            catches = asyncio.run(hunt.hunt(mutants.mutants()))
            print(hunt.text(catches))
            if arguments.json_lines is not None:
                arguments.json_lines.write_text("".join(hunt.json_line(one) + "\n" for one in catches))
            return cli.OK if all(one.caught is not None for one in catches) else cli.BROKEN
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    sys.exit(main())
