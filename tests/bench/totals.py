"""How often intervals beside totals cover the truth: at every level, for trees of many shapes, and for sums that the API makes.

Each figure is of as many copies of a tree as give 20,000 cells at its coarsest level; sums are over the small and the large half
of each city's blocks, which cutting at 0 and adding up move most.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from anonymize.aggregates import totals
from anonymize.aggregates.noise import Integers, add_noise, of_scale, of_variance
from anonymize.aggregates.plan import MeasurePlan, plan
from catalog.publishing.query.noise import interval
from tests.anonymize.aggregates.worlds import dp_stage
from tests.bench.measure import say

COPIES = 20_000
SHAPES: dict[str, tuple[list[int], ...]] = {
    "one of 24": ([24],),
    "one of 1": ([1],),
    "1, 3 and 8": ([3], [1, 3, 8]),
    "25 of 17": ([25], [17] * 25),
    "four levels": ([2], [3, 5], [1, 2, 4, 8, 1, 1, 2, 3]),
}
TRUTHS = {"empty": (0.0, 0.0), "small": (5.0, 1.0), "skewed": (20.0, 2.0), "large": (5000.0, 0.3)}
"""Median persons of a block, and how unequal blocks are: σ of the logarithm."""


def main() -> None:
    for name, shape in SHAPES.items():
        for family in ("laplace", "gaussian"):
            for size, spread in TRUTHS.items():
                blocks = sum(shape[-1])
                levels, sums = covered(shape, family, spread, copies=max(COPIES // max(blocks // 20, 1), 500))
                told = " ".join(f"{share:.3f}" for share in levels)
                say(f"{name}, {family}, {size}", f"levels {told}; sums {' '.join(f'{share:.3f}' for share in sums)}", "")


def covered(shape: tuple[list[int], ...], family: str, spread: tuple[float, float], copies: int) -> tuple[list[float], list[float]]:
    """The share of intervals that hold the truth: by level from the coarsest on; of sums over halves of the blocks."""
    rng = np.random.default_rng(20261122)
    parents: list[Integers] = []
    wholes = 1
    for fans in shape:
        parents.append(np.repeat(np.arange(wholes * copies), np.tile(fans, copies)))
        wholes = sum(fans)
    typical = spread[0] * rng.lognormal(0, spread[1], wholes) if spread[0] else np.zeros(wholes)
    exact = [rng.poisson(np.tile(typical, copies)).astype(np.int64)]
    for parent in parents[::-1]:
        exact.insert(0, np.bincount(parent, exact[0]).astype(np.int64))
    made = _quantities(family, len(exact))
    noisy = [add_noise(level, quantity.noise) for level, quantity in zip(exact, made, strict=True)]
    found = totals.published(totals.Tree((), tuple(parents)), noisy, made, non_negative=True)
    inside = (found.lower <= np.concatenate(exact[::-1])) & (np.concatenate(exact[::-1]) <= found.upper)
    levels = [float(part.mean()) for part in np.split(inside, np.cumsum([level.size for level in exact[::-1]])[:-1])]
    return levels[::-1], _sums(found, exact[-1].reshape(copies, wholes), typical)


def _quantities(family: str, levels: int) -> list[MeasurePlan]:
    quantity = plan(dp_stage()).measures[0]
    if family == "laplace":
        return [replace(quantity, noise=of_scale(Fraction(40), "opendp"))] * levels
    return [replace(quantity, noise=of_variance(Fraction(60**2)))] * (levels - 1) + [replace(quantity, noise=of_variance(Fraction(20**2)))]


def _sums(found: totals.Published, exact: Integers, typical: np.ndarray) -> list[float]:
    """As the API adds up cells of a release."""
    value, low, high = (ends[: exact.size].reshape(exact.shape).astype(float) for ends in (found.value, found.lower, found.upper))
    order = np.argsort(typical, kind="stable")
    shares = []
    for chosen in (order[: len(order) // 2], order[len(order) // 2 :]):
        if len(chosen) < 2:
            continue
        touches = (low == 0) & (value - low <= high - value)
        lower, upper = interval(
            value[:, chosen].sum(axis=1), (high - value)[:, chosen].max(axis=1), np.full(len(exact), len(chosen)), touches[:, chosen].sum(axis=1)
        )
        true = exact[:, chosen].sum(axis=1)
        shares.append(float(np.mean((lower <= true) & (true <= upper))))
    return shares
