"""Run checks against a stage, one after the other, and tell how each ended."""

from __future__ import annotations

import asyncio
import enum
import time
import traceback
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from vmplumb_conformance import wire
from vmplumb_conformance.context import Context
from vmplumb_conformance.profile import NEEDS, Stage
from vmplumb_conformance.registry import Check

SECONDS = 120.0


def keep_grpc() -> None:
    """Keep gRPC's asyncio side for the life of the process; call it on the loop.

    Else it ends with the last channel that is collected, and joins its thread then: a collection on the wrong
    thread has been seen to wait for ever.
    """
    aio: Any = grpc.aio
    aio.init_grpc_aio()


class Verdict(enum.Enum):
    """How a check ended. FAULT: neither the server nor its stage let it come to an end."""

    PASSED = "passed"
    FAILED = "FAILED"
    FAULT = "FAULT"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one check ended; `why` is there unless it passed."""

    check: Check
    verdict: Verdict
    why: str = ""
    seconds: float = 0.0


async def run(stage: Stage, checks: Sequence[Check], *, seconds: float = SECONDS) -> AsyncIterator[Outcome]:
    """Every check in order. Each has `seconds`; what it made is torn down after it."""
    keep_grpc()
    for check in checks:
        lacking = sorted(one for one in check.needs if stage.lacks(one))
        if lacking:
            why = "needs " + "; ".join(NEEDS[one] for one in lacking)
            yield Outcome(check=check, verdict=Verdict.SKIPPED, why=why)
        else:
            yield await _run(stage, check, seconds)


async def _run(stage: Stage, check: Check, seconds: float) -> Outcome:
    context = Context(stage.seen_with(check.needs))
    begun = time.monotonic()
    verdict, why = Verdict.PASSED, ""
    try:
        async with asyncio.timeout(seconds):
            await check.body(context)
    except wire.Broken as exc:
        verdict, why = Verdict.FAILED, str(exc)
    except wire.Skipped as exc:
        verdict, why = Verdict.SKIPPED, str(exc)
    except grpc.RpcError as exc:
        told = wire.refusal_of(exc)
        verdict, why = Verdict.FAILED, f"refused: {told.code.name} / {told.reason}: {told.message}"
    except TimeoutError:
        verdict, why = Verdict.FAILED, f"not done after {seconds:.0f} s"
    except Exception:  # noqa: BLE001  a check that falls over must not end the run
        verdict, why = Verdict.FAULT, traceback.format_exc(limit=-3)
    try:
        async with asyncio.timeout(seconds):
            left = await context.clean_up()
    except Exception as exc:  # noqa: BLE001
        left = [f"{type(exc).__name__}: {exc}"]
    if left and verdict is Verdict.PASSED:
        verdict, why = Verdict.FAILED, f"cannot be torn down after the check: {'; '.join(left)}"
    return Outcome(check=check, verdict=verdict, why=why, seconds=time.monotonic() - begun)
