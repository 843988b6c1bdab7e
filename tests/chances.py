"""What a right program shows but for a chance that is stated: exact binomial tails, never an approximation of them.

A test of drawn numbers accepts what lies within these limits. ``ERROR`` is the chance that it fails a right program.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

ERROR = 1e-10


def at_least(draws: int, chance: float, error: float = ERROR) -> int:
    """What happens with ``chance`` or more happens this often in ``draws`` draws, but for ``error``."""
    return int(binom.ppf(error, draws, chance))


def at_most(draws: int, chance: float, error: float = ERROR) -> int:
    """What happens with ``chance`` or less happens no more often than this in ``draws`` draws, but for ``error``."""
    return int(binom.isf(error, draws, chance))


def as_often(seen: Sequence[int], chances: Sequence[float], draws: int, error: float = ERROR) -> bool:
    """Whether each count is one that its chance gives: all of them at once, but for ``error`` (Bonferroni).

    The counts may depend on each other in any way, as those of bins do, where one draw falls into one of them.
    """
    each = error / (2 * len(chances))
    return all(at_least(draws, chance, each) <= count <= at_most(draws, chance, each) for count, chance in zip(seen, chances, strict=True))


def chance_of_passing(told: Sequence[float], true: Sequence[float], draws: int, error: float = ERROR) -> float:
    """A limit above the chance that :func:`as_often` accepts draws of the chances ``true`` when ``told`` others.

    That of the bin alone that shows it best.
    """
    each = error / (2 * len(told))
    lowest = np.array([at_least(draws, chance, each) for chance in told])
    highest = np.array([at_most(draws, chance, each) for chance in told])
    inside = binom.cdf(highest, draws, true) - binom.cdf(lowest - 1, draws, true)
    return float(np.min(np.where(inside > 0.5, inside, np.minimum(binom.sf(lowest - 1, draws, true), binom.cdf(highest, draws, true)))))
