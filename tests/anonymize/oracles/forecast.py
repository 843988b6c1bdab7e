"""Expected errors, slow and obvious: every value that the noise can take, one by one, in every cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from anonymize.aggregates.noise import AnyNoise, GaussianNoise
from anonymize.aggregates.selection import Rule

Mass = dict[int, float]


def mass(noise: AnyNoise) -> Mass:
    """The chance of every draw, as far as doubles can tell it from 0."""
    if isinstance(noise, GaussianNoise):
        raw = {x: math.exp(-(x**2) / (2 * noise.scale**2)) for x in range(-math.ceil(14 * noise.scale), math.ceil(14 * noise.scale) + 1)}
    else:
        far = math.ceil(60 / noise.rate)
        raw = {x: math.exp(-float(noise.rate) * abs(x)) for x in range(-far, far + 1)}
    whole = math.fsum(raw.values())
    return {x: weight / whole for x, weight in raw.items()}


def kept_within(found: Mass, reach: int) -> Mass:
    inside = {x: chance for x, chance in found.items() if abs(x) <= reach}
    whole = math.fsum(inside.values())
    return {x: chance / whole for x, chance in inside.items()}


def shown(persons: int, drawn: Mass, rule: Rule) -> float:
    return math.fsum(chance for x, chance in kept_within(drawn, rule.reach).items() if persons + x > rule.threshold)


@dataclass(frozen=True)
class Expected:
    absolute: float
    relative: float
    unreliable: float


def expected(
    values: Sequence[int], drawn: Mass, *, half: int, clipped: bool, weights: Sequence[float] | None = None, threshold: int | None = None
) -> Expected:
    """Over all cells and draws; ``weights``: the chance that a cell appears by another count; ``threshold``: by this one."""
    outcomes: list[tuple[float, float, float, bool]] = []  # chance, error, ratio, unreliable
    for value, weight in zip(values, weights or [1.0] * len(values), strict=True):
        for x, chance in drawn.items():
            seen = value + x
            if threshold is not None and seen <= threshold:
                continue
            seen = max(seen, 0) if clipped else seen
            error = abs(seen - value)
            ratio = error / abs(value) if value else (math.inf if error else 0.0)
            outcomes.append((chance * weight, error, ratio, half > 0.5 * abs(seen)))
    whole = math.fsum(chance for chance, *_ in outcomes)
    reached, median = 0.0, math.inf
    for chance, _, ratio, _ in sorted(outcomes, key=lambda outcome: outcome[2]):
        reached += chance
        if reached >= whole / 2:
            median = ratio
            break
    return Expected(
        math.fsum(chance * error for chance, error, _, _ in outcomes) / whole, median,
        math.fsum(chance for chance, _, _, wide in outcomes if wide) / whole,
    )  # fmt: skip
