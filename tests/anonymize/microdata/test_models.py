"""Every privacy model, and both searches with models, against definitions written a second time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import Phase, given, settings

from anonymize.errors import PrivacyNotMet, RecipeError
from anonymize.microdata import classes, full_domain, histograms, judge, local_recoding
from anonymize.microdata.classes import Grouping
from anonymize.microdata.full_domain import search
from anonymize.microdata.judge import Judge
from anonymize.microdata.lattice import Node
from anonymize.microdata.models import model_of
from anonymize.recipe import LDiversity, TCloseness
from tests.anonymize.microdata.worlds import MODELS, SECRET_LEVELS, World, arrays, keeps, worlds
from tests.anonymize.oracles import models as oracle

QUICK = settings(max_examples=80, deadline=None, derandomize=True)


def classes_at(world: World, node: Node) -> dict[tuple[int, ...], list[oracle.Pair]]:
    found: dict[tuple[int, ...], list[oracle.Pair]] = {}
    for codes, person, secret in world.rows:
        found.setdefault(world.labels(codes, node), []).append((person, secret))
    return found


def judged_as_the_oracle_judges(world: World) -> None:
    table, ladders, rules = arrays(world)
    for node in world.nodes:
        found = Grouping(table, ladders).classes(node)
        holds = Judge(world.k, rules).holds(found)
        expected = classes_at(world, node)
        for row, of in zip(table.codes, found.of, strict=True):
            members = expected[world.labels(tuple(row), node)]
            assert bool(holds[of]) == keeps(members, world)


@QUICK
@given(world=worlds(most=1))
def test_every_model_judges_every_class_as_its_definition_does(world: World) -> None:
    judged_as_the_oracle_judges(world)


def best_by_looking(world: World, limit: int) -> tuple[float, Node, int] | None:
    found = []
    width = len(world.rows[0][0])
    for node in world.nodes:
        good = {key: keeps(pairs, world) for key, pairs in classes_at(world, node).items()}
        loss, gone = 0.0, 0
        for codes, _, _ in world.rows:
            kept = good[world.labels(codes, node)]
            gone += not kept
            loss += sum(world.penalties(codes, node)) if kept else width
        if gone <= limit and gone < len(world.rows):
            found.append((round(loss / (len(world.rows) * width), 9), node, gone))
    return min(found, default=None)


def agrees(world: World, limit: int) -> None:
    table, ladders, rules = arrays(world)
    expected = best_by_looking(world, limit)
    try:
        found = search(table, ladders, world.k, limit, rules=rules)
    except PrivacyNotMet:
        assert expected is None
        return
    assert found.proven_optimal
    assert expected == (pytest.approx(found.best.loss, abs=1e-8), found.node, found.best.suppressed_rows)


@QUICK
@given(world=worlds())
def test_the_full_domain_search_with_models_finds_the_optimum_with_and_without_suppression(world: World) -> None:
    for limit in (0, 2, len(world.rows)):
        agrees(world, limit)


def refined_keeps_everything(world: World) -> None:
    table, ladders, rules = arrays(world)
    if not keeps(world.pairs, world):
        with pytest.raises(PrivacyNotMet):
            local_recoding.search(table, ladders, Judge(world.k, rules))
        return
    found = local_recoding.search(table, ladders, Judge(world.k, rules))
    level_of = {tuple(row): tuple(levels) for row, levels in zip(table.codes.tolist(), found.levels.tolist(), strict=True)}
    seen: dict[tuple[tuple[int, int], ...], list[oracle.Pair]] = {}
    loss = 0.0
    for codes, person, secret in world.rows:
        levels = level_of[codes]
        # level and label together: what is written where no label stands at two levels
        key = tuple(zip(levels, world.labels(codes, levels), strict=True))
        seen.setdefault(key, []).append((person, secret))
        loss += sum(world.penalties(codes, levels))
    assert all(keeps(pairs, world) for pairs in seen.values())
    assert found.loss == pytest.approx(loss / (len(world.rows) * len(ladders)))


@QUICK
@given(world=worlds())
def test_every_class_of_a_local_recoding_keeps_every_promise(world: World) -> None:
    refined_keeps_everything(world)


@settings(QUICK, max_examples=60)
@given(world=worlds())
def test_a_local_recoding_does_not_depend_on_the_order_of_what_it_is_given(world: World) -> None:
    table, ladders, rules = arrays(world)
    again, _, rules_again = arrays(dataclasses.replace(world, rows=world.rows[::-1]))
    if keeps(world.pairs, world):
        first = local_recoding.search(table, ladders, Judge(world.k, rules))
        second = local_recoding.search(again, ladders, Judge(world.k, rules_again))
        by_code = {tuple(c): tuple(x) for c, x in zip(table.codes.tolist(), first.levels.tolist(), strict=True)}
        assert by_code == {tuple(c): tuple(x) for c, x in zip(again.codes.tolist(), second.levels.tolist(), strict=True)}


# --- planted faults ----------------------------------------------------------------------------------------------------


def off_by_one(patch: pytest.MonkeyPatch) -> None:
    right = judge.Judge.holds

    def loose(self: judge.Judge, found: classes.Classes) -> np.ndarray:
        return right(judge.Judge(self.k - 1, self.rules), found)

    patch.setattr(judge.Judge, "holds", loose)
    patch.setattr(full_domain, "too_small", lambda found, k: found.persons < k - 1)


def rows_for_persons(patch: pytest.MonkeyPatch) -> None:
    whole, some = Grouping.classes, Grouping.group
    patch.setattr(Grouping, "classes", lambda self, node: _by_rows(whole(self, node)))
    patch.setattr(Grouping, "group", lambda self, of, count: _by_rows(some(self, of, count)))


def _by_rows(found: classes.Classes) -> classes.Classes:
    return dataclasses.replace(found, persons=found.rows)


def values_counted_in_visits(patch: pytest.MonkeyPatch) -> None:
    """l, t, α and β from pairs instead of persons: one who is in several combinations counts several times."""
    right = classes.distinct_visitors
    patch.setattr(histograms, "distinct_visitors", lambda of, who, n, count: right(of, np.arange(len(who)), len(who) + 1, count))


def persons_added_up(patch: pytest.MonkeyPatch) -> None:
    def adding(self: Grouping, of: np.ndarray, count: int) -> np.ndarray:
        met = of[self.table.visit_combination]
        return np.bincount(met[met >= 0], minlength=count)

    patch.setattr(Grouping, "_visitors", adding)


def prune_by_models_that_are_not_monotone(patch: pytest.MonkeyPatch) -> None:
    right = judge.Judge.keeps_models
    patch.setattr(judge.Judge, "keeps_models", lambda self, found, *, absorbing_only=False: right(self, found))


def suppress_before_counting(patch: pytest.MonkeyPatch) -> None:
    right = Grouping.classes
    patch.setattr(Grouping, "classes", lambda self, node: right(self, (0,) * len(node)))


COMPARISONS: dict[str, Callable[[World], None]] = {
    "the judge": judged_as_the_oracle_judges,
    "full domain": lambda world: [agrees(world, limit) for limit in (0, 2, len(world.rows))] and None,
    "local recoding": refined_keeps_everything,
}


@pytest.mark.parametrize(
    ("plant", "where"),
    [
        (off_by_one, "full domain"),
        (rows_for_persons, "full domain"),
        (rows_for_persons, "local recoding"),
        (values_counted_in_visits, "the judge"),
        (persons_added_up, "local recoding"),
        (prune_by_models_that_are_not_monotone, "full domain"),
        (suppress_before_counting, "full domain"),
    ],
    ids=lambda thing: getattr(thing, "__name__", thing),
)
def test_a_planted_fault_is_caught(plant: Callable[[pytest.MonkeyPatch], None], where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)

    @settings(QUICK, max_examples=600, phases=[Phase.generate], report_multiple_bugs=False)
    @given(world=worlds())
    def compare(world: World) -> None:
        COMPARISONS[where](world)

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        compare()


# --- single facts ------------------------------------------------------------------------------------------------------


def test_ten_rows_with_ten_values_of_one_person_beside_nine_with_one_are_counted_by_person() -> None:
    rows = [((0,), 0, secret) for secret in (0, 1)] + [((0,), person, 0) for person in range(1, 4)]
    world = World(rows, (), 1)
    table, ladders, _ = arrays(world)
    (model, sensitive), = arrays(dataclasses.replace(world, models=(MODELS[6],)))[2]
    found = Grouping(table, ladders).classes((2,))
    assert list(sensitive.histogram(found.of, 1).persons) == [4, 1]
    assert model.measure(sensitive.histogram(found.of, 1), found.persons)[0] == 1.0


def test_the_report_says_by_what_margin_a_model_holds_at_its_worst_class() -> None:
    world = World([((0,), 0, 0), ((0,), 1, 1), ((1,), 2, 0), ((1,), 3, 1), ((1,), 4, 2)], MODELS[:1], 2)
    table, ladders, rules = arrays(world)
    found = Grouping(table, ladders).classes((0,))
    (line,) = Judge(2, rules).report(found, found.persons > 0)
    assert line == {"model": "distinct l-diversity", "column": "s", "asked": 2.0, "reached": 2.0, "margin": 0.0}


def test_a_distance_in_order_of_values_that_have_none_is_refused() -> None:
    with pytest.raises(RecipeError, match="no order"):
        model_of(TCloseness(model="t_closeness", column="s", t="0.1", distance="ordered"), SECRET_LEVELS, None)


def test_more_values_asked_for_than_there_are_is_refused_by_both_methods() -> None:
    five = (LDiversity(model="l_diversity", column="s", l="5"),)
    table, ladders, rules = arrays(World([((i % 4,), i, i % 4) for i in range(12)], five, 2))
    with pytest.raises(PrivacyNotMet):
        search(table, ladders, 2, 12, rules=rules)
    with pytest.raises(PrivacyNotMet):
        local_recoding.search(table, ladders, Judge(2, rules))
