"""How often an attack succeeded: a share with its 95 % interval, and what is left of it beyond a control group."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from anonymize.randomness import secret_bytes

Z95 = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Rate:
    """``successes`` of ``trials``; ``value`` and its interval lie in [0, 1]. Successes may be expected ones, so a float."""

    successes: float
    trials: int
    value: float
    lower: float
    upper: float

    def as_dict(self) -> dict[str, Any]:
        rounded = {name: round(getattr(self, name), 6) for name in ("value", "lower", "upper")}
        return {"successes": round(self.successes, 3), "trials": self.trials, **rounded}


def wilson(successes: float, trials: int) -> Rate:
    """Successes a trial with the Wilson 95 % score interval; with no trial: value 0, interval [0, 1].

    centre (p + z²/2n) / (1 + z²/n), half width z·√(p(1 - p)/n + z²/4n²) / (1 + z²/n), all in [0, 1]. Wilson, JASA 22 (1927).
    For successes of chance 0 or 1; where each trial is scored by its chance instead, the interval is wider than need be. Raises ValueError unless 0 ≤ successes ≤ trials.
    """
    if not 0 <= successes <= trials:
        raise ValueError("successes lie between 0 and the number of trials")
    if trials == 0:
        return Rate(0.0, 0, 0.0, 0.0, 1.0)
    p, share = successes / trials, Z95**2 / trials
    centre = (p + share / 2) / (1 + share)
    half = Z95 * math.sqrt(p * (1 - p) / trials + share / (4 * trials)) / (1 + share)
    # at the ends the sums come out at 0 and 1 but for rounding
    return Rate(successes, trials, p, max(centre - half, 0.0) if p > 0 else 0.0, min(centre + half, 1.0) if p < 1 else 1.0)


def beyond(attack: Rate, control: Rate) -> dict[str, float]:
    """What the release adds: (attack - control) / (1 - control), cut to [0, 1], with a 95 % interval.

    0: those in the release are found no more often than people who are not in it. 1: always. The half widths of the two
    rates are propagated to first order. Giomi et al., "A unified framework for quantifying privacy risk in synthetic
    data", PoPETs 2023.
    """
    room = 1 - control.value
    if not room > 0:
        return {"value": 0.0, "lower": 0.0, "upper": 1.0}
    value = (attack.value - control.value) / room
    by_attack = (attack.upper - attack.lower) / 2 / room
    by_control = (control.upper - control.lower) / 2 * (1 - attack.value) / room**2
    half = math.hypot(by_attack, by_control)
    return {name: round(min(max(x, 0.0), 1.0), 6) for name, x in (("value", value), ("lower", value - half), ("upper", value + half))}


def generator() -> np.random.Generator:
    """A generator whose seed comes from the operating system; an attack is a measurement, nothing it draws is published."""
    return np.random.default_rng(int.from_bytes(secret_bytes(32)))
