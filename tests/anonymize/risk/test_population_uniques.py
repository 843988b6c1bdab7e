"""Estimates of population uniques, against populations that are known whole and against sums written out."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from anonymize.risk import population

SIZES = np.array([1] * 40 + [2] * 12 + [3] * 5 + [9, 20])


def slow_zayatz(sizes: list[int], population_size: int) -> float:
    n = sum(sizes)

    def one_drawn(h: int) -> Fraction:
        return Fraction(h * math.comb(population_size - h, n - 1), math.comb(population_size, n))

    share = {h: Fraction(sizes.count(h), len(sizes)) for h in set(sizes)}
    given = share[1] * one_drawn(1) / sum(share[h] * one_drawn(h) for h in share)
    return float(Fraction(sizes.count(1) * population_size, n) * given)


def slow_record_risk(f: int, pi: float) -> float:
    return sum(math.comb(h - 1, f - 1) * pi**f * (1 - pi) ** (h - f) / h for h in range(f, 900))


def test_zayatz_is_the_sum_written_out_in_fractions():
    sizes = [1] * 10 + [2] * 4 + [5]
    assert population.zayatz(np.array(sizes), 0.25) == pytest.approx(slow_zayatz(sizes, sum(sizes) * 4), rel=1e-9)


@pytest.mark.parametrize("pi", [0.1, 0.5])
@pytest.mark.parametrize("f", [1, 2, 5, 30])
def test_the_risk_of_a_record_is_the_series_summed(f, pi):
    assert population.record_risk(np.array([f]), pi)[0] == pytest.approx(slow_record_risk(f, pi), rel=1e-6)


def chinese_restaurant(rng: np.random.Generator, persons: int, theta: float, alpha: float) -> np.ndarray:
    """Class sizes of a population that Pitman's formula describes, person by person."""
    table: list[int] = []
    seat: list[int] = []
    for i in range(persons):
        if rng.random() < (theta + alpha * len(table)) / (theta + i):
            table.append(1)
            seat.append(len(table) - 1)
            continue
        while True:  # a class in proportion to its size less alpha
            at = seat[rng.integers(i)]
            if rng.random() < (table[at] - alpha) / table[at]:
                break
        table[at] += 1
        seat.append(at)
    return np.array(seat)


def test_pitman_finds_the_uniques_of_a_population_that_follows_it():
    rng = np.random.default_rng(3)
    seats = chinese_restaurant(rng, 40_000, 50.0, 0.5)
    truth = int((np.bincount(seats) == 1).sum())
    drawn = np.bincount(rng.choice(seats, 4_000, replace=False))
    assert population.pitman(drawn[drawn > 0], 0.1) == pytest.approx(truth, rel=0.15)


def test_the_negative_binomial_finds_the_uniques_of_a_population_that_follows_it():
    rng = np.random.default_rng(4)
    sizes = 1 + rng.negative_binomial(1.5, 0.3, 20_000)
    truth = int((sizes == 1).sum())
    drawn = rng.binomial(sizes, 0.3)
    found = population.slide_negative_binomial(drawn[drawn > 0], 0.3)
    assert found == pytest.approx(truth, rel=0.1)
    assert population.slide_negative_binomial(drawn[drawn > 0], 0.6) != pytest.approx(truth, rel=0.1)  # the wrong fraction is seen


@pytest.mark.parametrize("model", [population.zayatz, population.pitman, population.slide_negative_binomial])
def test_no_estimate_leaves_its_range(model):
    for sizes in (SIZES, np.array([1] * 30), np.array([1, 1]), np.array([1]), np.array([2, 3])):
        for fraction in (0.01, 0.3, 0.99):
            assert 0 <= model(sizes, fraction) <= sizes.sum() / fraction * (1 + 1e-9)


def test_a_whole_population_needs_no_estimate():
    found = population.population_uniques(SIZES, 1)
    assert found["population_uniques"] == found["sample_uniques"] == 40
    assert found["share_of_sample_uniques"] == 1


def test_the_model_follows_the_sampling_fraction():
    assert population.population_uniques(SIZES, 0.05)["chosen"] == "pitman"
    found = population.population_uniques(SIZES, 0.5)
    assert found["estimates"][found["chosen"]] == min(found["estimates"]["zayatz"], found["estimates"]["snb"])
    assert found["population_uniques"] < 2 * found["sample_uniques"]


def test_three_attackers_by_hand():
    sizes = np.array([1, 1, 2, 4])
    whole = population.attackers(sizes, 1)
    assert (whole["prosecutor_max"], whole["journalist_max"], whole["marketer"], whole["records_above"]) == (1, 1, 0.5, 1.0)
    sample = population.attackers(sizes, 0.5)
    assert sample["prosecutor_max"] == 1
    assert sample["journalist_max"] == pytest.approx(math.log(2), abs=1e-9)
    assert sample["marketer"] < 0.5


@pytest.mark.parametrize("fraction", [0, -0.1, 1.1, float("nan")])
def test_a_fraction_that_cannot_be_is_refused(fraction):
    with pytest.raises(ValueError, match="fraction"):
        population.population_uniques(SIZES, fraction)


def test_an_empty_class_is_refused():
    with pytest.raises(ValueError, match="at least one record"):
        population.zayatz(np.array([0, 1]), 0.5)
