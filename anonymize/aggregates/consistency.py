"""Noisy numbers on a tree, made consistent: parts add up to their wholes, and every number is nearer to the truth.

A tree is a list of levels from the coarsest to the finest; ``parents[k]`` holds for each cell of level k + 1 the cell of
level k that it lies in. Every cell of every level was measured with noise of its own, the same for all cells of a level.

*Weighted least squares* in two passes (Hay, Rastogi, Miklau & Suciu, "Boosting the Accuracy of Differentially Private
Histograms Through Consistency", 2010, for regular trees of equal noise; for others it is the smoothing of Chou, Willsky &
Benveniste 1994). Upwards, z is the best estimate from what lies below and in a cell: with S the sum of the parts' z, of
variance V, and its own y of variance s,

    z = αy + (1 - α)S,    α = V/(V + s),    variance of z: v = sV/(s + V).

Downwards, h is the best estimate from everything: h = z at the top, and below it, for a part c of p,

    h_c = z_c + a_c(h_p - S_p),    a_c = v_c/V_p.

This is linear in the noise, so the noise of each h has cumulants that add up by powers of its weights. With
g = ∂h/∂z of the same cell, ∂h_c/∂z of c itself is g_c = 1 - b_c, and of its siblings -b_c, b_c = a_c(1 - g_p(1 - α_p)).
What h_p takes from outside p, and from y_p itself, reaches h_c times a_c. All is post-processing of noisy numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from anonymize.aggregates.noise import AnyNoise, GaussianNoise, Integers

Floats: TypeAlias = npt.NDArray[np.float64]

QUARTER = 0.25  # of a unit
_Z = 1.959963984540054  # a normal number lies within ±_Z with a chance of 95 %


@dataclass(frozen=True)
class Spread:
    """Second and fourth cumulant of the noise of one number."""

    variance: float
    fourth: float


def spread_of(noise: AnyNoise) -> Spread:
    """Of discrete Laplace noise exactly; of discrete Gaussian noise σ² and 0, which its own are nearly, or less."""
    if isinstance(noise, GaussianNoise):
        return Spread(noise.scale**2, 0.0)
    a, rest = math.exp(-float(noise.rate)), -math.expm1(-float(noise.rate))
    return Spread(2 * a / rest**2, 2 * a * (1 + 4 * a + a * a) / rest**4)


@dataclass(frozen=True)
class Estimates:
    """Of each cell of a level: ``value``, and second and fourth cumulant of its noise; the weight of its own measurement,
    which moves in whole ``step``\\ s, and the variance of the ``rest``, which blurs these."""

    value: Floats
    variance: Floats
    fourth: Floats
    step: Floats | float = 0.0
    rest: Floats | float = 1.0

    @property
    def half_width(self) -> Floats:
        """The noise lies within ± this with a chance of at least 95 %: Cornish & Fisher's expansion, two terms.

        For sums of Laplace and normal noise it is never too small, and too large by at most a fortieth, for a single
        Laplace (tests/anonymize/aggregates/test_consistency.py inverts the characteristic functions). Noise on integers is
        that blurred over a step, and half a step more; the rest blurs a step as a Laplace of its variance would, but for a
        quarter.
        """
        blurred = np.square(self.step) / (np.square(self.step) + 2 * math.pi**2 * np.asarray(self.rest))
        variance = self.variance + blurred * np.square(self.step) / 12
        quantile = _Z + self.fourth / variance**2 * (_Z**3 - 3 * _Z) / 24
        width: Floats = np.sqrt(variance) * quantile + np.maximum(blurred * self.step / 2, QUARTER)
        return width


@dataclass(frozen=True)
class _Upward:
    """A level on the way up: ``z``, powers of its weights on the noise, and of its parts' sums; ``alpha``: weight of y."""

    z: Floats
    variance: Floats
    fourth: Floats
    below: Floats  # S, V and the fourth cumulant of S; nothing at the finest level
    below_variance: Floats
    below_fourth: Floats
    alpha: Floats


def least_squares(noisy: Sequence[Integers], parents: Sequence[Integers], spreads: Sequence[Spread]) -> list[Estimates]:
    """The best linear unbiased estimate of every cell. Level by level: the noisy numbers, and the spread of their noise."""
    upward = _upwards([level.astype(np.float64) for level in noisy], parents, spreads)
    top = upward[0]
    alpha = top.alpha if len(noisy) > 1 else np.ones_like(top.z)
    found = [Estimates(top.z, top.variance, top.fourth, alpha, top.variance - alpha**2 * spreads[0].variance)]
    outside = np.zeros_like(top.z), np.zeros_like(top.z)
    own = np.ones_like(top.z)  # g
    for part, whole, parent, spread, of_own in zip(upward[1:], upward, parents, spreads, spreads[1:], strict=False):
        share = part.variance / whole.below_variance[parent]
        value = part.z + share * (found[-1].value - whole.below)[parent]
        siblings = share * (1 - own * (1 - whole.alpha))[parent]
        of_y = own * whole.alpha
        outside = (
            _outside(2, siblings, share, whole.below_variance[parent] - part.variance, (of_y**2 * spread.variance + outside[0])[parent]),
            _outside(4, siblings, share, whole.below_fourth[parent] - part.fourth, (of_y**4 * spread.fourth + outside[1])[parent]),
        )
        own = 1 - siblings
        variance = own**2 * part.variance + outside[0]
        step = own * (part.alpha if part.alpha.size else 1.0)
        rest = np.maximum(variance - step**2 * of_own.variance, 0)
        found.append(Estimates(value, variance, own**4 * part.fourth + outside[1], step, rest))
    return found


