"""Tails, thresholds and intervals, against sums written out by hand."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymize.aggregates.laplace import exp_above, half_width, smallest_above, upper_tail, variance

rates = st.fractions(Fraction(1, 200), Fraction(5), max_denominator=1000)
chances = st.decimals(Decimal("1e-9"), Decimal("0.4"), places=12)


def _mass(rate: Fraction, n: int) -> Decimal:
    a = (-Decimal(rate.numerator) / Decimal(rate.denominator)).exp()
    return (1 - a) / (1 + a) * a ** abs(n)


def _tail(rate: Fraction, t: int) -> Decimal:
    """1 minus everything below t, summed one by one."""
    below = sum((_mass(rate, n) for n in range(1 - t, t)), Decimal(0))
    return (1 - below) / 2


@settings(max_examples=60, deadline=None)
@given(rate=rates, t=st.integers(1, 60))
def test_the_tail_is_the_sum_of_its_masses_and_errs_upwards(rate, t):
    with localcontext(prec=250):
        assert abs(upper_tail(rate, t) - _tail(rate, t)) < Decimal("1e-58")
        assert upper_tail(rate, t) >= _tail(rate, t)


@settings(max_examples=60, deadline=None)
@given(rate=rates, chance=chances)
def test_the_smallest_above_is_the_smallest(rate, chance):
    t = smallest_above(rate, chance)
    assert upper_tail(rate, t) <= chance
    assert t == 1 or upper_tail(rate, t - 1) > chance


@settings(max_examples=60, deadline=None)
@given(rate=rates)
def test_the_interval_is_the_narrowest_that_covers(rate):
    t = half_width(rate)
    covered = sum((_mass(rate, n) for n in range(-t, t + 1)), Decimal(0))
    assert covered >= Decimal("0.95") - Decimal("1e-25")
    assert t == 0 or covered - _mass(rate, t) - _mass(rate, -t) < Decimal("0.95")


def test_noise_that_is_nearly_always_zero_has_an_interval_of_width_zero():
    assert half_width(Fraction(10)) == 0


def test_no_chance_and_certainty_are_refused():
    for chance in (Decimal(0), Decimal(1), Decimal("nan"), Decimal(-1)):
        with pytest.raises((ValueError, ArithmeticError)):
            smallest_above(Fraction(1), chance)
    with pytest.raises(ValueError, match="at least 1"):
        upper_tail(Fraction(1), 0)


@given(exponent=st.fractions(-50, 50))
def test_the_exponential_errs_upwards(exponent):
    with localcontext(prec=120):
        exact = Fraction((Decimal(exponent.numerator) / Decimal(exponent.denominator)).exp())
    assert exact < exp_above(exponent) <= exact * (1 + Fraction(1, 10**59))


def test_the_variance_is_the_sum_of_squares():
    rate = Fraction(1, 3)
    assert abs(variance(rate) - sum(_mass(rate, n) * n * n for n in range(-400, 401))) < Decimal("1e-20")
