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


def slow_one_over(f: int, alpha: float, rho: float) -> float:
    """E[1/(f+X)], X negative binomial with f - α and ρ: the series, term by term."""
    found, chance = 0.0, rho ** (f - alpha)
    for x in range(20_000):
        found += chance / (f + x)
        chance *= (1 - rho) * (f - alpha + x) / (x + 1)
    return found


def test_zayatz_is_the_sum_written_out_in_fractions():
    sizes = [1] * 10 + [2] * 4 + [5]
    assert population.zayatz(np.array(sizes), 0.25) == pytest.approx(slow_zayatz(sizes, sum(sizes) * 4), rel=1e-9)


@pytest.mark.parametrize(("alpha", "rho"), [(0.0, 0.5), (0.0, 0.05), (0.4, 0.1), (0.9, 0.3), (1e-6, 0.2)])
@pytest.mark.parametrize("f", [1, 2, 5, 60])
def test_the_risk_of_a_record_is_the_series_summed(f, alpha, rho):
    assert population.one_over(np.array([float(f)]), alpha, rho)[0] == pytest.approx(slow_one_over(f, alpha, rho), rel=1e-5)


def test_the_risk_of_a_record_is_that_of_the_urn_drawn_on():
    rng = np.random.default_rng(2)
    alpha, rho, f = 0.6, 0.2, 2
    drawn = 1 / (f + rng.negative_binomial(f - alpha, rho, 200_000))
    assert population.one_over(np.array([float(f)]), alpha, rho)[0] == pytest.approx(drawn.mean(), rel=0.01)


def crowd(rng: np.random.Generator, districts: int, ages: int, jobs: int) -> np.ndarray:
    """50,000 people: a district, an age and a job, some districts and jobs much commoner than others."""
    size = 50_000

    def skewed(count: int, power: float) -> np.ndarray:
        weights = 1 / np.arange(1, count + 1) ** power
        return rng.choice(count, size, p=weights / weights.sum())

    return (skewed(districts, 0.7) * ages + rng.integers(0, ages, size)) * jobs + skewed(jobs, 1.0)


CROWDS = [(100, 60, 20), (60, 50, 10)]


@pytest.mark.parametrize("shape", CROWDS)
@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.3, 0.6])
def test_of_people_drawn_from_a_crowd_the_estimates_are_near_what_the_crowd_has(shape, fraction):
    rng = np.random.default_rng(6)
    everybody = crowd(rng, *shape)
    drawn = rng.choice(everybody, int(len(everybody) * fraction), replace=False)
    people, sample = np.bincount(everybody), np.bincount(drawn, minlength=int(everybody.max()) + 1)
    found = population.population_uniques(sample[sample > 0], fraction)
    truth = float((people[sample == 1] == 1).mean())
    assert found["share_of_sample_uniques"] == pytest.approx(truth, abs=0.2)  # the band that is stated
    assert found["population_uniques"] > 0.7 * int((people == 1).sum())  # and hardly ever too few
    risks, own = population.record_risk(sample[sample > 0], fraction), 1 / people[sample > 0]
    records = sample[sample > 0]
    assert 0.8 < float(risks @ records) / float(own @ records) < 1.4
    lone = records == 1
    assert 0.8 < float(risks[lone].mean()) / float(own[lone].mean()) < 1.5


def test_the_older_estimate_of_a_records_risk_would_be_noticed():
    rng = np.random.default_rng(6)
    everybody = crowd(rng, 100, 60, 20)
    drawn = rng.choice(everybody, 2_500, replace=False)
    people, sample = np.bincount(everybody), np.bincount(drawn, minlength=int(everybody.max()) + 1)
    lone = (1 / people[sample == 1]).mean()
    assert population.one_over(np.array([1.0]), 0.0, 0.05)[0] < 0.3 * lone  # θ = α = 0 says it is safe


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
    assert math.log(2) - 1e-6 < sample["journalist_max"] < 1
    assert sample["marketer"] < 0.5
    assert population.attackers(np.array([], dtype=np.int64), 0.5)["journalist_max"] == 0


@pytest.mark.parametrize("fraction", [0, -0.1, 1.1, float("nan")])
def test_a_fraction_that_cannot_be_is_refused(fraction):
    with pytest.raises(ValueError, match="fraction"):
        population.population_uniques(SIZES, fraction)


def test_an_empty_class_is_refused():
    with pytest.raises(ValueError, match="at least one record"):
        population.zayatz(np.array([0, 1]), 0.5)
