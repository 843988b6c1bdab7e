"""The search finds what looking at every node finds; and the test would notice if it did not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from anonymize.columns.hierarchies import build
from anonymize.errors import PrivacyNotMet, RecipeError
from anonymize.microdata import classes, full_domain
from anonymize.microdata.bounds import Bounds
from anonymize.microdata.classes import Combinations, Grouping, from_incidence, of_single_rows
from anonymize.microdata.full_domain import search
from anonymize.microdata.lattice import CodedLadder, code
from anonymize.recipe import FileHierarchy
from tests.anonymize.oracles import k_anonymity as oracle

QUICK = settings(max_examples=200, deadline=None, derandomize=True)


@dataclass(frozen=True)
class Case:
    rows: list[tuple[Hashable, ...]]
    persons: list[int]
    ladders: list[oracle.Paths]
    k: int
    limit: int


@st.composite
def ladder_paths(draw: st.DrawFn) -> oracle.Paths:
    """Nested labels for two to five leaves and for null; each level is drawn as a function of the one below."""
    leaves = [f"v{i}" for i in range(draw(st.integers(2, 5)))]
    paths: dict[Hashable, tuple[str | None, ...]] = {leaf: (leaf,) for leaf in leaves}
    for level in range(1, draw(st.integers(1, 3))):
        below = sorted({path[-1] for path in paths.values()})
        parent = {label: f"l{level}-{draw(st.integers(0, 2))}" for label in below}
        paths = {leaf: (*path, parent[path[-1]]) for leaf, path in paths.items()}
    depth = len(paths[leaves[0]])
    return {leaf: (*path, "*") for leaf, path in paths.items()} | {None: (*[None] * depth, "*")}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    ladders = draw(st.lists(ladder_paths(), min_size=1, max_size=3))
    size = draw(st.integers(1, 16))
    rows = [tuple(draw(st.sampled_from(list(paths))) for paths in ladders) for _ in range(size)]
    persons = [draw(st.integers(0, 7)) for _ in range(size)]
    return Case(rows, persons, ladders, draw(st.integers(2, 4)), draw(st.integers(0, size)))


def ladder_of(paths: oracle.Paths, values: list[Hashable], folder: Path, name: str) -> CodedLadder:
    """Through a real hierarchy file, so that reading one is part of what is compared."""
    lines = [";".join(str(label) for label in path) for leaf, path in paths.items() if leaf is not None]
    (folder / f"{name}.csv").write_text("\n".join(lines), encoding="utf-8")
    return code(build(name, FileHierarchy(file=f"{name}.csv"), values, folder), values)


def engine_view(case: Case, folder: Path, *, single_rows: bool = False) -> tuple[Combinations, list[CodedLadder]]:
    """The same case as the engine's arrays."""
    columns = [f"c{i}" for i in range(len(case.ladders))]
    values = [list(dict.fromkeys(row[i] for row in case.rows)) for i in range(len(columns))]
    ladders = [ladder_of(p, v, folder, c) for p, v, c in zip(case.ladders, values, columns, strict=True)]
    distinct = list(dict.fromkeys(case.rows))
    codes = np.array([[values[i].index(value) for i, value in enumerate(row)] for row in distinct])
    rows = np.array([case.rows.count(row) for row in distinct])
    if single_rows:
        return of_single_rows(columns, codes, rows), ladders
    pairs = sorted({(distinct.index(row), person) for row, person in zip(case.rows, case.persons, strict=True)})
    combination, person = np.array(pairs).T
    return from_incidence(columns, codes, rows, combination, person), ladders


def answer(case: Case, folder: Path) -> tuple[tuple[int, ...], int, float] | None:
    """Levels, suppressed rows and loss that the search gives; ``None`` when it refuses."""
    table, ladders = engine_view(case, folder)
    try:
        found = search(table, ladders, case.k, case.limit)
    except PrivacyNotMet:
        return None
    assert found.proven_optimal
    return found.node, found.best.suppressed_rows, found.best.loss


