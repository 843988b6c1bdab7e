"""The discrete Gaussian distribution, computed so that no rounding makes it look better than it is.

P[X = n] = e^(-n²/2σ²)/Z over the integers n, Z = Σ e^(-m²/2σ²) (Canonne, Kamath & Steinke, "The Discrete Gaussian for
Differential Privacy", 2020). σ² is an exact fraction; by Poisson summation Z is at least σ√(2π), so that every tail is
at most that of the normal distribution: P[|X| > t] ≤ erfc(t/(σ√2)).
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache

EXACT_UP_TO = 1000.0  # σ: beyond it the normal tail is used, too large by less than a thousandth
ROUNDING = 1e-12  # relative, of sums of doubles


def tail(sigma: float, t: int) -> float:
    """An upper bound of P[|X| > t], t ≥ 0."""
    if not (t >= 0 and sigma > 0):
        raise ValueError("the bound holds for t of at least 0 and σ above 0")
    if sigma > EXACT_UP_TO:
        return math.erfc(t / (sigma * math.sqrt(2)))
    reach = t + math.ceil(40 * sigma) + 1  # what lies beyond is below e^-800
    beyond = 2 * math.fsum(_weight(sigma, n) for n in range(t + 1, reach))
    return min(beyond / (sigma * math.sqrt(2 * math.pi)) * (1 + ROUNDING), 1.0)


@cache
def half_width(sigma: float, error: float = 0.05) -> int:
    """The smallest t ≥ 0 with P[|X| > t] ≤ ``error``, 0 < error < 1: value ± t covers with chance 1 - error."""
    if not 0 < error < 1:
        raise ValueError("a chance lies strictly between 0 and 1")
    low, high = -1, max(math.ceil(40 * sigma), 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if tail(sigma, middle) <= error else (middle, high)
    return high


def sigma_of_rho(sensitivity_squared: int, rho: Fraction) -> Fraction:
    """σ² with which integers that change by √``sensitivity_squared`` in L2 are released with ρ-zCDP: Δ²/2ρ, exactly."""
    if not (sensitivity_squared > 0 and rho > 0):
        raise ValueError("noise needs a sensitivity and a ρ above 0")
    return Fraction(sensitivity_squared) / (2 * rho)


def _weight(sigma: float, n: int) -> float:
    return math.exp(-((n / sigma) ** 2) / 2)
