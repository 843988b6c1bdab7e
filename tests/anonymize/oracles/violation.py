"""Looks for a violation of differential privacy between two neighbouring inputs, by sampling.

(ε, δ) says P[out ∈ S] ≤ e^ε·P'[out ∈ S] + δ for every S. Half lines S of a statistic are tried, both ways: the cuts are
taken from the first draws alone, and tried on the others, with exact binomial bounds (Clopper and Pearson 1934) that are
all right at once with a chance of 1 - ``error``. A mechanism that keeps its promise is accused once in 1/error tests at
most; one that does not is found when some half line shows it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

CUTS = 100
ERROR = 1e-10
Draws = npt.NDArray[np.int64]


def violated(one: Draws, other: Draws, *, epsilon: float, delta: float, error: float = ERROR) -> bool:
    """True when samples of the statistic in two neighbouring worlds cannot come from an (ε, δ)-private mechanism."""
    pairs = [(one, other), (other, one), (-one, -other), (-other, -one)]
    return any(_half_line_violates(a, b, epsilon, delta, error) for a, b in pairs)


def _half_line_violates(a: Draws, b: Draws, epsilon: float, delta: float, error: float) -> bool:
    first = max(a.size // 10, 1)
    seen = np.unique(np.concatenate([a[:first], b[:first]]))
    cuts = np.unique(np.concatenate([seen, seen + 1]))
    cuts = cuts[np.unique(np.linspace(0, cuts.size - 1, CUTS).astype(int))]
    a, b = np.sort(a[first:]), np.sort(b[first:])
    often = a.size - np.searchsorted(a, cuts)
    seldom = b.size - np.searchsorted(b, cuts)
    share = error / (8 * cuts.size)  # four pairs, two bounds a cut
    lowest = np.where(often == 0, 0.0, beta.ppf(share, often, a.size - often + 1))
    highest = np.where(seldom == b.size, 1.0, beta.isf(share, seldom + 1, b.size - seldom))
    return bool(np.any(lowest > math.exp(epsilon) * highest + delta))
