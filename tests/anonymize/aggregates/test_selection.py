"""Which private cells appear: seldom enough for one person, as often as can be for many, and with honest intervals."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from anonymize.aggregates.laplace import smallest_above
from anonymize.aggregates.noise import add_truncated, of_scale
from anonymize.aggregates.selection import Rule, edge, intervals, rule
from anonymize.errors import PrivacyNotMet
from tests.chances import as_often, chance_of_passing

CASES = [(Fraction(1, 10), Fraction(1, 10**7)), (Fraction(1), Fraction(1, 10**5)), (Fraction(1, 2), Fraction(1, 100)), (Fraction(4), Fraction(1, 10**9))]


def distribution(chosen: Rule, persons: int) -> dict[int | None, float]:
    """What is seen of a cell, with its chance; None: nothing. By going through every draw."""
    a, k = math.exp(-float(chosen.rate)), chosen.reach
    whole = math.fsum(a ** abs(x) for x in range(-k, k + 1))
    seen: dict[int | None, float] = {None: 0.0}
    for x in range(-k, k + 1):
        y = persons + x
        at = y if y > chosen.threshold else None
        seen[at] = seen.get(at, 0.0) + a ** abs(x) / whole
    return seen


def failing(one: dict[int | None, float], other: dict[int | None, float], epsilon: float) -> float:
    return math.fsum(max(p - math.exp(epsilon) * other.get(y, 0.0), 0) for y, p in one.items())


@pytest.mark.parametrize(("rate", "delta"), CASES)
def test_one_person_more_or_less_is_hidden_as_promised_whatever_the_cell(rate, delta):
    chosen = rule(rate, delta)
    for persons in [*range(6), chosen.reach, chosen.reach + 1, 2 * chosen.reach]:
        one, other = distribution(chosen, persons), distribution(chosen, persons + 1)
        for a, b in ((one, other), (other, one)):
            assert failing(a, b, float(rate) * (1 + 1e-12)) <= float(delta) * (1 + 1e-9)


@pytest.mark.parametrize(("rate", "delta"), CASES)
def test_a_rule_with_one_step_less_would_break_the_promise(rate, delta):
    chosen = rule(rate, delta)
    weaker = Rule(rate, chosen.reach - 1)
    assert failing(distribution(weaker, 1), distribution(weaker, 0), float(rate)) > float(delta)


@pytest.mark.parametrize(("rate", "delta"), CASES)
def test_no_more_persons_are_needed_than_with_a_threshold_on_plain_laplace_noise(rate, delta):
    plain = 1 + smallest_above(rate, Decimal(delta.numerator) / Decimal(delta.denominator))
    assert rule(rate, delta).threshold + 1 <= plain


def test_an_empty_cell_never_appears_and_a_minimum_is_kept_whatever_the_noise():
    chosen = rule(Fraction(1, 2), Fraction(1, 1000), minimum=10)
    for persons in range(10):
        assert set(distribution(chosen, persons)) == {None}
    assert len(distribution(chosen, 10)) > 1


@pytest.mark.parametrize(("rate", "delta"), CASES)
@pytest.mark.parametrize("minimum", [1, 7])
def test_an_interval_covers_among_the_times_that_its_cell_is_seen(rate, delta, minimum):
    chosen = rule(rate, delta, minimum)
    for persons in {minimum, minimum + 1, minimum + 5, *range(chosen.threshold - 3, chosen.threshold + 30, 4), 3 * chosen.threshold}:
        seen = {y: p for y, p in distribution(chosen, persons).items() if y is not None}
        if not seen:
            continue
        ys = np.array(sorted(seen))
        lower, upper = intervals(chosen, ys)
        covered = math.fsum(seen[int(y)] for y, lo, hi in zip(ys, lower, upper, strict=True) if lo <= persons <= hi)
        assert covered >= 0.95 * math.fsum(seen.values()) * (1 - 1e-9)
        assert (lower >= minimum).all()
        assert (lower <= ys).all()


def test_far_from_the_threshold_an_interval_is_that_of_the_noise():
    chosen = rule(Fraction(1, 4), Fraction(1, 10**6))
    lower, upper = intervals(chosen, np.array([10_000]))
    assert (10_000 - lower[0], upper[0] - 10_000) == (12, 12)


@pytest.mark.draws
def test_draws_beyond_the_reach_are_drawn_again():
    """None lies beyond, ever; each within as often as told, but for 10^-10. A scale of 3.5 or 6.5 is seen; and cutting is."""
    reach, draws = np.arange(-4, 5), 120_000

    def chances(scale: float) -> list[float]:
        weights = np.exp(-np.abs(reach) / scale)
        return list(weights / weights.sum())

    drawn = add_truncated(np.full(draws, 7), of_scale(Fraction(5), "opendp"), 4) - 7
    assert set(np.unique(drawn)) <= set(reach)
    seen = [int((drawn == value).sum()) for value in reach]
    assert as_often(seen, chances(5), draws)
    for wrong in (3.5, 6.5):
        assert not as_often(seen, chances(wrong), draws)
        assert chance_of_passing(chances(wrong), chances(5), draws) < 1e-10
    everywhere = np.arange(-500, 501)
    heaped = np.bincount(np.clip(everywhere, -4, 4) + 4, np.exp(-np.abs(everywhere) / 5))
    assert chance_of_passing(chances(5), list(heaped / heaped.sum()), draws) < 1e-10


@pytest.mark.parametrize(("rate", "delta", "minimum"), [(0, "0.1", 1), (1, "0", 1), (1, "1", 1), (-1, "0.1", 1), (1, "0.1", 0)])
def test_a_rule_without_protection_is_refused(rate, delta, minimum):
    with pytest.raises(PrivacyNotMet):
        rule(Fraction(rate), Fraction(delta), minimum)


def test_the_edge_is_never_rounded_in_favour_of_showing():
    for rate, delta in CASES:
        chosen = rule(rate, delta)
        assert Fraction(edge(rate, chosen.reach)) <= delta < Fraction(edge(rate, chosen.reach - 1))
