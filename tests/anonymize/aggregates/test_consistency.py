"""Numbers on a tree: the least squares of the textbook, parts that add up, intervals that cover."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from anonymize.aggregates.consistency import (
    Estimates,
    Spread,
    by_largest_remainders,
    least_squares,
    nearest,
    spread_of,
    whole_numbers,
)
from anonymize.aggregates.noise import of_scale, of_variance
from tests.anonymize.oracles import consistency as oracle


@st.composite
def trees(draw, most_levels=4):
    """Sizes of the levels, and parents in any order, each with at least one part."""
    sizes, parents = [draw(st.integers(1, 3))], []
    for _ in range(draw(st.integers(1, most_levels - 1))):
        fans = draw(st.lists(st.integers(1, 4), min_size=sizes[-1], max_size=sizes[-1]))
        parents.append(np.array(draw(st.permutations(np.repeat(np.arange(sizes[-1]), fans).tolist()))))
        sizes.append(sum(fans))
    return sizes, parents


def _noisy(sizes, seed, spread=50):
    rng = np.random.default_rng(seed)
    return [rng.integers(-spread, spread, size) for size in sizes]


def _estimates(values, variances=None):
    ones = np.ones(len(values))
    return Estimates(np.array(values, dtype=float), ones if variances is None else np.array(variances, dtype=float), ones)


# --- least squares -----------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(trees(), st.integers(0, 2**32), st.lists(st.sampled_from([0.5, 3.0, 40.0]), min_size=4, max_size=4))
def test_the_two_passes_are_the_least_squares_of_the_whole_matrix(tree, seed, variances):
    sizes, parents = tree
    noisy = _noisy(sizes, seed)
    spreads = [Spread(v, 3 * v * v) for v in variances[: len(sizes)]]
    found = least_squares(noisy, parents, spreads)
    matrix = oracle.weights(sizes, parents, [s.variance for s in spreads])
    expected = {
        "value": matrix @ np.concatenate(noisy),
        "variance": matrix**2 @ np.repeat([s.variance for s in spreads], sizes),
        "fourth": matrix**4 @ np.repeat([s.fourth for s in spreads], sizes),
    }
    for name, wanted in expected.items():
        assert np.concatenate([getattr(level, name) for level in found]) == pytest.approx(wanted, rel=1e-8, abs=1e-8)


def test_a_tree_without_noise_above_takes_its_word():
    found = least_squares([np.array([100]), np.array([30, 30])], [np.array([0, 0])], [Spread(1e-12, 0), Spread(9.0, 0)])
    assert found[1].value == pytest.approx([50, 50])


@pytest.mark.parametrize("rate", [Fraction(1, 1000), Fraction(1, 7), Fraction(2)])
def test_the_spread_of_laplace_noise_is_that_of_adding_up_every_integer(rate):
    n = np.arange(-40_000, 40_001, dtype=float)
    mass = np.exp(-float(rate) * np.abs(n))
    mass /= mass.sum()
    variance = float(mass @ n**2)
    spread = spread_of(of_scale(1 / rate, "opendp"))
    assert spread.variance == pytest.approx(variance, rel=1e-6)
    assert spread.fourth == pytest.approx(float(mass @ n**4) - 3 * variance**2, rel=1e-6)


def test_the_spread_of_gaussian_noise_is_its_own():
    assert spread_of(of_variance(Fraction(49))).variance == pytest.approx(49)


# --- intervals ---------------------------------------------------------------------------------------------------


def _beyond(weights, q):
    """P[|Σ w·X| > q] of Laplace noise X of scale 1, from the characteristic function."""
    def part(t):
        return math.sin(q * t) / t * math.prod(1 / (1 + (w * t) ** 2) for w in weights)

    inside, _ = quad(part, 1e-12, 400 / max(weights), limit=4000)
    return 1 - 2 / math.pi * inside


@pytest.mark.parametrize(
    "weights", [[1], [1, 0.1], [1, 0.5], [1, 1], [1, 0.3, 0.3, 0.3], [1] + [0.1] * 40, [1] + [0.3] * 40, [1] * 24], ids=str
)
def test_the_width_of_mixed_laplace_noise_covers_nineteen_times_in_twenty(weights):
    scale = 10_000  # far above the whole numbers
    variance, fourth = 2 * scale**2 * sum(w**2 for w in weights), 12 * scale**4 * sum(w**4 for w in weights)
    half = Estimates(np.zeros(1), np.array([float(variance)]), np.array([float(fourth)])).half_width
    assert 0.0455 <= _beyond(weights, float(half[0]) / scale) <= 0.0502


@settings(max_examples=25, deadline=None)
@given(trees(), st.lists(st.sampled_from([0.5, 3.0, 40.0]), min_size=4, max_size=4))
def test_each_estimate_knows_the_weight_of_its_own_measurement_and_the_rest(tree, variances):
    sizes, parents = tree
    spreads = [Spread(v, 3 * v * v) for v in variances[: len(sizes)]]
    found = least_squares([np.zeros(size, dtype=int) for size in sizes], parents, spreads)
    matrix = oracle.weights(sizes, parents, [s.variance for s in spreads])
    own = np.diag(matrix)
    assert np.concatenate([level.step for level in found]) == pytest.approx(own, abs=1e-8)
    rest = matrix**2 @ np.repeat([s.variance for s in spreads], sizes) - own**2 * np.repeat([s.variance for s in spreads], sizes)
    assert np.concatenate([level.rest for level in found]) == pytest.approx(rest, abs=1e-6)


# --- whole numbers that add up -----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-50, 50), st.sampled_from([0.5, 1.0, 9.0])), min_size=1, max_size=6), st.integers(0, 120)
)
def test_parts_are_moved_as_little_as_they_can_be(parts, total):
    values, variances = (np.array(side) for side in zip(*parts, strict=True))
    found = nearest(values, variances, np.zeros(len(parts), dtype=int), np.array([total]), non_negative=True)
    assert found == pytest.approx(oracle.nearest(values, variances, total), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 50), min_size=1, max_size=8))
def test_units_go_to_the_largest_remainders(reals):
    total = round(math.fsum(reals))
    if not 0 <= total - sum(math.floor(x) for x in reals) <= len(reals):
        return
    found = by_largest_remainders(np.array(reals), np.zeros(len(reals), dtype=int), np.array([total]), non_negative=True)
    assert found.tolist() == oracle.by_largest_remainders(reals, total)


@settings(max_examples=40, deadline=None)
@given(trees(), st.integers(0, 2**32), st.booleans(), st.sampled_from([3, 1000, 2**49]))
def test_parts_add_up_to_their_wholes_exactly_and_stay_above_zero(tree, seed, non_negative, spread):
    sizes, parents = tree
    estimates = least_squares(_noisy(sizes, seed, spread), parents, [Spread(4.0, 12.0)] * len(sizes))
    found = whole_numbers(estimates, parents, non_negative=non_negative)
    for whole, part, parent in zip(found, found[1:], parents, strict=False):
        for i, total in enumerate(whole.tolist()):
            assert sum(part[parent == i].tolist()) == total
    if non_negative:
        assert min(level.min() for level in found) >= 0
    elif spread < 2**40:
        assert all(np.abs(level - e.value).max() <= len(sizes) for level, e in zip(found, estimates, strict=True))


def test_doubles_that_add_up_badly_still_give_parts_that_add_up():
    """Parts that are far too large for their whole, as rounding at 10^15 could make them: each gives, none goes below 0."""
    parent = np.array([0, 0, 0, 1])
    found = by_largest_remainders(np.array([5.0, 2.0, 0.0, 3.0]), parent, np.array([3, 9]), non_negative=True)
    assert [found[:3].sum(), found[3]] == [3, 9]
    assert found.min() >= 0


def test_a_cell_that_is_surely_large_does_not_pay_for_the_empty_ones_around_it():
    """One of 2000 and a hundred of 0 beside it: what cutting at 0 adds is taken from the hundred. Seeded."""
    rng = np.random.default_rng(20261122)
    empty, parent = rng.laplace(0, 20, 100), np.zeros(101, dtype=int)
    level = Estimates(np.append(empty, 2000.0), np.full(101, 800.0), np.full(101, 1.0))
    whole = Estimates(np.array([2000.0 + empty.sum()]), np.array([800.0]), np.array([1.0]))
    found = whole_numbers([whole, level], [parent], non_negative=True)
    assert abs(found[1][-1] - 2000) <= 28  # one standard deviation; moved by the variance alone it would be 50 to 60


def test_a_whole_of_nothing_has_parts_of_nothing():
    found = whole_numbers([_estimates([-7.0]), _estimates([-9.0, 2.0])], [np.array([0, 0])], non_negative=True)
    assert [level.tolist() for level in found] == [[0], [0, 0]]
