"""How n persons of a class may lie in the parts of its label, when each falls into a part by chance: what a method rules out.

Persons are thrown into parts with ``weights`` (part,), at least 0, sum 1. Sums over all ways to throw are coefficients of
products of exponential series, Σ_j (wx)ʲ/j! a part; exact up to ``EXACT`` persons.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial

import numpy as np
from scipy.stats import binom

from anonymize.risk.arrays import Floats

EXACT = 30
"""Persons in a class up to which chances are exact."""


def small_part(n: int, weights: Floats, k: int) -> float:
    """Chance that n persons leave some part with 1 … k-1; in [0, 1].

    1 - n!·[xⁿ] Π_i (1 + Σ_{j≥k} (w_i x)ʲ/j!), exactly up to n = ``EXACT``; above, as if parts were independent.
    """
    if len(weights) < 2 or k < 2:
        return 1.0 if 0 < n < k else 0.0
    distinct, times = np.unique(weights, return_counts=True)
    if n > EXACT:
        alone = binom.cdf(k - 1, n, distinct) - binom.pmf(0, n, distinct)
        return float(1 - np.prod((1 - alone) ** times))
    ways = np.array([1.0])
    for weight, count in zip(distinct, times, strict=True):
        ways = np.convolve(ways, _power(_series(weight, n, [0, *range(k, n + 1)]), int(count), n))[: n + 1]
    return float(min(max(1 - _last(ways, n), 0.0), 1.0))


def shares_without_small(n: int, weights: Floats, k: int) -> Floats | None:
    """(part,) E[share of the persons in the part, if no part has 1 … k-1, else 0]; ``None`` above ``EXACT`` persons.

    At most ``weights``; summed over parts 1 - :func:`small_part`.
    """
    if n > EXACT:
        return None
    allowed = [0, *range(k, n + 1)]
    return _shares([_series(weight, n, allowed) for weight in weights], n)


def shares_when_uncut(n: int, weights: Floats, k: int | None) -> Floats | None:
    """(part,) E[share of the persons in the part] in a class that local recoding did not cut further; sums to 1.

    It holds persons of two parts or more, or its label would be finer. With ``k`` (nothing else decided about cuts) also:
    every part has fewer than k, or one has all but 1 … k-1: else a part would have gone and left a class behind. ``None``: it
    cannot be so, or n is over ``EXACT`` and the persons may lie in many small parts.
    """
    if n < 2 or int((weights > 0).sum()) < 2:
        return None
    if k is None or n < 2 * k:  # then what k adds is always so
        alone = weights**n
        return np.asarray((weights - alone) / max(1 - alone.sum(), 1e-300))
    if n > EXACT and n <= int((weights > 0).sum()) * (k - 1):
        return None
    found = _one_large(n, weights, k)
    if n <= EXACT:
        found = found + _shares([_series(weight, n, range(k)) for weight in weights], n)
    whole = float(found.sum())
    return np.asarray(found / whole) if whole > 0 else None


def _one_large(n: int, weights: Floats, k: int) -> Floats:
    """(part,) E[share, if one part has all but 1 … k-1, else 0]; n at least 2k, so that no two parts can be the one."""
    rest = np.arange(1, k)
    chance = binom.pmf(rest[None, :], n, 1 - weights[:, None])  # (the large part, how many elsewhere)
    large = chance @ (n - rest) / n
    elsewhere = np.divide(chance @ rest / n, 1 - weights, out=np.zeros(len(weights)), where=weights < 1)
    return np.asarray(large + weights * (elsewhere.sum() - elsewhere))


def _series(weight: float, n: int, allowed: Sequence[int]) -> Floats:
    """(power,) (wx)ʲ/j! for the allowed numbers of persons j, up to n."""
    series = np.zeros(n + 1)
    for j in allowed:
        if j <= n:
            series[j] = weight**j / factorial(j)
    return series


def _shares(series: Sequence[Floats], n: int) -> Floats:
    """(part,) n!·[xⁿ] of the product of the parts' series, each with the part's own power counted, over n."""
    ahead, behind = [np.array([1.0])], [np.array([1.0])]
    for one in series:
        ahead.append(np.convolve(ahead[-1], one)[: n + 1])
    for one in reversed(series):
        behind.append(np.convolve(behind[-1], one)[: n + 1])
    powers = np.arange(n + 1)
    found = [
        _last(np.convolve(np.convolve(ahead[i], one * powers)[: n + 1], behind[len(series) - 1 - i])[: n + 1], n) / n
        for i, one in enumerate(series)
    ]
    return np.array(found)


def _last(ways: Floats, n: int) -> float:
    return float(ways[n]) * factorial(n) if len(ways) > n else 0.0


def _power(series: Floats, count: int, n: int) -> Floats:
    """A power series to the power of ``count``, up to xⁿ."""
    result, square = np.array([1.0]), series
    while count:
        if count % 2:
            result = np.convolve(result, square)[: n + 1]
        square, count = np.convolve(square, square)[: n + 1], count // 2
    return result
