"""``make steady``: the whole suite without browsers ten times, each time in another order and with other draws.

    python -m tests.steady [--rounds N] [--seed SEED] [arguments of pytest]

A round's seed decides the order of files, of tests inside of files, and all draws that are fixed; tests marked ``draws``
draw anew. Whatever fails even once is told with the seed that repeats its round. Exit status 1 if anything did.
"""

from __future__ import annotations

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUITE = ("-n", "auto", "--dist", "loadfile", "-m", "not browser", "--thorough")
ENDINGS = {0: "all passed", 1: "some failed"}  # all other statuses of pytest: the round itself came to nothing


@dataclass(frozen=True)
class Round:
    """What came of one run of the suite; ``failed``: the ids of tests that failed, or could not be set up."""

    seed: str
    status: int
    failed: tuple[str, ...]
    output: str
    seconds: float

    @property
    def steady(self) -> bool:
        return self.status == 0 and not self.failed

    @property
    def last_line(self) -> str:
        return next((line for line in reversed(self.output.splitlines()) if line.strip()), "no output")


def run(seed: str, arguments: Sequence[str] = SUITE, root: Path = ROOT) -> Round:
    """The suite once, with the order and the draws of ``seed``."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={cache}", "--shuffle", seed, "--draws-seed", seed, *arguments]
        done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        kept = Path(cache) / "v" / "cache" / "lastfailed"
        failed = tuple(sorted(json.loads(kept.read_text()))) if kept.is_file() else ()
    return Round(seed, done.returncode, failed, done.stdout, time.monotonic() - began)


def summary(rounds: Sequence[Round]) -> list[str]:
    """What failed, each with the seeds of the rounds in which it did; or that nothing did."""
    seeds: dict[str, list[str]] = {}
    for one in rounds:
        for test in one.failed or (() if one.steady else (f"the round itself (status {one.status})",)):
            seeds.setdefault(test, []).append(one.seed)
    if not seeds:
        return [f"Steady: nothing failed in any round ({len(rounds)})."]
    told = [f"{test}\n    failed in {len(of)} of {len(rounds)} rounds; again: make steady ROUNDS=1 SEED={of[0]}" for test, of in sorted(seeds.items())]
    return ["Not steady:", *told]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.steady", description="Run the suite many times, each time in another order.")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", default="", help="of the first round, to repeat one; else drawn")
    given, more = parser.parse_known_args(arguments)
    rounds: list[Round] = []
    for number in range(1, given.rounds + 1):
        seed = given.seed if given.seed and number == 1 else str(secrets.randbelow(10**9))
        print(f"round {number} of {given.rounds}, seed {seed}", flush=True)
        rounds.append(run(seed, [*SUITE, *more]))
        print(f"    {rounds[-1].last_line}", flush=True)
        if not rounds[-1].steady:
            print(rounds[-1].output, flush=True)
    print("\n".join(summary(rounds)))
    return 0 if all(one.steady for one in rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
