"""Means and variances, from noisy sums and a noisy number of values; post-processing, free of charge.

With N the noisy number of values and S the noisy sum of their distances from the middle of the bounds, the mean lies S/N
from the middle. Its 95 % interval is found as Fieller (1954) did for ratios of normal variables: all m for which
S - m·N, which is pure noise when m is the truth, lies within the 95 % of that noise's own distribution. It needs no N far
from 0: where there may be no value at all, it is everything between the bounds.

With Q the noisy sum of the squares, Q - 2mS + m²N - vN is pure noise, that of Q - 2mS + (m² - v)N, when m and v are the
true mean and variance. So v·N lies between the smallest and the largest Q - 2mS + m²N, over all means that are likely,
give or take that noise's 95.5 %; which means and variances are likely is first found at 99.75 % each (Bonferroni: 0.045 +
0.0025 + 0.0025). Once N is well above its noise, the likely means are close together and it covers 95 % and little more.

Results are whole numbers of :func:`fine_unit`; ends are rounded outwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from anonymize.aggregates.noise import AnyNoise, GaussianNoise, Integers
from anonymize.aggregates.plan import MeasurePlan
from anonymize.aggregates.sensitivity import Kind, middle_in_units, reach_in_units
from anonymize.recipe import Measure

Floats: TypeAlias = npt.NDArray[np.float64]
Ends: TypeAlias = tuple[Floats, Floats]

FINER = 100  # a mean is given in hundredths of the unit, a variance in hundredths of its square
ROUNDED = math.sqrt(1 / 12)  # standard deviation of rounding to whole numbers
RARELY = 0.0025  # of the 5 %, what is spent on knowing which means, and which variances, are likely
STEPS = 60  # halvings: beyond the digits of a double


def fine_unit(measure: Measure) -> Decimal:
    """What a mean, or a variance, is counted in."""
    return (measure.unit if measure.kind == "mean" else measure.unit**2) / FINER


def mean(measure: Measure, of: Mapping[Kind, MeasurePlan], drawn: Mapping[Kind, Integers]) -> tuple[Integers, Integers, Integers]:
    """Value, lower and upper end, all within the bounds: (cell,) each."""
    middle, reach = middle_in_units(measure), reach_in_units(measure)
    centre, (low, high) = _ratio(drawn["centred"], drawn["values"], of["centred"].noise, of["values"].noise, -reach, reach, 0.05)
    return _fine(centre + middle, low + middle, high + middle)


def variance(measure: Measure, of: Mapping[Kind, MeasurePlan], drawn: Mapping[Kind, Integers]) -> tuple[Integers, Integers, Integers]:
    """Value, lower and upper end, all between 0 and the largest that the bounds allow: (cell,) each."""
    reach = reach_in_units(measure)
    n, noise = drawn["values"], of["values"].noise
    centre, means = _ratio(drawn["centred"], n, of["centred"].noise, noise, -reach, reach, RARELY)
    square, squares = _ratio(drawn["squares"], n, of["squares"].noise, noise, 0, reach**2, RARELY / 2)
    nearest = np.where((means[0] <= 0) & (means[1] >= 0), 0.0, np.minimum(np.abs(means[0]), np.abs(means[1])))
    farthest = np.maximum(np.abs(means[0]), np.abs(means[1]))
    likely = np.clip(squares[0] - farthest**2, 0, reach**2), np.clip(squares[1] - nearest**2, 0, reach**2)
    low, high = _variance_ends(of, drawn, means, likely, reach)
    return _fine(*(np.clip(value, 0, reach**2) for value in (np.clip(square - centre**2, low, high), low, high)))


def _variance_ends(of: Mapping[Kind, MeasurePlan], drawn: Mapping[Kind, Integers], means: Ends, likely: Ends, reach: int) -> Ends:
    """All v that some likely mean allows; everything where there may be no value at all."""
    q, s, n = (drawn[kind].astype(np.float64) for kind in ("squares", "centred", "values"))

    def at(m: Floats) -> Floats:
        return np.asarray(q - 2 * m * s + m**2 * n)

    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = np.clip(np.where(n > 0, s / np.where(n > 0, n, 1), 0.0), *means)
    candidates = np.stack([at(means[0]), at(means[1]), at(vertex)])
    largest_mean = np.maximum(np.abs(means[0]), np.abs(means[1]))
    nearest = np.where((means[0] <= 0) & (means[1] >= 0), 0.0, np.minimum(np.abs(means[0]), np.abs(means[1])))
    of_n = np.maximum(np.abs(largest_mean**2 - likely[0]), np.abs(nearest**2 - likely[1]))
    h = _half_width_of_three(of, 2 * largest_mean, of_n, 0.05 - 2 * RARELY)
    low, high = (candidates.min(axis=0) - h) / np.where(n > 0, n, 1), (candidates.max(axis=0) + h) / np.where(n > 0, n, 1)
    return np.where(n > 0, np.clip(low, 0, reach**2), 0.0), np.where(n > 0, np.clip(high, 0, reach**2), float(reach**2))


def _half_width_of_three(of: Mapping[Kind, MeasurePlan], of_s: Floats, of_n: Floats, error: float) -> Floats:
    """h with P[|X + a·Y + b·Z| > h] ≤ ``error`` for draws X of the squares' noise, Y of the sum's, Z of the number's.

    Of Laplace variables of different scales b_i it is Σ e^(-t/b_i)·Π_(j≠i) b_i²/(b_i² - b_j²); scales that are nearly
    the same are moved apart, upwards, by a thousandth.
    """
    noises = [of[kind].noise for kind in ("squares", "centred", "values")]
    if all(isinstance(noise, GaussianNoise) for noise in noises):
        x, y, z = (math.hypot(float(noise.scale), ROUNDED) for noise in noises)
        return np.asarray(_normal_quantile(error) * np.sqrt(x**2 + (of_s * y) ** 2 + (of_n * z) ** 2))
    x, y, z = (math.hypot(float(noise.scale), ROUNDED / math.sqrt(2)) for noise in noises)
    scales = np.sort(np.stack([np.full_like(of_s, x), np.maximum(of_s * y, x * 1e-6), np.maximum(of_n * z, x * 1e-6)]), axis=0)
    for i in (1, 2):
        scales[i] = np.maximum(scales[i], scales[i - 1] * 1.001)
    squared = scales**2
    parts = [squared[i] ** 2 / ((squared[i] - squared[j]) * (squared[i] - squared[k])) for i, j, k in ((0, 1, 2), (1, 0, 2), (2, 0, 1))]
    low, high = np.zeros_like(of_s), 12 * scales[2]
    for _ in range(STEPS):
        middle = (low + high) / 2
        over = sum(part * np.exp(-middle / scale) for part, scale in zip(parts, scales, strict=True)) > error
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return np.asarray(high)


def _fine(value: Floats, low: Floats, high: Floats) -> tuple[Integers, Integers, Integers]:
    rounded = np.rint(value * FINER), np.floor(low * FINER), np.ceil(high * FINER)
    return rounded[0].astype(np.int64), rounded[1].astype(np.int64), rounded[2].astype(np.int64)


def _ratio(
    above: Integers, below: Integers, noise_above: AnyNoise, noise_below: AnyNoise, lowest: float, highest: float, error: float
) -> tuple[Floats, Ends]:
    """above/below kept within [lowest, highest], and the ends of all ratios in there that the noise allows."""
    s, n = above.astype(np.float64), below.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        best = np.where(n > 0, np.clip(s / np.where(n > 0, n, 1), lowest, highest), (lowest + highest) / 2)

    def allowed(m: Floats) -> npt.NDArray[np.bool_]:
        return np.asarray(np.abs(s - m * n) <= half_width_of_difference(noise_above, noise_below, m, error))

    # where not even the best ratio is allowed, which happens to one cell in twenty at most, the interval is that point
    return best, (_end(allowed, best, lowest), _end(allowed, best, highest))


def _end(allowed: Callable[[Floats], npt.NDArray[np.bool_]], start: Floats, outermost: float) -> Floats:
    """The farthest ratio from ``start`` towards ``outermost`` that is allowed, all in between being so."""
    inside, outside = start.copy(), np.full_like(start, outermost)
    whole = allowed(outside)
    for _ in range(STEPS):
        middle = (inside + outside) / 2
        good = allowed(middle)
        inside, outside = np.where(good, middle, inside), np.where(good, outside, middle)
    return np.where(whole, outermost, inside)


def half_width_of_difference(first: AnyNoise, second: AnyNoise, m: Floats, error: float) -> Floats:
    """h with P[|X - m·Y| > h] ≤ ``error`` for independent draws X of ``first`` and Y of ``second``; (cell,) like ``m``.

    Of two normal variables it is z·√(σ² + m²τ²). Of two Laplace variables of scales b ≥ c it is b·q(c/b), with q from
    P[|X + Y| > t] = (b²e^(-t/b) - c²e^(-t/c))/(b² - c²). That the draws are whole numbers is allowed for by the variance
    of rounding, 1/12 each.
    """
    if isinstance(first, GaussianNoise) and isinstance(second, GaussianNoise):
        z = _normal_quantile(error)
        return np.asarray(z * np.hypot(math.hypot(first.scale, ROUNDED), m * math.hypot(second.scale, ROUNDED)))
    rounded = ROUNDED / math.sqrt(2)  # a Laplace variable has twice its squared scale as variance
    b = np.full_like(m, math.hypot(float(first.scale), rounded))
    c = np.abs(m) * math.hypot(float(second.scale), rounded)
    larger, smaller = np.maximum(b, c), np.minimum(b, c)
    grid, quantiles = _laplace_quantiles(error)
    place = np.minimum(np.ceil(smaller / larger * (len(grid) - 1)), len(grid) - 1).astype(np.int64)  # the next larger
    return np.asarray(larger * quantiles[place])


@cache
def _laplace_quantiles(error: float, points: int = 2001) -> Ends:
    """Ratios of scales r in [0, 1], and the t with P[|X + r·Y| > t] = error for X, Y of scale 1; rising."""
    grid = np.linspace(0, 1, points)
    low, high = np.zeros(points), np.full(points, 100.0)
    for _ in range(STEPS):
        middle = (low + high) / 2
        over = _tail_of_sum(middle, grid) > error
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return grid, np.maximum.accumulate(high)


def _tail_of_sum(t: Floats, r: Floats) -> Floats:
    """P[|X + r·Y| > t] of Laplace variables of scale 1; at r = 1 it is (1 + t/2)·e^-t."""
    equal = (1 + t / 2) * np.exp(-t)
    safe = np.where(r == 0, 1.0, r)
    apart = np.where(np.abs(1 - r) < 1e-6, 1.0, 1 - r**2)
    unequal = (np.exp(-t) - np.where(r == 0, 0.0, r**2 * np.exp(-t / safe))) / apart
    return np.where(np.abs(1 - r) < 1e-6, equal, unequal)


@cache
def _normal_quantile(error: float) -> float:
    low, high = 0.0, 40.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erfc(middle / math.sqrt(2)) > error else (low, middle)
    return high
