"""Attacks where people have many rows: persons are attacked, not rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from anonymize.errors import InputError
from anonymize.risk import linkage as linkage_module
from anonymize.risk.attacks import inference, linkability
from anonymize.risk.coded import Coded, People
from anonymize.risk.coding import code_tables
from anonymize.risk.linkage import linkage
from anonymize.risk.singling_out import Rows, singling_out
from tests.anonymize.risk.worlds import QUASI, coarse, people


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def with_persons(table: pa.Table, persons: np.ndarray) -> pa.Table:
    return table.append_column("person", pa.array(persons))


def coded(original: pa.Table, release: pa.Table, holdout: pa.Table | None = None) -> Coded:
    return code_tables(original, release, quasi_identifiers=QUASI, others=["illness"], holdout=holdout, person_key="person")


def commuters(seed: int, persons: int, most: int = 9) -> pa.Table:
    draw = np.random.default_rng(seed)
    of = np.repeat(np.arange(persons), draw.integers(1, most + 1, persons))
    return with_persons(people(draw, len(of)), of)


def one_busy_person() -> pa.Table:
    """A thousand rows of one person, all alike and unlike everybody's, and one row each of twenty others."""
    busy = {"age": [21] * 1000, "area": ["N1"] * 1000, "illness": ["gout"] * 1000}
    others = {"age": list(range(30, 50)), "area": ["S1"] * 20, "illness": ["flu"] * 20}
    return with_persons(pa.table({name: busy[name] + others[name] for name in busy}), np.array([0] * 1000 + list(range(1, 21))))


def test_a_person_with_a_thousand_rows_is_one_target_of_twenty_one():
    table = one_busy_person()
    tables = coded(table, coarse(table))
    known = linkage(tables, 3, targets=500, rng=rng())
    asked = inference(tables, [0, 1], 2, targets=500, rng=rng())
    tied = linkability(tables, [0], [1, 2], targets=500, rng=rng())
    for attack in (known, asked, tied):
        assert (attack.unit, attack.attack.trials) == ("person", 21)
    # all that the busy one's labels say is theirs: one link is sure; ten of the others are in each of two decades
    assert known.attack.successes == pytest.approx(1 + 20 * 1 / 10)
    assert asked.attack.successes == 21  # each class has one illness


def test_rows_of_one_person_alone_single_that_person_out():
    table = one_busy_person()
    tables = coded(table, coarse(table))
    rows = Rows.of_people(tables.columns, tables.people)
    age = {int(tables.release[i, 0]) for i in range(1000)}.pop()
    assert rows.one_person(((0, "=", age),))  # a thousand rows, one person
    south = int(tables.release[1005, 1])
    assert not rows.one_person(((1, "=", south),))  # twenty rows, twenty persons
    # a release does not say whose its rows are: two rows are two answers
    assert not Rows.of_release(tables).one_person(((0, "=", age),))


def slow_linkage(original: pa.Table, release: pa.Table, names: list[str]) -> float:
    """Mean over persons, and over their rows, of the chance to hit one of their rows among those that the row agrees with."""
    rows = release.to_pylist()

    def agrees(row: dict, label: dict, columns: list[str]) -> bool:
        low, high = (int(part) for part in label["age"][1:-1].split(", "))
        fits = {"age": low <= row["age"] < high, "area": row["area"].startswith(label["area"]), "illness": row["illness"] == label["illness"]}
        return all(fits[name] for name in columns)

    chances: dict[int, list[float]] = {}
    for row in original.to_pylist():
        near = [label for label in rows if agrees(row, label, names)]
        own = [other for other in original.to_pylist() if other["person"] == row["person"]]
        mine = [
            other
            for other in own
            if any(agrees(other, label, ["age", "area", "illness"]) for label in rows) and any(agrees(other, label, names) for label in near)
        ]
        chances.setdefault(row["person"], []).append(min(len(mine) / len(near), 1.0) if near else 0.0)
    return float(np.mean([np.mean(found) for found in chances.values()]))


@pytest.mark.parametrize("names", [["age", "area", "illness"], ["age", "area"]])
def test_a_link_is_right_when_it_hits_any_row_of_the_person(names):
    table = commuters(3, 25)
    release = coarse(table).slice(0, 90)
    tables = coded(table, release)
    places = [["age", "area", "illness"].index(name) for name in names]
    found = [linkage(tables, len(names), columns=places, targets=25, rng=np.random.default_rng(i)).attack.value for i in range(40)]
    assert np.mean(found) == pytest.approx(slow_linkage(table, release, names), abs=0.02)


def test_the_control_group_is_persons_too():
    table, held = commuters(1, 60), commuters(2, 40)
    tables = coded(table, coarse(table), held)
    assert linkage(tables, 2, targets=500, rng=rng()).control.trials == 40
    assert inference(tables, [0], 2, targets=500, rng=rng()).control.trials == 40


def test_a_release_about_other_people_puts_no_person_at_risk():
    table, held = commuters(1, 150), commuters(2, 150)
    beyond = []
    for seed in range(4):
        tables = coded(table, coarse(commuters(seed + 10, 150)), held)
        attacks = (
            singling_out(tables, queries=100, rng=rng()),
            linkability(tables, [0], [1, 2], targets=150, rng=rng()),
            inference(tables, [0, 1], 2, targets=150, rng=rng()),
            linkage(tables, 2, targets=150, rng=rng()),
        )
        beyond.append([attack.attack.value - attack.control.value for attack in attacks])
    assert np.abs(np.mean(beyond, axis=0)).max() < 0.05


def test_a_person_with_very_many_rows_is_looked_at_in_part(monkeypatch):
    table = one_busy_person()
    tables = coded(table, coarse(table))
    whole = linkage(tables, 3, targets=21, rng=rng()).attack.successes
    monkeypatch.setattr(linkage_module, "OWN", 50)
    assert linkage(tables, 3, targets=21, rng=rng()).attack.successes == pytest.approx(whole)


def test_one_row_a_person_is_counted_in_rows_though_there_is_a_key():
    table = with_persons(people(np.random.default_rng(0), 30), np.arange(30))
    tables = coded(table, coarse(table))
    assert (tables.persons, tables.unit) == (None, "row")


def test_a_held_out_file_without_the_person_key_is_refused():
    table = commuters(1, 10)
    with pytest.raises(InputError, match="held-out file has no column 'person'"):
        coded(table, coarse(table), table.drop_columns(["person"]))


# --- planted faults: the tests above would notice ----------------------------------------------------------------


def test_sampling_rows_in_place_of_persons_would_be_noticed(monkeypatch):
    def rows(self, count, draw):
        chosen = draw.choice(len(self.codes), min(count, len(self.codes)), replace=False)
        return self.persons[chosen], chosen

    monkeypatch.setattr(People, "sample", rows)
    table = one_busy_person()
    assert linkage(coded(table, coarse(table)), 3, targets=500, rng=rng()).attack.trials != 21


def test_taking_every_row_for_another_person_would_be_noticed(monkeypatch):
    table = one_busy_person()
    by_row = property(lambda self: np.where(self.distinct.counts == 1, np.arange(len(self.distinct)), -1))
    monkeypatch.setattr(People, "sole", by_row)
    tables = coded(table, coarse(table))
    assert not Rows.of_people(tables.columns, tables.people).one_person(((0, "=", int(tables.release[0, 0])),))
