"""How far noise lies from 0, reckoned and never drawn: probabilities and mean distances between two whole numbers.

Discrete Laplace noise has both in closed form: with a = e^-rate, P[X ≥ t] = a^t/(1 + a) and
E[X; X ≥ t] = a^t·(t + a/(1 - a))/(1 + a) for t ≥ 1. Discrete Gaussian noise is summed up to twelve σ, or, where σ is
large, read from the sums of σ = 1000 on a scale of its own. The truncated noise that chooses private cells is the
Laplace noise divided by what lies within its reach. All are symmetric. Doubles throughout: for forecasts, not for promises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from anonymize.aggregates.noise import AnyNoise, GaussianNoise
from anonymize.aggregates.selection import Rule

Floats = npt.NDArray[np.float64]
Tail = Callable[[Floats], Floats]
"""Of t ≥ 1, whole numbers or infinite."""

SUMMED = 1000.0  # σ up to which discrete Gaussian noise is summed number by number
FAR = 12  # σs: a draw beyond has a chance below 2^-99


@dataclass(frozen=True)
class Tails:
    """A symmetric distribution over the integers: ``over(t)`` is P[X ≥ t] and ``beyond(t)`` is E[X; X ≥ t], t ≥ 1."""

    over: Tail
    beyond: Tail

    def above(self, t: Floats) -> Floats:
        """P[X ≥ t] for any t; numbers that are not whole are rounded upwards."""
        t = np.ceil(t)
        away = self.over(np.maximum(np.where(t >= 1, t, 1 - t), 1))
        return np.where(t >= 1, away, 1 - away)  # P[X ≥ t] = 1 - P[X ≥ 1 - t]

    def between(self, low: Floats, high: Floats) -> Floats:
        """P[low ≤ X ≤ high]."""
        return np.maximum(self.above(np.ceil(low)) - self.above(np.floor(high) + 1), 0.0)

    def distance_above(self, t: Floats) -> Floats:
        """E[|X|; X ≥ t] for any t."""
        t = np.ceil(t)
        side = self.beyond(np.ones_like(t))  # the same on both sides of 0
        away = self.beyond(np.maximum(np.where(t >= 1, t, 1 - t), 1))
        return np.where(t >= 1, away, 2 * side - away)


def tails(noise: AnyNoise) -> Tails:
    """Of the noise as its sampler draws it."""
    return _gaussian(noise.scale) if isinstance(noise, GaussianNoise) else _laplace(float(noise.rate))


def truncated(rule: Rule) -> Tails:
    """Of the noise by which private cells are chosen, kept within ±``rule.reach``."""
    whole, k = _laplace(float(rule.rate)), float(rule.reach)
    end = np.array([k + 1])
    past, mean_past = float(whole.over(end)[0]), float(whole.beyond(end)[0])
    mass = 1 - 2 * past
    return Tails(
        lambda t: np.maximum(whole.over(t) - past, 0.0) / mass, lambda t: np.maximum(whole.beyond(t) - mean_past, 0.0) / mass
    )


def _laplace(rate: float) -> Tails:
    a, rest = np.exp(-rate), -np.expm1(-rate)

    def over(t: Floats) -> Floats:
        return np.asarray(np.exp(-rate * t) / (1 + a))

    def beyond(t: Floats) -> Floats:
        finite = np.where(np.isinf(t), 0.0, t)
        return np.asarray(np.exp(-rate * t) * (finite + a / rest) / (1 + a))

    return Tails(over, beyond)


def _gaussian(sigma: float) -> Tails:
    """From sums at every whole number; for a large σ from those of ``SUMMED``, between which nothing is lost to the eye."""
    scale = max(sigma / SUMMED, 1.0)
    over, beyond = _summed(min(sigma, SUMMED))
    places = np.arange(1, len(over) + 1, dtype=np.float64)

    def at(t: Floats, table: Floats) -> Floats:
        place = t if scale == 1.0 else (t - 0.5) / scale + 0.5  # the same point between two whole numbers
        return np.asarray(np.interp(place, places, table, right=0.0))

    return Tails(lambda t: at(t, over), lambda t: at(t, beyond) * scale)


@cache
def _summed(sigma: float) -> tuple[Floats, Floats]:
    """P[X ≥ t] and E[X; X ≥ t] for t = 1, 2, …: (t,), (t,)."""
    n = np.arange(1, int(np.ceil(FAR * sigma)) + 2, dtype=np.float64)
    weight = np.exp(-((n / sigma) ** 2) / 2)
    weight /= 1 + 2 * weight.sum()
    return np.cumsum(weight[::-1])[::-1], np.cumsum((n * weight)[::-1])[::-1]
