"""What the method of a release gives away: refinement of overlapping classes, minimality of full-domain levels."""

from __future__ import annotations

from itertools import product

import numpy as np
import pyarrow as pa
import pytest

from anonymize.risk.coding import code_tables
from anonymize.risk.minimality import minimality, node_of, small_part
from anonymize.risk.refinement import _Classes, refinement
from tests.anonymize.risk.worlds import QUASI, coarse, coded, decade, people


def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def release_of(ages, areas, illnesses):
    return pa.table({"age": ages, "area": areas, "illness": illnesses})


def greedy(original: pa.Table, k: int) -> pa.Table:
    """Local recoding in its plainest form: publish what holds at the finest state, then go on with the rest."""
    left = original.to_pylist()
    published: list[dict[str, str]] = []
    states = [(lambda a: decade([a])[0], lambda s: s), (lambda a: decade([a])[0], lambda s: s[:1]), (lambda a: decade([a])[0], lambda s: "*"), (lambda a: "*", lambda s: "*")]
    for of_age, of_area in states:
        groups: dict[tuple[str, str], list[dict[str, str]]] = {}
        for row in left:
            groups.setdefault((of_age(row["age"]), of_area(row["area"])), []).append(row)
        for (age, area), rows in groups.items():
            if len(rows) >= k:
                published += [{"age": age, "area": area, "illness": row["illness"]} for row in rows]
        left = [row for rows in groups.values() if len(rows) < k for row in rows]
    return pa.Table.from_pylist(published)


@pytest.fixture(scope="module")
def world():
    original = people(np.random.default_rng(8), 200)
    return original, greedy(original, 6)


def test_a_finer_class_inside_a_coarse_one_tells_what_the_coarse_one_is_not():
    # 10 people of the twenties live in N1, N2; the class N1 took its own, so the class N holds people of N2 alone
    original = release_of([21] * 4 + [22] * 4, ["N1"] * 4 + ["N2"] * 4, ["flu", "cold", "flu", "cold"] + ["gout"] * 4)
    release = release_of(["[20, 30)"] * 8, ["N1"] * 4 + ["N"] * 4, original["illness"])
    found = refinement(coded(original, release), [0, 1], [2], rng=rng())
    assert found["overlapping"]["successes"] == found["downcoded"]["successes"] == found["pinned"]["successes"] == 4
    assert found["refuted"]["successes"] == 0
    # people of N1 might have been in either class; refined, they have flu or cold, never gout
    assert found["secrets"]["illness"]["narrowed"]["successes"] == 4
    assert found["secrets"]["illness"]["pinned_before"]["successes"] == 4  # N2: only the class N covers them
    assert found["secrets"]["illness"]["pinned_after"]["successes"] == 4
    assert found["secrets"]["illness"]["pinned_right"]["value"] == 1


def test_classes_that_do_not_overlap_give_nothing_away():
    original = people(np.random.default_rng(9), 200)
    found = refinement(coded(original, coarse(original)), [0, 1], [2], rng=rng())
    for name in ("overlapping", "downcoded", "pinned", "refuted"):
        assert found[name]["successes"] == 0
    assert found["secrets"]["illness"]["narrowed"]["successes"] == 0


def test_a_greedy_local_recoding_is_refined_and_no_conclusion_is_wrong(world):
    original, release = world
    found = refinement(coded(original, release), [0, 1], [2], rng=rng())
    assert found["downcoded"]["lower"] > 0.1
    assert found["refuted"]["successes"] == 0
    assert found["secrets"]["illness"]["pinned_right"]["successes"] == found["secrets"]["illness"]["pinned_right"]["trials"]


def test_a_release_made_in_another_way_refutes_the_conclusions():
    original = release_of([21] * 9, ["N1"] * 8 + ["N2"], ["flu"] * 9)
    release = release_of(["[20, 30)"] * 8, ["N1"] * 4 + ["N"] * 4, ["flu"] * 8)
    assert refinement(coded(original, release), [0, 1], rng=rng())["refuted"]["successes"] == 4


