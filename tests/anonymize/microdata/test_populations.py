"""k-map and δ-presence: both searches against definitions written a second time, and faults that the comparison finds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings

from anonymize.errors import PrivacyNotMet
from anonymize.microdata import local_recoding
from anonymize.microdata.classes import Classes, Grouping
from anonymize.microdata.full_domain import search
from anonymize.microdata.lattice import Node
from anonymize.microdata.population_models import Map, Presence, Register
from tests.anonymize.microdata.populations import ASKED, Codes, Populated, populated, populated_arrays
from tests.anonymize.microdata.worlds import World, keeps

QUICK = settings(max_examples=45, deadline=None, derandomize=True)


def best_by_looking(case: Populated, limit: int) -> tuple[float, Node, int] | None:
    """A class stays if the release of it alone would keep every promise; then all promises must hold of what is released."""
    world, found = case.world, []
    width = len(world.rows[0][0])
    for node in world.nodes:
        recode = partial(world.labels, node=node)
        groups: dict[Any, list[Any]] = {}
        for (codes, _, _), pair in zip(world.rows, world.pairs, strict=True):
            groups.setdefault(recode(codes), []).append(pair)
        good = {key for key, pairs in groups.items() if keeps(pairs, world) and not too_exposed(case, recode, key)}
        gone = sum(recode(codes) not in good for codes, _, _ in world.rows)
        if gone > limit or not good or not case.promised(recode, good):
            continue
        loss = sum(sum(world.penalties(codes, node)) if recode(codes) in good else width for codes, _, _ in world.rows)
        found.append((round(loss / (len(world.rows) * width), 9), node, gone))
    return min(found, default=None)


def too_exposed(case: Populated, recode: Callable[[Codes], Any], key: Any) -> bool:
    """Whether the class breaks what is asked of classes that are there, whatever else is released."""
    upper_only = [m.model_copy(update={"lower": 0}) if m.model == "delta_presence" else m for m in case.asked]
    return not dataclasses.replace(case, asked=tuple(upper_only)).promised(recode, {key})


def agrees(case: Populated, limit: int) -> None:
    table, ladders, judge = populated_arrays(case)
    expected = best_by_looking(case, limit)
    try:
        found = search(table, ladders, judge.k, limit, rules=judge.rules, populations=judge.populations)
    except PrivacyNotMet:
        assert expected is None
        return
    assert found.proven_optimal
    assert expected == (pytest.approx(found.best.loss, abs=1e-8), found.node, found.best.suppressed_rows)


def in_full_domain(case: Populated) -> None:
    for limit in (0, 2, len(case.world.rows)):
        agrees(case, limit)


@QUICK
@given(case=populated())
def test_full_domain_finds_the_optimum_under_models_of_a_population(case: Populated) -> None:
    in_full_domain(case)


def in_local_recoding(case: Populated) -> None:
    """The scheme is a function of combinations; under it every promise holds, and it refuses only what ``*`` cannot do."""
    table, ladders, judge = populated_arrays(case)
    everything = case.promised(lambda codes: "*", {"*"}) and keeps(case.world.pairs, case.world)
    if not everything:
        with pytest.raises(PrivacyNotMet):
            local_recoding.search(table, ladders, judge)
        return
    found = local_recoding.search(table, ladders, judge)
    level_of = {tuple(row): tuple(levels) for row, levels in zip(table.codes.tolist(), found.levels.tolist(), strict=True)}

    def recode(codes: Codes) -> tuple[tuple[int, int], ...]:
        return tuple(zip(level_of[codes], case.world.labels(codes, level_of[codes]), strict=True))

    groups: dict[Any, list[Any]] = {}
    for (codes, _, _), pair in zip(case.world.rows, case.world.pairs, strict=True):
        groups.setdefault(recode(codes), []).append(pair)
    assert all(keeps(pairs, case.world) for pairs in groups.values())
    assert case.promised(recode, set(groups))
    assert judge.settled(Grouping(table, ladders).group(found.of, found.classes))


@QUICK
@given(case=populated())
def test_local_recoding_keeps_every_promise_to_the_population_under_its_own_scheme(case: Populated) -> None:
    in_local_recoding(case)


def test_those_whom_only_the_population_has_do_not_keep_a_column_coarse() -> None:
    """Two persons at 0 and three others there; nobody of the table at 1: the label 0 fits five, and that is enough."""
    case = Populated(World([((0,), 0, 0), ((0,), 1, 0)], (), 2), [(0,)] * 3 + [(1,)] * 4, ASKED[1:2])
    table, ladders, judge = populated_arrays(case)
    found = local_recoding.search(table, ladders, judge)
    assert found.levels[0].tolist() == [0]
    assert search(table, ladders, 2, 0, populations=judge.populations).node == (0,)


@settings(QUICK, max_examples=25)
@given(case=populated())
def test_what_is_said_of_unions_of_classes_is_true(case: Populated) -> None:
    """Absorbing: united with any other, a class that holds holds. The others: united with one that holds too."""
    table, ladders, judge = populated_arrays(case)
    fine, coarse = (Grouping(table, ladders).classes(node) for node in ((0,) * len(ladders), (1,) * len(ladders)))
    for rule in judge.populations:
        below, above = rule.holds(fine)[fine.of], rule.holds(coarse)
        there = np.flatnonzero(np.bincount(coarse.of, minlength=len(above)))
        for one in there:
            parts = below[coarse.of == one]
            assert above[one] or not (parts.any() if rule.absorbing else parts.all())


def test_delta_presence_is_not_absorbing_and_a_good_class_can_be_spoiled() -> None:
    persons, everybody = np.array([1, 1, 2]), np.array([2, 1, 3])  # two parts and their union
    rule = Presence(Register("p", everybody, np.arange(3)), Fraction(0), Fraction(1, 2))
    assert rule.holds(Classes(np.arange(3), persons, persons)).tolist() == [True, False, False]


# --- planted faults ----------------------------------------------------------------------------------------------------


def off_by_one_in_k_map(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Map, "holds", lambda self, found: self.register.of(found) >= self.k - 1)


def population_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Map, "holds", lambda self, found: found.persons > -1)


def only_the_tables_own_combinations_counted(patch: pytest.MonkeyPatch) -> None:
    """The others forgotten: sound for k-map, far from the optimum."""
    right = Register.of
    patch.setattr(Register, "of", lambda self, found: np.minimum(right(self, found), found.persons))


def upper_unchecked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Presence, "holds", lambda self, found: found.persons >= float(self.lower) * self.register.of(found))


def those_whom_no_row_fits_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Presence, "complete", property(lambda self: False))


def rows_for_persons(patch: pytest.MonkeyPatch) -> None:
    right = Presence.holds
    patch.setattr(Presence, "holds", lambda self, found: right(self, dataclasses.replace(found, persons=found.rows)))


def pruned_as_if_delta_presence_were_absorbing(patch: pytest.MonkeyPatch) -> None:
    right = Presence.__init__

    def absorbing(self: Presence, *given: Any, **named: Any) -> None:
        right(self, *given, **named)
        object.__setattr__(self, "absorbing", True)

    patch.setattr(Presence, "__init__", absorbing)


COMPARISONS: dict[str, Callable[[Populated], None]] = {"full domain": in_full_domain, "local recoding": in_local_recoding}


@pytest.mark.parametrize(
    ("plant", "where"),
    [
        (off_by_one_in_k_map, "full domain"),
        (off_by_one_in_k_map, "local recoding"),
        (population_ignored, "full domain"),
        (population_ignored, "local recoding"),
        (only_the_tables_own_combinations_counted, "full domain"),
        (upper_unchecked, "full domain"),
        (upper_unchecked, "local recoding"),
        (those_whom_no_row_fits_forgotten, "full domain"),
        (those_whom_no_row_fits_forgotten, "local recoding"),
        (rows_for_persons, "full domain"),
        (rows_for_persons, "local recoding"),
        (pruned_as_if_delta_presence_were_absorbing, "full domain"),
    ],
    ids=lambda thing: getattr(thing, "__name__", thing),
)
def test_a_planted_fault_is_caught(plant: Callable[[pytest.MonkeyPatch], None], where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)

    @settings(QUICK, max_examples=600, phases=[Phase.generate], report_multiple_bugs=False)
    @given(case=populated())
    def compare(case: Populated) -> None:
        COMPARISONS[where](case)

    with pytest.raises((AssertionError, pytest.fail.Exception, PrivacyNotMet)):
        compare()
