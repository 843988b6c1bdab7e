"""Which private cells appear: the optimal rule, by truncated geometric noise.

Desfontaines, Voss, Gipson & Mandayam, "Differentially private partition selection" (PoPETs 2022): with
a = e^-ε, add to the number n of persons in a cell a discrete Laplace draw X that is kept within ±k,
P[X = x] ∝ a^|x|, and publish n + X where it is above k. An empty cell never appears (0 + X ≤ k); a cell of one person
appears only when X = k, with a chance of at most δ; no other rule with this (ε, δ) shows any cell more often.

k = ⌈ln((e^ε + 2δ - 1)/((e^ε + 1)δ))/ε⌉ is the smallest with P[X = k] ≤ δ. A pre-threshold m, for who must not publish
anything about fewer than m persons whatever the noise, publishes where n + X is above k + m - 1: since X ≤ k, then n ≥ m.

A cell's noisy number is seen only when it is large, so that an interval of the noise alone would promise too much for
small cells: :func:`intervals` inverts the distribution of what is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, localcontext
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from anonymize.aggregates.laplace import DIGITS, SLACK, to_decimal
from anonymize.errors import PrivacyNotMet

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rule:
    """Noise of ``rate`` (ε of one cell) within ±``reach``; a cell appears when its noisy number is above ``threshold``."""

    rate: Fraction
    reach: int
    minimum: int = 1

    @property
    def threshold(self) -> int:
        """k + m - 1: what must be exceeded."""
        return self.reach + self.minimum - 1


def rule(rate: Fraction, delta: Fraction, minimum: int = 1) -> Rule:
    """The rule for one cell with ε = ``rate`` > 0 and 0 < δ < 1. Never a k too small: rounded upwards."""
    if not (rate > 0 and 0 < delta < 1 and minimum >= 1):
        raise PrivacyNotMet("cells are chosen with ε above 0, δ between 0 and 1, and a minimum of at least one person")
    with localcontext(prec=DIGITS):
        e, d = to_decimal(rate).exp(), to_decimal(delta) * (1 - SLACK)
        real = ((e + 2 * d - 1) / ((e + 1) * d)).ln() / to_decimal(rate)
        k = max(int((real + SLACK * (1 + abs(real))).to_integral_value(ROUND_CEILING)), 1)
        while not edge(rate, k) <= to_decimal(delta):
            k += 1
    return Rule(rate, k, minimum)


def edge(rate: Fraction, k: int) -> Decimal:
    """P[X = k], rounded upwards: the chance that a cell of one person appears."""
    with localcontext(prec=DIGITS):
        a = (-to_decimal(rate)).exp()
        return (1 - a) * a**k / (1 + a - 2 * a ** (k + 1)) * (1 + SLACK)


def intervals(chosen: Rule, seen: Integers, error: float = 0.05) -> tuple[Integers, Integers]:
    """Lower and upper end for each noisy number that was published (all above the threshold): (cell,), (cell,).

    All n for which ``seen`` lies between the quantiles error/2 and 1 - error/2 of n + X, given that it is published: they
    cover with a chance of at least 1 - error, for every n, among the times that the cell appears.
    """
    lows, highs = _quantiles(chosen, error)
    first, last = chosen.minimum, chosen.minimum + len(lows) - 1
    lower = first + np.searchsorted(highs, seen, side="left")
    upper = first + np.searchsorted(lows, seen, side="right") - 1
    # far from the threshold the quantiles only move along with n
    low_shift, high_shift = last - lows[-1], last - highs[-1]
    lower = np.where(lower > last, seen + high_shift, lower)
    upper = np.where(upper >= last, seen + low_shift, upper)
    return np.maximum(lower, first).astype(np.int64), np.maximum(upper, first).astype(np.int64)


def _quantiles(chosen: Rule, error: float) -> tuple[Integers, Integers]:
    """For n from the minimum on: the quantiles of n + X given that it is above the threshold."""
    k, rate = chosen.reach, float(chosen.rate)
    x = np.arange(-k, k + 1)
    mass = np.exp(-rate * np.abs(x))
    below = np.concatenate([[0.0], np.cumsum(mass)])  # below[i]: mass of x < x[i]
    ns = chosen.minimum + np.arange(2 * k + 2)
    cut = np.clip(chosen.threshold - ns + 1 + k, 0, 2 * k + 1)  # place of the first x that is published
    gone = below[cut]
    left = below[-1] - gone
    low = np.searchsorted(below, gone + left * error / 2 * (1 - 1e-9), side="right") - 1
    high = np.searchsorted(below, gone + left * (1 - error / 2) * (1 + 1e-9), side="left") - 1
    low, high = np.clip(np.maximum(low, cut), 0, 2 * k), np.clip(high, 0, 2 * k)
    # an end never falls when n rises: numbers that rounding put out of order are put back, outwards
    lows = np.minimum.accumulate((ns + x[low])[::-1])[::-1]
    return lows.astype(np.int64), np.maximum.accumulate(ns + x[high]).astype(np.int64)
