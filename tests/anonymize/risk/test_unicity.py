"""Unicity of events before and after, each against going through everybody and every choice of points."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from anonymize.recipe import IntervalHierarchy, PrefixHierarchy
from anonymize.risk import unicity as module
from anonymize.risk.coded import Coded
from anonymize.risk.coding import code_tables
from anonymize.risk.nearest import Known
from anonymize.risk.unicity import finest, unicity, unicity_of_release
from tests.anonymize.oracles import unicity as oracle

QUASI = {"hour": IntervalHierarchy(intervals=("6", "12")), "place": PrefixHierarchy(prefix=(1,))}


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def events(seed: int, persons: int = 12, each: int = 5) -> pa.Table:
    draw = np.random.default_rng(seed)
    rows = persons * each
    places = [f"{a}{b}" for a, b in zip(draw.choice(list("NS"), rows), draw.integers(0, 3, rows), strict=True)]
    return pa.table({"hour": draw.integers(0, 24, rows), "place": places, "person": np.repeat(np.arange(persons), each)})


def label(hour: int, place: str) -> tuple[str, str]:
    """Two levels at once: the north in blocks of 12 hours and as one place, the south in blocks of 6 hours."""
    width = 12 if place[0] == "N" else 6
    return f"[{hour // width * width}, {hour // width * width + width})", place[:1] if place[0] == "N" else place


def released(table: pa.Table) -> pa.Table:
    labels = [label(row["hour"], row["place"]) for row in table.to_pylist()]
    return pa.table({"hour": [hour for hour, _ in labels], "place": [place for _, place in labels]})


def coded(table: pa.Table, release: pa.Table) -> Coded:
    return code_tables(table, release, quasi_identifiers=QUASI, person_key="person")


def pairs(table: pa.Table) -> list[oracle.Event]:
    return [(row["person"], (row["hour"], row["place"])) for row in table.to_pylist()]


@pytest.mark.parametrize("p", [1, 2])
def test_unicity_is_the_share_over_all_choices_of_points(p):
    table = events(1, persons=20)
    where = {point: i for i, point in enumerate(sorted({point for _, point in pairs(table)}))}
    points = np.array([where[point] for _, point in pairs(table)])
    found = np.mean([unicity(np.array(table["person"]), points, p, rng=np.random.default_rng(i)).value for i in range(300)])
    assert found == pytest.approx(oracle.alone(pairs(table), p), abs=0.03)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_after_local_recoding_it_is_the_share_that_nobody_else_fits_at_the_levels_of_the_release(p):
    table = events(2, persons=8)
    tables = coded(table, released(table))
    before, after = [], []
    for i in range(70):
        found = unicity_of_release(tables, [0, 1], points=p, rng=np.random.default_rng(i))
        before.append(found["before"][p - 1]["value"])
        after.append(found["after"][p - 1]["value"])
    assert np.mean(before) == pytest.approx(oracle.alone(pairs(table), p), abs=0.05)
    assert np.mean(after) == pytest.approx(oracle.alone(pairs(table), p, lambda point: label(*point)), abs=0.05)
    assert found["rows_explained"] == 1


def test_a_point_is_singled_out_when_all_rows_that_cover_it_are_one_persons():
    table = events(4, persons=8, each=3)
    release = released(table)
    inside = {point: frozenset(other for _, other in pairs(table) if label(*other) == label(*point)) for _, point in pairs(table)}
    rows = [(person, point, inside[point]) for person, point in pairs(table)]
    tables = coded(table, release)
    found = [unicity_of_release(tables, [0, 1], points=1, rng=np.random.default_rng(i))["point"] for i in range(100)]
    assert np.mean([one["after"]["value"] for one in found]) == pytest.approx(oracle.alone_behind_rows(rows), abs=0.05)
    exact = [(person, point, frozenset([point])) for person, point in pairs(table)]
    assert np.mean([one["before"]["value"] for one in found]) == pytest.approx(oracle.alone_behind_rows(exact), abs=0.05)


def test_nobody_is_singled_out_after_who_was_not_before():
    for seed in range(5):
        table = events(seed, persons=30)
        found = unicity_of_release(coded(table, released(table)), [0, 1], rng=rng())
        for before, after in zip(found["before"], found["after"], strict=True):
            assert after["successes"] <= before["successes"]
            assert after["trials"] == before["trials"] > 15
        values = [rate["value"] for rate in found["before"]]
        assert values[0] < values[-1]


def test_rows_that_were_left_out_are_not_known_points():
    table = events(6, persons=10)
    north = table.filter(pa.compute.starts_with(table["place"], "N"))
    found = unicity_of_release(coded(table, released(north)), [0, 1], points=4, rng=rng())
    per_person = [len({point for other, point in pairs(north) if other == person}) for person in range(10)]
    assert [rate["trials"] for rate in found["before"]] == [sum(n >= p for n in per_person) for p in (1, 2, 3, 4)]


def test_an_event_goes_to_the_finest_class_that_covers_it():
    table = pa.table({"hour": [1, 1, 2, 13], "place": ["N1", "N2", "N1", "S1"], "person": [0, 1, 2, 2]})
    release = pa.table({"hour": ["[0, 6)", "[0, 12)", "*"], "place": ["N1", "N", "*"]})
    tables = coded(table, release)
    seen = Known(tables, [0, 1])
    labels = seen.codes[finest(seen, tables.original)].tolist()
    assert labels == [tables.release[i].tolist() for i in (0, 1, 0, 2)]
    unseen = Known(coded(table, release.slice(0, 2)), [0, 1])
    assert finest(unseen, tables.original).tolist()[-1] == -1


def test_a_release_that_the_assignment_does_not_explain_says_so():
    table = events(7)
    other = pa.table({"hour": ["*"] * 60, "place": ["*"] * 30 + ["N"] * 30})
    found = unicity_of_release(coded(table, other), [0, 1], points=1, rng=rng())
    north = sum(place[0] == "N" for place in table["place"].to_pylist())
    assert found["rows_explained"] == pytest.approx((min(north, 30) + min(60 - north, 30)) / 60, abs=1e-6)


def test_one_row_a_person_has_no_unicity():
    table = pa.table({"hour": [1, 2, 3], "place": ["N1"] * 3, "person": [5, 6, 7]})
    assert unicity_of_release(coded(table, released(table)), [0, 1]) is None


def test_people_who_share_all_points_are_never_singled_out():
    persons, points = np.repeat(np.arange(10), 3), np.tile([0, 1, 2], 10)
    assert unicity(persons, points, 3).successes == 0
    assert unicity(persons, np.arange(30), 1).value == 1
    assert unicity(persons, points, 4).trials == 0
    assert unicity(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 1).trials == 0


def test_an_attacker_who_knows_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        unicity(np.array([0]), np.array([0]), 0)


def test_an_empty_release_singles_nobody_out():
    table = events(8)
    found = unicity_of_release(coded(table, released(table).slice(0, 0)), [0, 1], rng=rng())
    assert all(rate["trials"] == 0 for rate in [*found["before"], *found["after"], found["point"]["after"]])


# --- planted faults: the tests above would notice ----------------------------------------------------------------


def test_counting_rows_for_persons_would_be_noticed(monkeypatch):
    table = events(2, persons=8)
    doubled = pa.concat_tables([table, table])  # everybody twice at each point: the same persons, the same answer
    honest = unicity_of_release(coded(table, released(table)), [0, 1], points=2, sample=8, rng=rng())
    assert unicity_of_release(coded(doubled, released(doubled)), [0, 1], points=2, sample=8, rng=rng()) == honest
    monkeypatch.setattr(module, "unique", np.sort)  # visits no longer distinct
    assert unicity_of_release(coded(doubled, released(doubled)), [0, 1], points=2, sample=8, rng=rng()) != honest


def test_taking_the_coarsest_class_for_the_finest_would_be_noticed(monkeypatch):
    table = pa.table({"hour": [1, 1, 2, 13], "place": ["N1", "N2", "N1", "S1"], "person": [0, 1, 2, 2]})
    release = pa.table({"hour": ["[0, 6)", "[0, 12)", "*", "*"], "place": ["N1", "N", "*", "*"]})
    assert unicity_of_release(coded(table, release), [0, 1], points=1, rng=rng())["rows_explained"] == 0.75
    monkeypatch.setattr(module, "finest", lambda seen, points: np.full(len(points), len(seen.codes) - 1))
    assert unicity_of_release(coded(table, release), [0, 1], points=1, rng=rng())["rows_explained"] < 0.75