def agrees(case: Case, folder: Path) -> None:
    """The search's answer is the oracle's: same node, same loss, same suppressed rows; or both refuse."""
    expected = oracle.best_node(case.rows, case.persons, case.ladders, case.k, case.limit)
    found = answer(case, folder)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found[:2] == expected[1:]
        assert found[2] == pytest.approx(float(expected[0]), abs=1e-9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ladders")


@QUICK
@given(case=cases())
def test_the_search_finds_the_optimum_that_looking_at_every_node_finds(case: Case, folder: Path) -> None:
    agrees(case, folder)


@QUICK
@given(case=cases())
def test_without_a_person_key_every_row_is_a_person(case: Case, folder: Path) -> None:
    alone = dataclasses.replace(case, persons=list(range(len(case.rows))))
    table, ladders = engine_view(alone, folder, single_rows=True)
    expected = oracle.best_node(alone.rows, alone.persons, alone.ladders, alone.k, alone.limit)
    if expected is None:
        with pytest.raises(PrivacyNotMet):
            search(table, ladders, case.k, case.limit)
    else:
        assert search(table, ladders, case.k, case.limit).node == expected[1]


@QUICK
@given(case=cases())
def test_going_finer_suppressed_rows_and_the_extra_loss_only_grow_also_with_many_rows_a_person(
    case: Case, folder: Path
) -> None:
    """What the pruning stands on, checked on the oracle and not on the search."""
    node = tuple(len(next(iter(paths.values()))) - 1 for paths in case.ladders)
    extra, gone = extra_and_gone(case, node)
    for column in range(len(node)):
        while node[column] > 0:
            node = (*node[:column], node[column] - 1, *node[column + 1 :])
            coarser_extra, coarser_gone = extra, gone
            extra, gone = extra_and_gone(case, node)
            assert gone >= coarser_gone
            assert extra >= coarser_extra


def extra_and_gone(case: Case, node: tuple[int, ...]) -> tuple[Fraction, int]:
    """What suppression adds to the loss, and the rows it takes."""
    loss, gone = oracle.judge(case.rows, case.persons, case.ladders, node, case.k)
    free, _ = oracle.judge(case.rows, case.persons, case.ladders, node, 1)
    return loss - free, gone


@QUICK
@given(case=cases())
def test_classes_counted_by_sorting_are_those_counted_in_a_flat_array(case: Case, folder: Path) -> None:
    table, ladders = engine_view(case, folder)
    node = (0,) * len(ladders)
    dense = Grouping(table, ladders).classes(node)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classes, "DENSE", 2)
        sparse = Grouping(table, ladders).classes(node)
    assert list(dense.persons[dense.of]) == list(sparse.persons[sparse.of])
    assert list(dense.rows[dense.of]) == list(sparse.rows[sparse.of])


def two_by_two(persons: list[int], k: int, limit: int) -> Case:
    a: oracle.Paths = {"x": ("x", "*"), "y": ("y", "*")}
    return Case([("x",), ("x",), ("x",), ("y",), ("y",)], persons, [a], k, limit)


def test_a_class_of_three_rows_of_one_person_is_not_three_persons(tmp_path: Path) -> None:
    table, ladders = engine_view(two_by_two([1, 1, 1, 2, 3], 2, 0), tmp_path)
    assert search(table, ladders, 2, 0).node == (1,)


def test_k_distinct_persons_are_enough_at_level_0(tmp_path: Path) -> None:
    table, ladders = engine_view(two_by_two([1, 2, 1, 1, 2], 2, 0), tmp_path)
    assert search(table, ladders, 2, 0).node == (0,)


def off_by_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(full_domain, "too_small", lambda found, k: found.persons < k - 1)


def rows_for_persons(patch: pytest.MonkeyPatch) -> None:
    right = Grouping.classes
    patch.setattr(Grouping, "classes", lambda self, node: _with(right(self, node)))


def _with(found: classes.Classes) -> classes.Classes:
    return dataclasses.replace(found, persons=found.rows)


def persons_added_up_when_classes_merge(patch: pytest.MonkeyPatch) -> None:
    def visits(self: Grouping, of: np.ndarray, count: int) -> np.ndarray:
        return np.bincount(of[self.table.visit_combination], minlength=count)

    patch.setattr(Grouping, "_visitors", visits)


