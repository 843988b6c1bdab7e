"""Looks for a violation of differential privacy between two neighbouring inputs, by sampling.

(ε, δ) says P[out ∈ S] ≤ e^ε·P'[out ∈ S] + δ for every S. All half lines S of a statistic are tried, both ways, with
exact binomial bounds (Clopper and Pearson 1934) that are all right at once with a chance of 1 - 10^-6. A mechanism
that keeps its promise is accused once in a million tests; one that does not is found when some half line shows it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import beta


def violated(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], *, epsilon: float, delta: float) -> bool:
    """True when samples of the statistic in two neighbouring worlds cannot come from an (ε, δ)-private mechanism."""
    pairs = [(one, other), (other, one), (-one, -other), (-other, -one)]
    return any(_half_line_violates(a, b, epsilon, delta) for a, b in pairs)


def _half_line_violates(
    a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], epsilon: float, delta: float, error: float = 1e-6
) -> bool:
    cuts = np.unique(np.concatenate([a, b]))
    often = a.size - np.searchsorted(np.sort(a), cuts)
    seldom = b.size - np.searchsorted(np.sort(b), cuts)
    share = error / (8 * cuts.size)
    lowest = np.where(often == 0, 0.0, beta.ppf(share, often, a.size - often + 1))
    highest = np.where(seldom == b.size, 1.0, beta.ppf(1 - share, seldom + 1, b.size - seldom))
    return bool(np.any(lowest > math.exp(epsilon) * highest + delta))
