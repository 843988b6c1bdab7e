"""Combinatorial refinement: no conclusion is wrong of what our local recoding really did, and none that can be drawn is missed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from anonymize.risk import reasons, separation
from anonymize.risk.coded import CodedColumn
from anonymize.risk.coding import code_tables
from anonymize.risk.method import Method
from anonymize.risk.refinement import Refined, refinement
from anonymize.risk.separation import Separation
from tests.anonymize.oracles import separation as oracle
from tests.anonymize.risk.recoded import LADDER, random_release, table
from tests.anonymize.risk.worlds import coarse, coded, people

LOCAL = Method("local_recoding", 3)
ALL = 10_000


def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def lost_rows(world) -> int:
    """Original rows of which the attack says that they cannot be in the class that they are in."""
    refined = Refined(world.tables, world.quasi, LOCAL)
    refined.apart.solve(range(len(refined.apart.labels)), ALL)
    names = [[None] * column.labels for column in refined.apart.columns]
    for j in world.quasi:
        for row, labels in zip(world.tables.release, world.labels, strict=True):  # the release here is in the original's order
            names[j][row[j]] = labels[j]
    place = {tuple(names[j][label] for j, label in enumerate(labels)): i for i, labels in enumerate(refined.apart.labels)}
    classes = np.array([place[labels] for labels in world.labels])
    assert refined.apart.contradictions == 0
    return int((~refined.apart.may_hold(classes, world.tables.original[:, world.quasi])).sum())


@pytest.mark.parametrize("seed", range(12))
def test_no_conclusion_is_wrong_of_what_our_local_recoding_did(seed):
    assert lost_rows(random_release(seed, rows=40 + 15 * seed, columns=2 + seed % 2, k=2 + seed % 4)) == 0


def as_sets(apart: Separation) -> tuple[list, list]:
    """The classes and their parts as sets of leaves, for the oracle."""

    def parts(column: CodedColumn, label: int) -> list[frozenset[int]]:
        leaves, level = column.covered(label), int(column.level[label])
        groups = column.parents[max(level - 1, 0)][leaves]
        return [frozenset(leaves[groups == group].tolist()) for group in np.unique(groups)]

    classes = [[frozenset(c.covered(int(x)).tolist()) for c, x in zip(apart.columns, row, strict=True)] for row in apart.labels]
    return classes, [[parts(c, int(x)) for c, x in zip(apart.columns, row, strict=True)] for row in apart.labels]


def made_up(seed: int) -> Separation:
    """Up to five classes over three values a column, at any level: of their worlds all can be gone through."""
    draw = np.random.default_rng(seed)
    width = int(draw.integers(2, 4))
    leaves = [{f"q{j}": f"v{draw.integers(3)}" for j in range(width)} for _ in range(30)]
    labels = [{f"q{j}": str(draw.choice(["v0", "v1", "v2", "*"], p=[0.25, 0.2, 0.15, 0.4])) for j in range(width)} for _ in range(5)]
    quasi = {f"q{j}": None for j in range(width)}
    tables = code_tables(pa.Table.from_pylist(leaves), pa.Table.from_pylist(labels), quasi_identifiers=quasi)
    return Refined(tables, range(width), LOCAL).apart


def open_slots(apart: Separation) -> set[tuple[int, int, int]]:
    general = [(int(i), int(j)) for i, j in zip(*np.nonzero(apart.counts > 1), strict=True)]
    return {(i, j, part) for i, j in general for part in range(apart.counts[i, j]) if apart.open[apart.first[i, j] + part]}


def test_what_is_open_is_what_may_hold_rows_in_some_world():
    told = [0, 0, 0]  # slots that every world rules out: in all, seen by pairs alone, seen by programs too
    for apart in (made_up(seed) for seed in range(80)):
        labels = int((apart.counts > 1).sum())
        possible = oracle.slots_that_may_hold_rows(*as_sets(apart)) if labels <= 7 else set()
        if not possible:  # no local recoding gives these classes, or they have too many worlds
            continue
        every, by_pairs = int(apart.counts[apart.counts > 1].sum()), open_slots(apart)
        apart.solve(range(len(apart.labels)), ALL)
        found = open_slots(apart)
        assert by_pairs >= found >= possible
        told = [n + every - len(left) for n, left in zip(told, (possible, by_pairs, found), strict=True)]
    assert told[0] > 50
    assert told[2] == told[0]
    assert told[1] < told[2]


def crossed(rows_of_rest: int = 3) -> pa.Table:
    """Three classes (x1, y1), (x1, y2), (x1, y3) and one of everything: x1 and two of the y cannot both be in the rest."""
    went = [("x1", f"y{i}") for i in (1, 2, 3) for _ in range(3)]
    return pa.Table.from_pylist([{"x": x, "y": y} for x, y in [*went, *[("*", "*")] * rows_of_rest]])


def crossed_tables():
    leaves = [{"x": f"x{i}", "y": f"y{j}"} for i in (1, 2, 3) for j in (1, 2, 3)]
    return code_tables(pa.Table.from_pylist(leaves * 2), crossed(), quasi_identifiers={"x": None, "y": None})


def test_a_linear_program_sees_what_no_pair_of_classes_tells():
    refined = Refined(crossed_tables(), [0, 1], LOCAL)
    everything = next(i for i, counts in enumerate(refined.apart.counts) if (counts == 3).all())
    assert refined.apart.left[everything].tolist() == [3, 3]
    refined.apart.solve([everything], 1)
    assert refined.apart.left[everything].tolist() == [2, 3]  # x1 is closed: with it, two of the y would have to be
    assert refined.apart.programs == 1


def test_the_programs_end_where_they_are_told_to():
    tables = crossed_tables()
    for allowed in (0, 1):
        found = refinement(tables, [0, 1], method=LOCAL, programs=allowed, rng=rng())
        assert found["bounded"]["programs"] == allowed


def test_pairs_that_are_not_looked_at_are_told_and_cost_conclusions_only(monkeypatch):
    monkeypatch.setattr("anonymize.risk.covering.CHUNK", 4)
    world = random_release(3, rows=120)
    whole, part = Refined(world.tables, world.quasi, LOCAL), Refined(world.tables, world.quasi, LOCAL, pairs=5)
    assert (whole.apart.bounded, part.apart.bounded) == (False, True)
    assert 5 <= part.apart.pairs < whole.apart.pairs
    assert (part.apart.open >= whole.apart.open).all()


def test_the_rest_of_a_cut_is_not_where_the_parts_went():
    # the label N stands for N1, N2 and N3; the class N1 went, so the rest is in N2 and N3, and its secrets are theirs
    original = pa.table({"age": [21] * 12, "area": ["N1"] * 4 + ["N2"] * 4 + ["N3"] * 4, "illness": ["flu", "cold"] * 2 + ["gout"] * 8})
    release = pa.table({"age": [21] * 12, "area": ["N1"] * 4 + ["N"] * 8, "illness": original["illness"]})
    found = refinement(coded(original, release), [0, 1], [2], method=LOCAL, rng=rng())
    assert found["overlapping"]["value"] == 1  # both classes
    assert found["downcoded"]["successes"] == 8
    assert found["closed"] == pytest.approx(1 / 3)
    assert found["bits"] == pytest.approx(8 / 12 * np.log2(3 / 2), abs=1e-6)
    assert (found["one_class_before"]["successes"], found["one_class_after"]["successes"]) == (8, 12)
    assert found["refuted"] == {"pairs": 0, "persons": {**found["refuted"]["persons"], "successes": 0.0}}
    illness = found["secrets"]["illness"]
    assert illness["narrowed"]["successes"] == 4  # those of N1: gout is out
    assert (illness["pinned_before"]["successes"], illness["pinned_after"]["successes"]) == (8, 8)
    assert illness["pinned_right"]["value"] == 1
    assert illness["pinned_control"] is None
    # after it, those of N1 guess flu or cold, each right for half; before, gout is the commonest of what N and N1 hold
    assert (illness["guess"]["attack"]["successes"], illness["guess"]["baseline"]["successes"]) == (2 + 8, 8)


def test_what_refinement_tells_of_secrets_is_held_against_people_who_are_not_there():
    world = random_release(7, rows=400, columns=3)
    original, others = world.original.slice(0, 400), table(np.random.default_rng(99), 400, 3)
    names = [name for name in original.column_names if name != "illness"]
    release = pa.table({**{n: [labels[i] for labels in world.labels] for i, n in enumerate(names)}, "illness": original["illness"]})
    tables = code_tables(original, release, quasi_identifiers=dict.fromkeys(names, LADDER), others=["illness"], holdout=others)
    guess = refinement(tables, [0, 1, 2], [3], method=LOCAL, rng=rng())["secrets"]["illness"]["guess"]
    assert guess["attack"]["value"] > guess["baseline"]["value"] + 0.02
    assert guess["attack"]["value"] > guess["control"]["value"] + 0.1
    assert guess["risk"]["beyond"] == "control"


def test_classes_that_do_not_overlap_give_nothing_away():
    original = people(np.random.default_rng(9), 200)
    found = refinement(coded(original, coarse(original)), [0, 1], [2], method=Method("fixed", 3), rng=rng())
    assert (found["overlapping_pairs"], found["closed"], found["bits"]) == (0, 0, 0)
    for name in ("overlapping", "downcoded"):
        assert found[name]["successes"] == 0
    assert found["secrets"]["illness"]["narrowed"]["successes"] == 0
    assert found["one_class_before"] == found["one_class_after"]


def test_a_local_recoding_gives_most_peoples_class_away():
    world = random_release(7, rows=400, columns=3)
    found = refinement(world.tables, world.quasi, [3], method=LOCAL, rng=rng())
    assert found["one_class_after"]["lower"] > found["one_class_before"]["upper"] + 0.25
    assert found["downcoded"]["lower"] > 0.1
    assert found["refuted"]["pairs"] == found["refuted"]["persons"]["successes"] == 0
    pinned = found["secrets"]["illness"]["pinned_right"]
    assert pinned["successes"] == pinned["trials"]


def test_a_release_made_in_another_way_refutes_the_conclusions():
    # N stands for N1 and N2 alone: where N1 went, the rest would have been called N2
    original = pa.table({"age": [21] * 9, "area": ["N1"] * 5 + ["N2"] * 4, "illness": ["flu"] * 9})
    release = pa.table({"age": [21] * 8, "area": ["N1"] * 4 + ["N"] * 4, "illness": ["flu"] * 8})
    assert refinement(coded(original, release), [0, 1], method=LOCAL, rng=rng())["refuted"]["pairs"] == 1


def test_where_labels_need_not_fit_a_rest_may_be_in_one_part():
    original = pa.table({"age": [21] * 9, "area": ["N1"] * 5 + ["N2"] * 4, "illness": ["flu"] * 9})
    release = pa.table({"age": [21] * 8, "area": ["N1"] * 4 + ["N"] * 4, "illness": ["flu"] * 8})
    mapped = Method("local_recoding", 3, only_k=False, fitted=False)  # a population's people are in the classes too
    found = refinement(coded(original, release), [0, 1], method=mapped, rng=rng())
    assert (found["refuted"]["pairs"], found["downcoded"]["successes"]) == (0, 4)


def test_intervals_that_are_on_no_ladder_are_closed_leaf_by_leaf():
    original = pa.table({"x": list(range(10)) * 3})
    release = pa.table({"x": ["[0, 4)"] * 12 + ["*"] * 18})
    tables = code_tables(original, release, quasi_identifiers={"x": None})
    refined = Refined(tables, [0], LOCAL)
    wide = int(refined.apart.counts[:, 0].argmax())
    assert refined.apart.left[wide, 0] == 6


def test_an_empty_release_gives_nothing_away():
    original = people(np.random.default_rng(9), 20)
    found = refinement(coded(original, original.slice(0, 0)), [0, 1], [2], method=LOCAL, rng=rng())
    assert (found["classes"], found["downcoded"]["trials"], found["one_class_after"]["trials"]) == (0, 0, 0)


# --- planted faults: the tests above would notice ----------------------------------------------------------------


def test_a_rest_that_need_only_be_in_one_part_would_be_noticed(monkeypatch):
    monkeypatch.setattr(separation, "LEAST", 3)
    monkeypatch.setattr("anonymize.risk.refinement.LEAST", 3)
    assert any(_lost_or_contradictory(seed) for seed in range(6))


def _lost_or_contradictory(seed: int) -> bool:
    try:
        return lost_rows(random_release(seed, rows=80)) > 0
    except AssertionError:
        return True


def test_closing_the_part_of_the_other_class_would_be_noticed(monkeypatch):
    honest = reasons._Relations.closing

    def turned(self, at, turn):
        lists = honest(self, at, turn)
        return type(lists)(lists.starts, np.maximum(lists.members - 1, 0))

    monkeypatch.setattr(reasons._Relations, "closing", turned)
    assert any(_lost_or_contradictory(seed) for seed in range(6))