def _outside(power: int, siblings: Floats, share: Floats, of_siblings: Floats, above: Floats) -> Floats:
    """What the noise outside a cell adds to the cumulant of its estimate."""
    added: Floats = siblings**power * np.maximum(of_siblings, 0) + share**power * above
    return added


def _upwards(noisy: Sequence[Floats], parents: Sequence[Integers], spreads: Sequence[Spread]) -> list[_Upward]:
    finest, none = noisy[-1], np.zeros(0)
    levels: list[_Upward] = [
        _Upward(finest, np.full(finest.size, spreads[-1].variance), np.full(finest.size, spreads[-1].fourth), none, none, none, none)
    ]
    for y, parent, spread in zip(noisy[-2::-1], parents[::-1], spreads[-2::-1], strict=True):
        part = levels[0]
        below, variance, fourth = (_added(of, parent, y.size) for of in (part.z, part.variance, part.fourth))
        alpha = variance / (variance + spread.variance)
        rest = 1 - alpha
        z = alpha * y + rest * below
        levels.insert(
            0, _Upward(z, alpha * spread.variance, alpha**4 * spread.fourth + rest**4 * fourth, below, variance, fourth, alpha)
        )
    return levels


def _added(parts: Floats, parent: Integers, size: int) -> Floats:
    return np.bincount(parent, parts, size).astype(np.float64, copy=False)


# --- whole numbers -----------------------------------------------------------------------------------------------


def whole_numbers(estimates: Sequence[Estimates], parents: Sequence[Integers], *, non_negative: bool) -> list[Integers]:
    """The estimates as integers whose parts add up exactly, from the top down (Abowd et al., "The 2020 Census Disclosure
    Avoidance System TopDown Algorithm", 2022): the parts nearest to the estimates that have the sum of their whole and,
    where that is asked for, are not negative; then by largest remainders.

    What cutting at 0 adds must be taken from other parts. Parts are moved by their variance σ², and of a part that stands h
    above 0 only a share of 1/(1 + h²/σ²) of it: cells that may well be 0 give, and those that are surely large keep their
    unbiased estimates.
    """
    top = np.rint(estimates[0].value)
    found = [(np.maximum(top, 0) if non_negative else top).astype(np.int64)]
    for level, parent in zip(estimates[1:], parents, strict=True):
        ease = level.variance / (1 + np.maximum(level.value, 0) ** 2 / level.variance) if non_negative else level.variance
        real = nearest(level.value, ease, parent, found[-1], non_negative=non_negative)
        found.append(by_largest_remainders(real, parent, found[-1], non_negative=non_negative))
    return found


def nearest(value: Floats, ease: Floats, parent: Integers, total: Integers, *, non_negative: bool) -> Floats:
    """The parts x with Σx = ``total`` in each whole, and x ≥ 0, for which Σ(x - value)²/``ease`` is least.

    x = max(value - λ·ease, 0); what falls below 0 is left out until nothing does (Michelot 1986).
    """
    kept = np.ones(value.size, dtype=bool)
    while True:
        excess = _added(np.where(kept, value, 0.0), parent, total.size) - total
        weight = _added(np.where(kept, ease, 0.0), parent, total.size)
        moved: Floats = value - np.divide(excess, weight, out=np.zeros(total.size), where=weight > 0)[parent] * ease
        if not non_negative:
            return moved
        below = kept & (moved < 0)
        if not below.any():
            return np.where(kept, moved, 0.0)
        kept &= ~below


def by_largest_remainders(real: Floats, parent: Integers, total: Integers, *, non_negative: bool) -> Integers:
    """Integers within 1 of ``real`` that add up to ``total`` in each whole, however ``real`` was rounded; ties: the first.

    Wholes without parts must not be."""
    whole = np.floor(np.maximum(real, 0) if non_negative else real).astype(np.int64)
    remainder = real - whole
    while True:
        missing = total - _sums(whole, parent, total.size)
        if not missing.any():
            return whole
        can = np.ones(whole.size, dtype=bool)
        if non_negative:
            can = (whole > 0) | (missing >= 0)[parent]  # only doubles that add up badly make some too large
        parts = np.bincount(parent[can], minlength=total.size)
        each, over = np.divmod(missing, np.maximum(parts, 1))
        first = _rank(np.where(can, remainder, -np.inf), parent, parts.size) < over[parent]
        whole = whole + np.where(can, each[parent] + first, 0)
        if non_negative:
            whole = np.maximum(whole, 0)


def _sums(parts: Integers, parent: Integers, size: int) -> Integers:
    """Exact, which ``bincount`` with weights is not."""
    sums = np.zeros(size, dtype=np.int64)
    np.add.at(sums, parent, parts)
    return sums


def _rank(score: Floats, parent: Integers, size: int) -> Integers:
    """The place of each part among those of its whole, 0 for the largest score."""
    order = np.lexsort((-score, parent))
    start = np.concatenate([[0], np.cumsum(np.bincount(parent, minlength=size))[:-1]])
    rank = np.empty(parent.size, dtype=np.int64)
    rank[order] = np.arange(parent.size) - start[parent[order]]
    return rank
