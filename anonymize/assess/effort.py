"""How hard it is tried: what is random in an assessment is a sample, and its size is told."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from anonymize.risk.refinement import PROGRAMS
from anonymize.risk.separation import PAIRS


@dataclass(frozen=True, slots=True)
class Effort:
    """``targets``: random persons attacked in each kind of attack; ``queries``: singling-out queries; ``model_rows``: rows that
    each model learns from, and as many that it is tried on; ``pairs``, ``programs``: pairs of overlapping classes that
    the attack on the method looks at, and linear programs that it solves."""

    targets: int = 1000
    queries: int = 2000
    model_rows: int = 20_000
    pairs: int = PAIRS
    programs: int = PROGRAMS

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


ALONE = Effort()
"""Of a call of its own, which may take its time."""
WITHIN = Effort(targets=300, queries=500, model_rows=5_000, pairs=500_000, programs=50)
"""Of every run: intervals of at most ± 6 points instead of ± 3."""
WITHIN_LARGE = Effort(targets=150, queries=150, model_rows=5_000, pairs=50_000, programs=20)
"""Of a run on many different rows: ± 8 points."""
LARGE = 100_000
"""Different rows of the release from which on a run tries less."""
MOST = 3_000_000
"""Different rows that are held in memory. Above it columns that are neither quasi-identifiers nor sensitive are not attacked;
if there are still more, nothing is measured, and it says so."""


def within(different_rows: int) -> Effort:
    """What a run can afford."""
    return WITHIN if different_rows < LARGE else WITHIN_LARGE
