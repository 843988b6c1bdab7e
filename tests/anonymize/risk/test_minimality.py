"""The minimality attack, and the chances it argues with, each against every way to throw persons into parts."""

from __future__ import annotations

from itertools import product

import numpy as np
import pyarrow as pa
import pytest

from anonymize.risk.chances import shares_when_uncut, shares_without_small, small_part
from anonymize.risk.coding import code_tables
from anonymize.risk.method import Method
from anonymize.risk.minimality import minimality, node_of
from tests.anonymize.risk.recoded import random_release
from tests.anonymize.risk.worlds import QUASI, coarse, coded, people

FULL = Method("full_domain", 3)
THROWS = [(6, [0.5, 0.5], 3), (5, [0.2, 0.3, 0.5], 2), (7, [0.7, 0.1, 0.1, 0.1], 4), (8, [0.6, 0.3, 0.1], 3), (6, [0.9, 0.1, 0.0], 2)]


def thrown(n, weights):
    """Every way to throw n persons: how many are in each part, and its chance."""
    for ways in product(range(len(weights)), repeat=n):
        yield np.array([ways.count(i) for i in range(len(weights))]), float(np.prod([weights[i] for i in ways]))


@pytest.mark.parametrize(("n", "weights", "k"), [*THROWS, (4, [1.0], 2)])
def test_the_chance_of_a_small_part_is_that_of_every_way_to_throw(n, weights, k):
    chance = sum(p for sizes, p in thrown(n, weights) if any(0 < size < k for size in sizes))
    assert small_part(n, np.array(weights), k) == pytest.approx(chance, abs=1e-9)


@pytest.mark.parametrize(("n", "weights", "k"), THROWS)
def test_shares_without_a_small_part_are_those_of_every_way_to_throw(n, weights, k):
    expected = sum(p * sizes / n for sizes, p in thrown(n, weights) if not any(0 < size < k for size in sizes))
    assert shares_without_small(n, np.array(weights), k) == pytest.approx(np.broadcast_to(expected, len(weights)), abs=1e-9)


def uncut(sizes, k) -> bool:
    """Would local recoding have left a class like this? In two parts or more, and no part could go without harm."""
    n = int(sizes.sum())
    goes = [size for size in sizes if k is not None and size >= k and (n - size >= k or n == size)]
    return int((sizes > 0).sum()) > 1 and not goes


@pytest.mark.parametrize("limit", [True, False])
@pytest.mark.parametrize(("n", "weights", "k"), THROWS)
def test_shares_in_a_class_that_was_not_cut_are_those_of_every_way_to_throw(n, weights, k, limit):
    asked = k if limit else None
    ways = [(sizes / n, p) for sizes, p in thrown(n, weights) if uncut(sizes, asked)]
    expected = sum(p * share for share, p in ways) / sum(p for _, p in ways)
    assert shares_when_uncut(n, np.array(weights), asked) == pytest.approx(expected, abs=1e-9)


def test_in_a_large_class_that_was_not_cut_one_part_has_nearly_all():
    found = shares_when_uncut(60, np.array([0.5, 0.3, 0.2]), 3)
    assert found is not None
    assert found.sum() == pytest.approx(1)
    assert found[0] > 0.95  # it must be one, and the most likely one by far is the largest
    assert shares_when_uncut(60, np.full(40, 1 / 40), 3) is None  # may as well be in forty parts of one or two: not worked out
    assert shares_when_uncut(5, np.array([1.0, 0.0]), 3) is None


def test_a_large_class_is_as_if_its_parts_were_independent():
    rare = np.array([0.97, 0.03])
    draws = np.random.default_rng(0).binomial(100, 0.03, 40_000)
    assert small_part(100, rare, 5) == pytest.approx(float(((draws > 0) & (draws < 5)).mean()), abs=0.02)


def test_levels_are_read_off_a_full_domain_release_and_off_no_other():
    original = people(np.random.default_rng(8), 200)
    assert node_of(coded(original, coarse(original)).only([0, 1])) == (1, 1)
    assert node_of(coded(original, original).only([0, 1])) == (0, 0)
    local = random_release(1, rows=120)
    assert node_of(local.tables.only(local.quasi)) is None
    assert minimality(local.tables.only(local.quasi), FULL) is None


def one_class_to_split():
    """Two classes; only N has a finer level to fall to, so minimality says that N1 or N2 has fewer than k people."""
    original = pa.table({"age": [21] * 9, "area": ["N1"] * 5 + ["N2"] + ["S1"] * 3})
    release = pa.table({"age": [21] * 9, "area": ["N"] * 6 + ["S"] * 3})
    return code_tables(original, release, quasi_identifiers=QUASI)


def test_the_only_class_that_can_be_split_is_known_to_hold_a_rare_person():
    found = minimality(one_class_to_split(), FULL)
    assert found["levels"] == {"age": 0, "area": 1}
    assert (found["claims"]["successes"], found["claims"]["trials"], found["learnt"]) == (1, 1, 1)
    assert found["gain_max"] > 0.3
    assert found["claims_before"]["trials"] == 0


@pytest.mark.parametrize("method", [Method("fixed", 3), Method("full_domain", 3, only_k=False)])
def test_a_scheme_that_other_things_decided_gives_nothing_to_argue_from(method):
    found = minimality(one_class_to_split(), method)
    assert (found["argues"], found["gain"], found["gain_max"], found["learnt"]) == (False, 0, 0, 0)
    assert found["claims"] == found["claims_before"]


def test_among_many_classes_minimality_tells_little():
    original = people(np.random.default_rng(8), 200)
    found = minimality(coded(original, coarse(original)).only([0, 1]), FULL)
    assert 0 <= found["gain"] < 0.1


def slow_truth(original: pa.Table, release: pa.Table, k: int) -> int:
    """Classes of (decade, first letter) of which some single age has 1 … k-1 people, and the same for some area."""
    found = 0
    for decade, letter in {tuple(row.values()) for row in release.select(["age", "area"]).to_pylist()}:
        inside = [row for row in original.to_pylist() if f"[{row['age'] // 10 * 10}, " in decade and row["area"][0] == letter]
        for name in ("age", "area"):
            values = [row[name] for row in inside]
            found += any(0 < values.count(value) < k for value in values)
    return found


def test_claims_are_held_against_the_original_itself():
    original = people(np.random.default_rng(4), 60)
    release = coarse(original)
    found = minimality(coded(original, release).only([0, 1]), Method("full_domain", 60))  # then every class is claimed
    assert found["claims"]["trials"] == 2 * found["classes"]
    assert found["claims"]["successes"] == slow_truth(original, release, 60)
    some = minimality(coded(original, release).only([0, 1]), Method("full_domain", 6))
    assert some["claims"]["successes"] <= slow_truth(original, release, 6)


def test_a_minimality_attack_that_is_off_by_one_in_k_would_be_noticed():
    assert small_part(6, np.array([0.5, 0.5]), 3) != pytest.approx(small_part(6, np.array([0.5, 0.5]), 4), abs=1e-3)


def test_a_class_that_could_be_cut_by_a_part_of_k_would_be_noticed():
    weights = np.array([0.6, 0.3, 0.1])
    assert shares_when_uncut(8, weights, 3) != pytest.approx(shares_when_uncut(8, weights, 4), abs=1e-3)
