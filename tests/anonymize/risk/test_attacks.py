"""Attacks against releases whose answer is known: copies, coarse tables, tables about other people."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from anonymize.errors import InputError
from anonymize.recipe import PrefixHierarchy
from anonymize.risk.attacks import inference, linkability
from anonymize.risk.coding import code_tables
from anonymize.risk.linkage import linkage
from anonymize.risk.nearest import Known
from anonymize.risk.rates import generator
from anonymize.risk.singling_out import Rows, alone_in_release, singling_out
from tests.anonymize.risk.worlds import QUASI, coarse, coded, people

SEED = 7


def rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


@pytest.fixture(scope="module")
def world():
    draw = np.random.default_rng(1)
    return people(draw, 400), people(draw, 400)


def test_a_label_covers_what_its_hierarchy_says(world):
    original, _ = world
    tables = coded(original, pa.table({"age": ["[20, 30)", "*", "41"], "area": ["N", "N2", "*"], "illness": ["flu", "gout", None]}))
    age, area, illness = tables.columns
    cover = age.cover(tables.original[:, 0])
    for row, value in enumerate(original["age"].to_pylist()):
        assert cover[row].tolist() == [20 <= value < 30, True, value == 41]
    cover = area.cover(tables.original[:, 1])
    for row, value in enumerate(original["area"].to_pylist()):
        assert cover[row].tolist() == [value[0] == "N", value == "N2", True]
    assert age.loss[1] == 1
    assert age.loss[2] == 0
    assert 0 < age.loss[0] < 0.5
    assert illness.sizes.tolist() == [1, 1, 0]  # nobody of the original has null


def test_null_is_a_value_that_no_interval_covers():
    original = pa.table({"age": pa.array([21, None, 35]), "area": ["N1", "N1", None], "illness": ["flu"] * 3})
    tables = coded(original, pa.table({"age": ["[20, 30)", None, "*"], "area": ["N", None, "*"], "illness": ["flu"] * 3}))
    assert tables.columns[0].cover(tables.original[:, 0]).tolist() == [[True, False, True], [False, True, True], [False, False, True]]


def test_intervals_that_no_hierarchy_declared_are_read_as_they_say():
    original = pa.table({"x": [1.5, 2.0, 3.0], "day": [dt.date(2024, 1, i) for i in (1, 5, 9)]})
    release = pa.table({"x": ["[1.5, 2)", "(1.5, 3]", "2"], "day": ["[2024-01-01, 2024-01-06)", "*", "2024-01-09"]})
    tables = code_tables(original, release, quasi_identifiers={"x": None, "day": None})
    assert [tables.columns[0].covered(i).tolist() for i in range(3)] == [[0], [1, 2], [1]]
    assert [tables.columns[1].covered(i).tolist() for i in range(3)] == [[0, 1], [0, 1, 2], [2]]


def test_a_text_that_is_a_label_of_two_levels_means_the_level_that_explains_the_column():
    original = pa.table({"code": ["M", "M12", "M13", "K1"]})
    ladder = {"code": PrefixHierarchy(prefix=(2, 1))}

    def covered(*labels):
        tables = code_tables(original, pa.table({"code": list(labels)}), quasi_identifiers=ladder)
        return [tables.columns[0].covered(i).tolist() for i in range(len(labels))]

    assert covered("M", "M1", "K1") == [[0], [1, 2], [3]]  # two characters
    assert covered("M", "K") == [[0, 1, 2], [3]]  # one character
    assert covered("M", "M12", "*") == [[0, 1, 2], [1], [0, 1, 2, 3]]  # levels mixed: all that it may stand for


def test_a_label_that_nobody_knows_is_refused_without_naming_it(world):
    original, _ = world
    with pytest.raises(InputError) as caught:
        coded(original, pa.table({"age": ["around Kim"], "area": ["*"], "illness": ["flu"]}))
    assert "Kim" not in str(caught.value)
    with pytest.raises(InputError, match="release has no column"):
        code_tables(original, original.drop_columns(["age"]), quasi_identifiers=QUASI)


def slow_nearest(table, person, known, original, release):
    """The nearest rows by sums written out over every row."""
    ages = original["age"].to_pylist()
    span = max(ages) - min(ages)
    rows = release.to_pylist()

    def apart(row):
        total = 0.0
        for i in known:
            name = ("age", "area", "illness")[i]
            mine, label = person[name], row[name]
            if name == "age":
                low, high = (int(part) for part in label[1:-1].split(", "))
                inside = [a for a in ages if low <= a < high]
                total += 0 if low <= mine < high else max(min(inside) - mine, mine - max(inside)) / span
            else:
                total += 0 if mine.startswith(label) else 1
        return round(total, 5)

    least = min(apart(row) for row in rows)
    return {i for i, row in enumerate(rows) if apart(row) == least}


@pytest.mark.parametrize("known", [(0,), (0, 1), (1, 2), (0, 1, 2)])
def test_the_nearest_rows_are_those_of_looking_at_every_row(world, known):
    original, others = world
    release = coarse(original.slice(0, 60))
    tables = coded(original, release, others)
    held = tables.holdout[:40]
    seen = Known(tables, known)
    for i, near in enumerate(seen.nearest(held)):
        found = set(np.flatnonzero(np.isin(seen.of[tables.released.of], near.codes)).tolist())
        assert found == slow_nearest(tables, others.slice(i, 1).to_pylist()[0], known, original, release)
        assert near.rows == len(found)


def test_a_copy_of_the_original_is_singled_out_and_a_coarse_release_hardly(world):
    original, others = world
    raw = singling_out(coded(original, original, others), queries=300, rng=rng())
    assert raw.attack.value == 1
    assert raw.control.value < 0.6
    assert raw.as_dict()["risk"]["lower"] > 0.9
    safe = singling_out(coded(original, coarse(original), others), queries=300, rng=rng())
    assert safe.attack.trials < raw.attack.trials


def slow_matches(query, tables, codes, *, released):
    matched = 0
    for row in codes:
        fits = True
        for place, sign, label in query:
            column = tables.columns[place]
            if sign == "=":
                fits &= bool(row[place] == label if released else row[place] in column.covered(label))
            else:
                bound = column.numbers[column.covered(label)[0]]
                mine = column.numbers[column.covered(row[place])[0] if released else row[place]]
                fits &= bool(mine <= bound if sign == "<=" else mine >= bound)
        matched += fits
    return matched


def test_queries_are_answered_as_by_going_through_every_row(world):
    original, others = world
    for release in (original, coarse(original)):
        tables = coded(original, release, others)
        kept = alone_in_release(tables, 15, None, 3000, rng())
        assert kept or release is not original
        for query in kept:
            assert slow_matches(query, tables, tables.release, released=True) == 1
            for group in (tables.people, tables.control):
                fast = Rows.of_people(tables.columns, group).one_person(query)
                assert fast == (slow_matches(query, tables, group.codes, released=False) == 1)


def attacks_on(tables):
    return (
        singling_out(tables, queries=200, rng=rng()),
        linkability(tables, [0], [1, 2], targets=400, rng=rng()),
        inference(tables, [0, 1], 2, targets=400, rng=rng()),
        linkage(tables, 2, targets=400, rng=rng()),
    )


def test_a_release_about_other_people_puts_nobody_at_risk(world):
    original, others = world
    beyond = []
    for seed in range(5):
        found = attacks_on(coded(original, people(np.random.default_rng(seed + 50), 400), others))
        assert all(attack.as_dict()["risk"]["lower"] < 0.06 for attack in found)
        beyond.append([attack.attack.value - attack.control.value for attack in found])
    assert np.abs(np.mean(beyond, axis=0)).max() < 0.04


def test_a_copy_lets_itself_be_linked_and_gives_secrets_away(world):
    original, others = world
    tables = coded(original, original, others)
    assert inference(tables, [0, 1], 2, targets=400, rng=rng()).as_dict()["risk"]["lower"] > 0.15
    everything = linkage(tables, 3, targets=400, rng=rng())
    some = linkage(tables, 1, targets=400, rng=rng())
    assert everything.attack.value > 5 * some.attack.value
    assert everything.as_dict()["risk"]["lower"] > 0.2
    blurred = linkage(coded(original, coarse(original), others), 3, targets=400, rng=rng())
    assert blurred.attack.value < everything.attack.value / 3


def test_a_link_is_right_with_one_over_the_number_of_equal_rows():
    original = pa.table({"age": [21, 22, 31, 41], "area": ["N1"] * 4, "illness": ["flu"] * 4})
    tables = coded(original, coarse(original).slice(0, 3))
    # 21 and 22 share a row's labels (1/2 each), 31 has its own (1), 41 was suppressed (0)
    assert linkage(tables, 3, targets=4, rng=rng()).attack.successes == pytest.approx(2)


def slow_inference(table, known, original, release):
    """Share of people whose commonest illness among the rows nearest to them is theirs, row by row."""
    won = 0.0
    for person in original.to_pylist():
        near = slow_nearest(table, person, known, original, release)
        ill = [release["illness"][i].as_py() for i in near]
        most = max(ill.count(one) for one in ill)
        best = {one for one in ill if ill.count(one) == most}
        won += (person["illness"] in best) / len(best)
    return won / original.num_rows


def test_the_guess_of_a_secret_is_the_commonest_among_the_nearest_rows(world):
    original, _ = world
    some = original.slice(0, 80)
    release = coarse(some.slice(10, 60))
    tables = coded(some, release)
    found = inference(tables, [0, 1], 2, targets=80, rng=rng())
    assert found.attack.value == pytest.approx(slow_inference(tables, (0, 1), some, release), abs=1e-9)
    commonest = max(set(release["illness"].to_pylist()), key=release["illness"].to_pylist().count)
    assert found.baseline.successes == some["illness"].to_pylist().count(commonest)


def test_a_secret_with_very_many_labels_costs_what_its_rows_cost():
    rows = 3000
    original = pa.table({"age": np.arange(rows) % 40, "area": ["N1"] * rows, "illness": [f"i{i}" for i in range(rows)]})
    assert inference(coded(original, original), [0], 2, targets=50, rng=rng()).attack.value < 0.1


def test_a_guess_that_stands_for_several_values_counts_in_part():
    original = pa.table({"age": [21, 22, 31, 31], "area": ["N1", "N2", "S1", "S1"], "illness": ["flu"] * 4})
    tables = coded(original, coarse(original))
    found = inference(tables, [0], 1, targets=4, rng=rng())  # N stands for N1 and N2: half right; S for S1 alone
    assert found.attack.successes == pytest.approx(2 * 1 / 2 + 2)


def test_the_generator_decides_alone(world):
    original, others = world
    tables = coded(original, original, others)
    assert singling_out(tables, queries=50, rng=rng()) == singling_out(tables, queries=50, rng=rng())


@pytest.mark.draws
def test_without_a_generator_the_seed_is_the_operating_systems():
    numbers = {int(generator().integers(1 << 62)) for _ in range(8)}
    assert len(numbers) == 8  # two equal ones: once in 10^17 runs


def test_an_empty_release_harms_nobody(world):
    original, others = world
    tables = coded(original, original.slice(0, 0), others)
    for attack in (singling_out(tables), linkability(tables, [0], [1]), inference(tables, [0], 2), linkage(tables, 1)):
        assert attack.attack.successes == 0


@pytest.mark.parametrize("q", [0, 4])
def test_an_attacker_knows_one_to_all_columns(world, q):
    with pytest.raises(ValueError, match="at least one"):
        linkage(coded(*world), q)
