"""Coverage-guided fuzzing of what reads the words of others, with atheris (libFuzzer for Python).

    python -m tools.fuzz [TARGET...] [--seconds 900] [--seed N] [--jobs 2] [--keep]

Each target runs in a process of its own, from the corpus in tests/fuzz/corpus, with what it finds on the way in
build/fuzz. `--keep` merges what has reached new code back into the corpus. An input that breaks a target is kept in
tests/fuzz/corpus as well, where the ordinary tests meet it from then on. Exit 1 if there was one.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import random
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
BUILD = ROOT / "build" / "fuzz"
NAMES = ("request", "conflist", "result", "cache", "host-local", "netlink", "policy")
_LONGEST = 16384
_RSS_MB = 2048
# What a start, reading the corpus, may take beyond the time asked for. Seconds.
_START = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run of one target came to. `broken` is the file with an input that broke it."""

    target: str
    runs: int
    seconds: float
    features: int
    corpus: int
    broken: Path | None
    said: str


def run(target: str, *, seconds: int, seed: int) -> Outcome:
    """Fuzz one target. Blocks for `seconds`, and a start."""
    found = BUILD / target
    found.mkdir(parents=True, exist_ok=True)
    kept = CORPUS / target
    kept.mkdir(parents=True, exist_ok=True)
    broken = BUILD / f"broken-{target}-"
    for old in BUILD.glob(f"broken-{target}-*"):
        old.unlink()
    started = time.monotonic()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tools.fuzz.one", target),
            *(f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={_LONGEST}", f"-rss_limit_mb={_RSS_MB}"),
            *("-timeout=30", "-print_final_stats=1", f"-artifact_prefix={broken}", str(found), str(kept)),
        ],
        cwd=ROOT, capture_output=True, text=True, errors="replace", check=False, timeout=seconds + _START,
    )  # fmt: skip
    crash = next(iter(sorted(BUILD.glob(f"broken-{target}-*"))), None)
    if crash is not None:
        crash = Path(shutil.copy(crash, kept / crash.name))
    elif done.returncode:
        raise SystemExit(f"{target} did not run:\n{(done.stdout + done.stderr)[-4000:]}")
    reached = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", done.stderr) or [("0", "0", "0")]
    executed = re.search(r"stat::number_of_executed_units:\s+(\d+)", done.stderr)
    return Outcome(
        target=target,
        runs=int(executed[1]) if executed else 0,
        seconds=time.monotonic() - started,
        features=int(reached[-1][1]),
        corpus=int(reached[-1][2]),
        broken=crash,
        said=done.stdout[-3000:] + done.stderr[-1500:],
    )


def keep(target: str) -> int:
    """Merge what was found into the corpus that is kept, as far as it reaches new code; answers how much."""
    kept = CORPUS / target
    before = set(kept.iterdir())
    subprocess.run(
        [
            *(sys.executable, "-m", "tools.fuzz.one", target, "-merge=1", f"-max_len={_LONGEST}"),
            *(str(kept), str(BUILD / target)),
        ],
        cwd=ROOT, capture_output=True, check=True, timeout=1800,
    )  # fmt: skip
    return len(set(kept.iterdir()) - before)


def main(arguments: list[str]) -> int:
    """Fuzz, and print a line for each target."""
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(NAMES)}; all if none")
    parser.add_argument("--seconds", type=int, default=900, help="each target's time")
    parser.add_argument("--seed", type=int, default=0, help="0 is a new one, which is printed")
    parser.add_argument("--jobs", type=int, default=2, help="targets at once")
    parser.add_argument("--keep", action="store_true", help="add to the corpus what reached new code")
    given = parser.parse_args(arguments)
    seed = given.seed or random.randrange(1, 1 << 31)
    wanted = given.targets or NAMES
    failed = False
    print(f"{'target':<12}{'seed':>12}{'seconds':>9}{'inputs':>12}{'features':>10}{'corpus':>8}  verdict")
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        for each in pool.map(lambda target: run(target, seconds=given.seconds, seed=seed), wanted):
            verdict = "nothing broke" if each.broken is None else f"BROKEN by {each.broken.relative_to(ROOT)}"
            added = f", {keep(each.target)} kept" if given.keep else ""
            print(
                f"{each.target:<12}{seed:>12}{each.seconds:>9.0f}{each.runs:>12}{each.features:>10}"
                f"{each.corpus:>8}  {verdict}{added}",
                flush=True,
            )
            if each.broken is not None:
                failed = True
                print(each.said)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
