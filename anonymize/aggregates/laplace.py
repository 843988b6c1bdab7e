"""The discrete Laplace distribution, computed so that no rounding makes it look better than it is.

P[X = n] = (1 - a)/(1 + a)·a^|n| over the integers n, with a = e^-rate and rate = 1/scale > 0: the two-sided geometric
distribution of Ghosh, Roughgarden and Sundararajan (2009). Rates are exact fractions; probabilities are decimals of 80
digits.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal, localcontext
from fractions import Fraction

DIGITS = 80
SLACK = Decimal("1e-60")  # far above the rounding of 80 digits, far below anything that matters


def to_decimal(number: Fraction) -> Decimal:
    """The fraction, to 80 digits."""
    context = Context(prec=DIGITS)
    return context.divide(Decimal(number.numerator), Decimal(number.denominator))


def exp_above(exponent: Fraction) -> Fraction:
    """A number above e^exponent by less than one part in 10^59; ``exponent`` within ±10^6."""
    with localcontext(prec=DIGITS):
        return Fraction(to_decimal(exponent).exp() * (1 + SLACK))


def upper_tail(rate: Fraction, t: int) -> Decimal:
    """An upper bound of P[X ≥ t], t ≥ 1: a^t/(1 + a), too large by less than one part in 10^59."""
    if not t >= 1:
        raise ValueError("the formula holds for t of at least 1")
    with localcontext(prec=DIGITS):
        r = to_decimal(rate)
        return (-r * t).exp() / (1 + (-r).exp()) * (1 + SLACK)


def smallest_above(rate: Fraction, chance: Decimal) -> int:
    """The smallest t ≥ 1 with P[X ≥ t] ≤ chance, 0 < chance < 1."""
    if not 0 < chance < 1:
        raise ValueError("a chance lies strictly between 0 and 1")
    with localcontext(prec=DIGITS):
        r = to_decimal(rate)
        real = (-chance.ln() - (1 + (-r).exp()).ln()) / r
        t = max(int(real.to_integral_value(ROUND_CEILING)), 1)
    while t > 1 and upper_tail(rate, t - 1) <= chance:
        t -= 1
    while not upper_tail(rate, t) <= chance:
        t += 1
    return t


def half_width(rate: Fraction, error: Decimal = Decimal("0.05")) -> int:
    """The smallest t ≥ 0 with P[|X| > t] = 2a^(t+1)/(1 + a) ≤ error: value ± t covers with chance 1 - error."""
    return smallest_above(rate, error / 2) - 1


def variance(rate: Fraction) -> Decimal:
    """2a/(1 - a)²."""
    with localcontext(prec=DIGITS):
        a = (-to_decimal(rate)).exp()
        return 2 * a / (1 - a) ** 2
