"""Downcoding: finer labels written by who knows the method, held against the original."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from anonymize.recipe import KAnonymity
from anonymize.risk import downcoding as module
from anonymize.risk.coding import code_tables
from anonymize.risk.downcoding import downcoding
from anonymize.risk.method import Method
from anonymize.risk.method_attacks import attack_method
from tests.anonymize.risk.recoded import LADDER, random_release
from tests.anonymize.risk.worlds import QUASI, coarse, coded, people

LOCAL, FULL, FIXED = Method("local_recoding", 3), Method("full_domain", 3), Method("fixed", 3)


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def local(seed: int = 3):
    return random_release(seed, rows=500, columns=3, k=3)


def test_who_knows_how_a_local_recoding_goes_writes_it_finer_than_who_does_not():
    gains = []
    for seed in range(3):
        world = local(seed)
        found = downcoding(world.tables, world.quasi, method=LOCAL, rng=rng())["guess"]
        gains.append(found["attack"]["value"] - found["baseline"]["value"])
    assert np.mean(gains) > 0.03


def rest_of_a_cut() -> tuple[pa.Table, pa.Table]:
    """N1 went; of the rest, N, all but a few are in N2 as far as anybody can see: N3 is closed too, by another class."""
    areas = ["N1"] * 6 + ["N3"] * 6 + ["N2"] * 5 + ["N4"]
    original = pa.table({"age": [21] * 18, "area": areas})
    return original, pa.table({"age": [21] * 18, "area": ["N1"] * 6 + ["N3"] * 6 + ["N"] * 6})


def test_closed_parts_are_not_guessed_and_likely_ones_are():
    original, release = rest_of_a_cut()
    tables = code_tables(original, release, quasi_identifiers=QUASI)
    found = downcoding(tables, [0, 1], method=LOCAL, rng=rng())
    # the attacker knows N2 or N4 and tosses a coin; without the method all look at N1 or N3, which the release shows most
    assert found["guess"]["attack"]["trials"] == 6
    assert found["guess"]["attack"]["successes"] == 3
    assert found["guess"]["baseline"]["successes"] == 0


def test_a_large_rest_is_nearly_all_in_one_part_and_the_attacker_is_sure():
    areas = ["N1"] * 40 + ["N2"] * 60 + ["N3"]
    original = pa.table({"age": [21] * 101, "area": areas})
    release = pa.table({"age": [21] * 101, "area": ["N"] * 101})
    tables = code_tables(original, release, quasi_identifiers=QUASI)
    found = downcoding(tables, [0, 1], method=Method("local_recoding", 60), rng=rng())
    assert found["claims"]["trials"] == 0  # below 2k nothing follows from k
    sure = downcoding(tables.only([0, 1]), [0, 1], method=Method("local_recoding", 2), rng=rng())
    assert sure["claims"]["trials"] == 0  # by chance each is as likely to be the large one


def test_where_one_part_is_likelier_the_method_makes_sure_of_it():
    # other classes show N1 ten times as often as N2 and N3; an uncut class of 60 has nearly all its rows in one part
    shown = ["N1"] * 280 + ["N2"] * 25 + ["N3"] * 25
    release = pa.table({"age": [21] * 330 + [22] * 60, "area": [*shown, *["N"] * 60]})
    original = pa.table({"age": [21] * 330 + [22] * 60, "area": [*shown, *["N1"] * 58, "N2", "N3"]})
    tables = code_tables(original, release, quasi_identifiers=QUASI)
    knows, does_not = (downcoding(tables, [0, 1], method=method, targets=400, rng=rng()) for method in (LOCAL, FIXED))
    assert (knows["learnt"], does_not["learnt"]) == (60, 0)
    assert knows["learnt_right"]["successes"] == 58
    assert does_not["claims"]["trials"] == 0


def test_a_scheme_fixed_beforehand_resists():
    for seed in range(3):
        original = people(np.random.default_rng(seed), 500)
        found = downcoding(coded(original, coarse(original)), [0, 1], method=FIXED, rng=rng())
        assert found["guess"]["attack"] == found["guess"]["baseline"]
        assert found["guess"]["risk"]["value"] == 0
        assert found["learnt"] == 0


def test_an_attacker_who_takes_a_fixed_scheme_for_a_minimal_one_learns_nothing_that_is_true():
    original = people(np.random.default_rng(1), 900)
    tables = coded(original, coarse(original))
    mistaken = downcoding(tables, [0, 1], method=LOCAL, rng=rng())
    assert mistaken["guess"]["risk"]["lower"] == 0
    assert mistaken["learnt_right"]["value"] < 0.5


def test_a_full_domain_release_tells_that_somebody_is_rare():
    # of five codes under a, four begin with aa and one with ab; the class s has one code and cannot hold a small part
    original = pa.table({"area": ["aaa", "aab", "aac", "aad", "aba", "aaa", "sss", "sss", "sss"]})
    release = pa.table({"area": ["a"] * 6 + ["s"] * 3})
    tables = code_tables(original, release, quasi_identifiers={"area": LADDER})
    guesser = module._Guesser(tables, module.Refined(tables, [0], FULL), FULL)
    big = int(guesser.sizes.argmax())
    before = np.array([0.8, 0.2])
    after = guesser._after(big, 0, before, np.ones(2, dtype=bool))
    draws = np.random.default_rng(0).binomial(6, 0.2, 200_000)  # of six, how many are in ab: thrown until a part is small
    rare = draws[((draws > 0) & (draws < 3)) | ((draws > 3) & (draws < 6))]
    assert after.sum() == pytest.approx(1)
    assert after[1] == pytest.approx(float(rare.mean()) / 6, abs=0.005)
    assert after[1] > 0.23
    resisting = module._Guesser(tables, module.Refined(tables, [0], FIXED), FIXED)
    assert resisting._after(big, 0, before, np.ones(2, dtype=bool)) == pytest.approx(before)


def test_people_of_whom_the_release_says_nothing_are_not_counted():
    original = people(np.random.default_rng(2), 60)
    found = downcoding(coded(original, original), [0, 1], method=LOCAL, rng=rng())
    assert found["guess"]["attack"]["trials"] == 0  # no cell is generalised
    nobody = downcoding(coded(original, original.slice(0, 0)), [0, 1], method=LOCAL, rng=rng())
    assert (nobody["guess"]["attack"]["trials"], nobody["several"]) == (0, 0)


def test_all_attacks_on_the_method_run_on_a_release_of_every_method():
    world = local()
    stage = KAnonymity(stage="k_anonymity", k=3, method="local_recoding")
    found = attack_method(world.tables, world.quasi, [3], stage, targets=100, rng=rng())
    assert (found["full_domain"], found["chosen_from_data"], found["minimality"]) == (False, True, None)
    assert found["refinement"]["downcoded"]["successes"] > 0
    assert found["downcoding"]["guess"]["attack"]["trials"] > 0


@pytest.mark.parametrize(
    ("stage", "row_is_person", "expected"),
    [
        ({"method": "local_recoding"}, True, Method("local_recoding", 3)),
        ({"method": "local_recoding"}, False, Method("local_recoding", 3, only_k=False)),
        ({"models": ({"model": "l_diversity", "column": "s", "l": "2"},)}, True, Method("full_domain", 3, only_k=False)),
        (
            {"models": ({"model": "k_map", "k": 4, "population": {"file": "p.csv"}},)},
            True,
            Method("full_domain", 3, only_k=False, fitted=False),
        ),
        ({"method": "fixed", "levels": {"q": 1}}, True, Method("fixed", 3)),
    ],
)
def test_what_an_attacker_knows_is_what_the_recipe_says(stage, row_is_person, expected):
    asked = KAnonymity.model_validate({"stage": "k_anonymity", "k": 3, **stage})
    assert Method.of_stage(asked, row_is_person=row_is_person) == expected


# --- planted faults: the tests above would notice ----------------------------------------------------------------


def test_guessing_closed_parts_would_be_noticed(monkeypatch):
    original, release = rest_of_a_cut()
    tables = code_tables(original, release, quasi_identifiers=QUASI)
    honest = module._Guesser._after
    monkeypatch.setattr(module._Guesser, "_after", lambda self, which, j, before, open_: honest(self, which, j, before, np.ones_like(open_)))
    assert downcoding(tables, [0, 1], method=LOCAL, rng=rng())["guess"]["attack"]["successes"] != 3
