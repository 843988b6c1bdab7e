"""Whatever loss the recipe names, the search finds the node that looking at every node finds, and says what it minimised."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from anonymize import recipe
from anonymize.errors import PrivacyNotMet, RecipeError
from anonymize.microdata import full_domain, losses
from anonymize.microdata.classes import Grouping
from anonymize.microdata.full_domain import search
from anonymize.microdata.lattice import Node
from anonymize.microdata.stage import anonymise
from anonymize.recipe import KAnonymity, Loss
from anonymize.tables import PandasEngine
from tests.anonymize.microdata.worlds import World, arrays, keeps, worlds
from tests.anonymize.oracles import losses as oracle

LOSSES: tuple[Loss, ...] = get_args(Loss)
QUICK = settings(max_examples=50, deadline=None, derandomize=True)


def weighed(world: World, node: Node, loss: Loss) -> tuple[float, int]:
    """Loss and rows left out at a node, by the oracle."""
    leaves = [codes for codes, _, _ in world.rows]
    labels = [world.labels(codes, node) for codes in leaves]
    good = {key: keeps([pair for pair, at in zip(world.pairs, labels, strict=True) if at == key], world) for key in set(labels)}
    kept = [good[key] for key in labels]
    gone = len(kept) - sum(kept)
    if not any(kept):
        return np.inf, gone
    match loss:
        case "granularity":
            return oracle.granularity_lost([world.penalties(codes, node) for codes in leaves], kept), gone
        case "discernibility":
            return oracle.discernibility(labels, kept), gone
        case "average_class_size":
            return float(oracle.average_class_size(labels, kept, world.k)), gone
        case "entropy":
            return oracle.entropy(leaves, labels, kept), gone


def best_by_looking(world: World, limit: int, loss: Loss) -> tuple[float, Node, int] | None:
    found = []
    for node in world.nodes:
        lost, gone = weighed(world, node, loss)
        if gone <= limit and gone < len(world.rows):
            found.append((round(lost, 9), node, gone))
    return min(found, default=None)


def agrees(world: World, limit: int, loss: Loss) -> None:
    table, ladders, rules = arrays(world)
    expected = best_by_looking(world, limit, loss)
    try:
        found = search(table, ladders, world.k, limit, rules=rules, loss=loss)
    except PrivacyNotMet:
        assert expected is None
        return
    assert found.proven_optimal
    assert expected == (pytest.approx(found.best.loss, abs=1e-8), found.node, found.best.suppressed_rows)


cases = st.tuples(worlds(most=1), st.sampled_from([0, 1, 3, 20]))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_search_finds_the_optimum_of_the_loss_that_is_named(loss: Loss) -> None:
    @QUICK
    @given(case=cases)
    def compare(case: tuple[World, int]) -> None:
        agrees(*case, loss)

    compare()


@pytest.mark.parametrize("loss", LOSSES)
def test_no_bound_is_above_the_loss_of_a_node_that_it_speaks_of(loss: Loss) -> None:
    """Floors, bounds of finer nodes and bounds of coarser ones, of every node against every other."""

    @settings(QUICK, max_examples=25)
    @given(case=cases)
    def compare(case: tuple[World, int]) -> None:
        world, limit = case
        table, ladders, rules = arrays(world)
        tried = full_domain.Search(table, ladders, full_domain.Judge(world.k, rules), limit, work=1, loss=loss)
        true = {node: weighed(world, node, loss) for node in world.nodes}
        kept = [node for node in world.nodes if true[node][1] <= limit and true[node][1] < len(world.rows)]
        floors = tried.loss.floors(tried.shape)
        for node in world.nodes:
            found = tried.grouping.classes(node)
            gone = full_domain.failing(found, tried.judge)
            lasting = full_domain.failing(found, tried.judge, absorbing_only=True)
            weight = tried.loss.weigh(node, found, gone, lasting)
            assert floors[node] == pytest.approx(tried.loss.floor(node))
            for other in kept:
                floor = floors[other] if tried.loss.adds else 0
                assert floors[other] <= true[other][0] + 1e-9
                if np.all(np.array(other) <= node):
                    assert floor + weight.below <= true[other][0] + 1e-9
                if np.all(np.array(other) >= node):
                    assert weight.above <= true[other][0] + 1e-9

    compare()


# --- planted faults ----------------------------------------------------------------------------------------------------


def another_loss(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(full_domain, "measure_of", lambda loss, grouping, k, limit: losses.granularity(grouping))


def as_if_rows_left_out_cost_nothing(patch: pytest.MonkeyPatch) -> None:
    right = losses.Discernibility.weigh

    def weigh(self: Any, node: Node, found: Any, gone: Any, lasting: Any) -> losses.Weight:
        return right(self, node, found, np.zeros_like(gone), lasting)

    patch.setattr(losses.Discernibility, "weigh", weigh)


def pruned_as_if_coarser_were_worse(patch: pytest.MonkeyPatch) -> None:
    """True with nothing suppressed, false with."""
    right = losses.Discernibility.weigh

    def weigh(self: Any, node: Node, found: Any, gone: Any, lasting: Any) -> losses.Weight:
        weight = right(self, node, found, gone, lasting)
        return dataclasses.replace(weight, above=weight.loss)

    patch.setattr(losses.Discernibility, "weigh", weigh)


def pruned_as_if_finer_held_no_more_classes(patch: pytest.MonkeyPatch) -> None:
    right = losses.AverageClassSize.weigh

    def weigh(self: Any, node: Node, found: Any, gone: Any, lasting: Any) -> losses.Weight:
        weight = right(self, node, found, gone, lasting)
        return dataclasses.replace(weight, below=weight.loss)

    patch.setattr(losses.AverageClassSize, "weigh", weigh)


@pytest.mark.parametrize(
    ("plant", "loss"),
    [
        (another_loss, "discernibility"),
        (another_loss, "average_class_size"),
        (another_loss, "entropy"),
        (as_if_rows_left_out_cost_nothing, "discernibility"),
        (pruned_as_if_coarser_were_worse, "discernibility"),
        (pruned_as_if_finer_held_no_more_classes, "average_class_size"),
    ],
    ids=lambda thing: getattr(thing, "__name__", thing),
)
def test_a_planted_fault_is_caught(plant: Callable[[pytest.MonkeyPatch], None], loss: Loss, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)

    @settings(QUICK, max_examples=600, phases=[Phase.generate], report_multiple_bugs=False)
    @given(case=cases)
    def compare(case: tuple[World, int]) -> None:
        agrees(*case, loss)

    with pytest.raises(AssertionError):
        compare()


# --- through the stage -------------------------------------------------------------------------------------------------

TABLE = pd.DataFrame({"a": ["x"] * 6 + ["y"] * 2 + ["z"], "b": ["p", "p", "q", "q", "p", "p", "q", "q", "q"]})


@pytest.mark.parametrize("loss", LOSSES)
def test_the_report_names_the_loss_and_keeps_granularity_beside_it(loss: Loss) -> None:
    stage = KAnonymity(stage="k_anonymity", k=2, max_suppressed="0.2", loss=loss)
    with PandasEngine() as engine:
        made = anonymise(engine, engine.from_pandas(TABLE), stage=stage, quasi_identifiers={"a": None, "b": None}, person_key=None, folder=None)
    search_, report = made.report["search"], made.report
    assert search_["loss_name"] == losses.TITLES[loss]
    assert search_["proven_optimal"]
    same = {
        "granularity": 1 - report["granularity"],
        "discernibility": report["discernibility"],
        "average_class_size": report["normalised_class_size"],
    }
    assert search_["loss"] == pytest.approx(same.get(loss, search_["loss"]), abs=1e-4)
    assert 0 <= report["granularity"] <= 1


def test_a_column_of_one_value_loses_no_entropy_at_any_level() -> None:
    rows = [((1, person % 4), person, 0) for person in range(8)]
    table, ladders, _ = arrays(World(rows, (), 1))
    measure = losses.measure_of("entropy", Grouping(table, ladders), 1, 0)
    assert measure.floor((2, 0)) == measure.floor((0, 0)) == pytest.approx(0)
    assert measure.floor((0, 2)) == pytest.approx(0.5)


@pytest.mark.parametrize("method", [{"method": "local_recoding"}, {"method": "fixed", "levels": {"q": 1}}])
def test_a_loss_for_a_method_that_looks_for_none_is_refused(method: dict[str, Any]) -> None:
    stage = {"stage": "k_anonymity", "k": 2, "loss": "granularity", **method}
    with pytest.raises(RecipeError, match="loss"):
        recipe.parse({"recipe": 1, "title": "t", "columns": {"q": {"role": "quasi_identifier"}}, "stages": [stage]})


def test_a_loss_that_nobody_knows_is_refused_at_its_place() -> None:
    stage = {"stage": "k_anonymity", "k": 2, "loss": "beauty"}
    with pytest.raises(RecipeError) as refused:
        recipe.parse({"recipe": 1, "title": "t", "columns": {"q": {"role": "quasi_identifier"}}, "stages": [stage]})
    assert refused.value.problems[0].pointer == "/stages/0/loss"