def suppress_before_counting(patch: pytest.MonkeyPatch) -> None:
    """Rows of combinations that are small before generalising go, and what is left is not counted again."""
    right = Grouping.classes

    def at_leaves(self: Grouping, node: tuple[int, ...]) -> classes.Classes:
        return right(self, (0,) * len(node))

    patch.setattr(Grouping, "classes", at_leaves)


def bound_by_a_finer_node(patch: pytest.MonkeyPatch) -> None:
    """Prune upwards instead of downwards."""
    right = Bounds.bound

    def upwards(self: Bounds, node: tuple[int, ...], finer: float, coarser: float) -> None:
        right(self, node, finer, coarser)
        self.lower[tuple(slice(level, None) for level in node)] = np.inf

    patch.setattr(Bounds, "bound", upwards)


FAULTS = [off_by_one, rows_for_persons, persons_added_up_when_classes_merge, suppress_before_counting, bound_by_a_finer_node]


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_caught_by_the_comparison_with_the_oracle(
    plant: Callable[[pytest.MonkeyPatch], None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)

    @settings(QUICK, phases=[Phase.generate], report_multiple_bugs=False)
    @given(case=cases())
    def compare(case: Case) -> None:
        agrees(case, folder)

    with pytest.raises(AssertionError):
        compare()


def test_more_persons_asked_for_than_there_are_is_refused_even_if_everything_may_be_suppressed(tmp_path: Path) -> None:
    table, ladders = engine_view(two_by_two([1, 1, 2, 2, 3], 4, 5), tmp_path)
    with pytest.raises(PrivacyNotMet, match="more persons"):
        search(table, ladders, 4, 5)


def test_suppressing_everything_is_never_the_answer(tmp_path: Path) -> None:
    table, ladders = engine_view(two_by_two([1, 2, 3, 4, 5], 5, 5), tmp_path)
    found = search(table, ladders, 5, 5)
    assert (found.node, found.best.suppressed_rows) == ((1,), 0)


@pytest.mark.parametrize(("k", "limit"), [(0, 0), (-1, 0), (2, -1)])
def test_senseless_parameters_are_refused(k: int, limit: int, tmp_path: Path) -> None:
    table, ladders = engine_view(two_by_two([1, 2, 3, 4, 5], 2, 0), tmp_path)
    with pytest.raises(RecipeError):
        search(table, ladders, k, limit)


def many_columns(count: int, rows: int) -> tuple[Combinations, list[CodedLadder]]:
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 4, (rows, count))
    groups = (np.arange(4), np.array([0, 0, 1, 1]), np.zeros(4, dtype=int))
    penalties = (np.zeros(4), np.full(2, 1 / 3), np.ones(1))
    ladders = [CodedLadder(f"c{i}", groups, (4, 2, 1), penalties) for i in range(count)]
    return of_single_rows([x.column for x in ladders], codes, np.ones(rows, dtype=int)), ladders


def test_forty_quasi_identifiers_end_within_the_budget_keep_the_promise_and_say_that_nothing_is_proven() -> None:
    table, ladders = many_columns(40, 300)
    found = search(table, ladders, 5, 15)
    assert found.nodes == 3**40
    assert not found.proven_optimal
    sizes = Grouping(table, ladders).classes(found.node)
    assert int(sizes.rows[(sizes.rows > 0) & (sizes.rows < 5)].sum()) == found.best.suppressed_rows <= 15


def test_a_spent_budget_is_said_and_the_best_so_far_is_given() -> None:
    table, ladders = many_columns(7, 400)
    found, whole = search(table, ladders, 3, 20, work=60_000), search(table, ladders, 3, 20)
    assert (found.proven_optimal, whole.proven_optimal) == (False, True)
    assert found.best.loss >= whole.best.loss


def test_the_same_table_in_another_order_gives_the_same_answer_after_the_same_work() -> None:
    table, ladders = many_columns(6, 400)
    shuffled = np.random.default_rng(1).permutation(400)
    again = of_single_rows(table.columns, table.codes[shuffled], table.rows[shuffled])
    assert search(again, ladders, 3, 20) == search(table, ladders, 3, 20)