def test_nested_regions_are_those_whose_leaves_are_subsets(world):
    original, release = world
    tables = coded(original, release).only([0, 1])
    labels, of, sizes = np.unique(tables.release, axis=0, return_inverse=True, return_counts=True)
    classes = _Classes(tables.columns, labels, of.reshape(-1), sizes)
    found = classes.inside(np.arange(len(labels)))
    regions = [set(product(*(c.covered(int(x)).tolist() for c, x in zip(tables.columns, row, strict=True)))) for row in labels]
    for b, whole in enumerate(regions):
        for a, inner in enumerate(regions):
            assert found[b, a] == (inner < whole)


@pytest.mark.parametrize(("n", "weights", "k"), [(6, [0.5, 0.5], 3), (5, [0.2, 0.3, 0.5], 2), (4, [1.0], 2), (7, [0.7, 0.1, 0.1, 0.1], 4)])
def test_the_chance_of_a_small_part_is_that_of_every_way_to_throw(n, weights, k):
    chance = 0.0
    for thrown in product(range(len(weights)), repeat=n):
        sizes = [thrown.count(i) for i in range(len(weights))]
        if any(0 < size < k for size in sizes):
            chance += float(np.prod([weights[i] for i in thrown]))
    assert small_part(n, np.array(weights), k) == pytest.approx(chance, abs=1e-9)


def test_a_large_class_is_as_if_its_parts_were_independent():
    rare = np.array([0.97, 0.03])
    draws = np.random.default_rng(0).binomial(100, 0.03, 40_000)
    assert small_part(100, rare, 5) == pytest.approx(float(((draws > 0) & (draws < 5)).mean()), abs=0.02)


def test_levels_are_read_off_a_full_domain_release_and_off_no_other(world):
    original, local = world
    assert node_of(coded(original, coarse(original)).only([0, 1])) == (1, 1)
    assert node_of(coded(original, original).only([0, 1])) == (0, 0)
    assert node_of(coded(original, local).only([0, 1])) is None
    assert minimality(coded(original, local).only([0, 1]), 6) is None


def test_the_only_class_that_can_be_split_is_known_to_hold_a_rare_person():
    # two classes; only N has a finer level to fall to, so minimality says that N1 or N2 has fewer than k people
    original = release_of([21] * 9, ["N1"] * 5 + ["N2"] + ["S1"] * 3, ["flu"] * 9)
    release = release_of([21] * 9, ["N"] * 6 + ["S"] * 3, ["flu"] * 9)
    tables = code_tables(original, release, quasi_identifiers=QUASI).only([0, 1])
    found = minimality(tables, 3)
    assert found["levels"] == {"age": 0, "area": 1}
    assert (found["claims"]["successes"], found["claims"]["trials"], found["learnt"]) == (1, 1, 1)
    assert found["gain_max"] > 0.3
    assert found["claims_before"]["trials"] == 0


def test_among_many_classes_minimality_tells_little(world):
    original, _ = world
    found = minimality(coded(original, coarse(original)).only([0, 1]), 3)
    assert 0 <= found["gain"] < 0.1


# --- planted faults: the tests above would notice ----------------------------------------------------------------


def test_a_refinement_that_takes_equal_regions_for_nested_would_be_noticed(monkeypatch):
    original = people(np.random.default_rng(9), 200)
    tables = coded(original, coarse(original))
    honest = _Classes.inside
    monkeypatch.setattr(_Classes, "inside", lambda self, whole: honest(self, whole) | np.eye(len(self.labels), dtype=bool)[whole])
    assert refinement(tables, [0, 1], [2], rng=rng())["overlapping"]["successes"] > 0


def test_a_minimality_attack_that_is_off_by_one_in_k_would_be_noticed():
    assert small_part(6, np.array([0.5, 0.5]), 3) != pytest.approx(small_part(6, np.array([0.5, 0.5]), 4), abs=1e-3)
