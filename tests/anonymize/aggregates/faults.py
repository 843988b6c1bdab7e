"""Faults that systems like this one have had, planted one at a time; each with the world in which it shows.

A fault is what a plausible mistake would make of the code, not sabotage of the test: it replaces one function of the
engine by a wrong one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from anonymize.aggregates import noise as noise_module
from anonymize.aggregates import plan as plan_module
from anonymize.aggregates import sensitivity
from anonymize.aggregates import stage as staging
from anonymize.aggregates.noise import GaussianNoise, of_scale
from anonymize.randomness import secret_bytes
from anonymize.recipe import DpTable
from tests.anonymize.aggregates.auditor import OTHERS, World
from tests.anonymize.aggregates.worlds import dp_stage

PEOPLE = {"name": "people", "kind": "persons"}
VISITS = {"name": "visits", "kind": "rows"}
SPEND = {"name": "spend", "kind": "sum", "column": "amount", "lower": 0, "upper": 5}
MEAN = {"name": "average", "kind": "mean", "column": "amount", "lower": 0, "upper": 8}
VARIANCE = {"name": "spread", "kind": "variance", "column": "amount", "lower": 0, "upper": 8}

TWO_PLACES = [{"who": "x", "place": place, "amount": 1} for place in ("a", "b")]
MANY_ROWS = [{"who": "x", "place": "a", "amount": 1}] * 6
FULL = [{"who": "x", "place": place, "amount": 8} for place in ("a", "b") for _ in range(3)]
RICH = [{"who": "x", "place": "a", "amount": 1000}]
ALONE = [{"who": "x", "place": "c", "amount": 1}]
EVERYWHERE = [{"who": "x", "place": place, "amount": 1} for place in ("a", "b", "c")]


def _two(**changes: Any) -> DpTable:
    return dp_stage(max_cells_per_person=2, **changes)


ONE_PLACE = dp_stage(group_by=[{"column": "place", "values": ["a", "b", "c"]}])
PERSONS = World(_two(), TWO_PLACES)
EXACT = World(_two(delta="0"), TWO_PLACES)
ROWS = World(_two(max_rows_per_cell=2, measures=[VISITS]), FULL)
SUM = World(_two(measures=[SPEND]), [*RICH, {"who": "x", "place": "b", "amount": 1000}])
NEGATIVE = World(_two(measures=[SPEND | {"lower": -50, "upper": 5}]), [{"who": "x", "place": "a", "amount": -50}, {"who": "x", "place": "b", "amount": -50}])
FAR = World(_two(measures=[SPEND | {"lower": 900, "upper": 1000}]), [{"who": "x", "place": "a", "amount": 1000}, {"who": "x", "place": "b", "amount": 1000}])
MEANS = World(_two(measures=[MEAN], max_rows_per_cell=3), FULL)
VARIANCES = World(_two(measures=[VARIANCE], max_rows_per_cell=3), FULL)
SEVERAL = World(_two(measures=[PEOPLE, VISITS], max_rows_per_cell=1), TWO_PLACES)
GAUSSIAN = World(_two(noise="gaussian", delta="1e-3", measures=[VISITS], max_rows_per_cell=3), FULL)
GAUSSIAN_PERSONS = World(dp_stage(noise="gaussian", delta="1e-3", max_cells_per_person=3), EVERYWHERE)
SIX = tuple("abcdef")
SIX_PLACES = World(
    dp_stage(noise="gaussian", delta="1e-3", max_cells_per_person=6, group_by=[{"column": "place", "values": list(SIX)}]),
    [{"who": "x", "place": place, "amount": 1} for place in SIX], places=SIX,
)  # fmt: skip
PRIVATE = World(_two(group_by=[{"column": "place"}], cells="private"), ALONE)
LIKELY = World(dp_stage(max_cells_per_person=3, group_by=[{"column": "place"}], cells="private", delta="0.01"), EVERYWHERE, others=[])
FIFTH = World(PRIVATE.stage, ALONE, others=[*OTHERS, *({"who": f"q{i}", "place": "c"} for i in range(4))])
IN_ALL = World(_two(measures=[VISITS], max_rows_per_cell=3, max_rows_per_person=3), FULL)
PRIVATE_GAUSSIAN = World(_two(group_by=[{"column": "place"}], cells="private", noise="gaussian", delta="1e-3"), ALONE)

INNOCENT = {
    "persons": PERSONS,
    "persons, by the exact sampler": EXACT,
    "rows": ROWS,
    "sums of amounts beyond the bound": SUM,
    "sums of negative amounts": NEGATIVE,
    "sums far from zero": FAR,
    "means": MEANS,
    "variances": VARIANCES,
    "two measures": SEVERAL,
    "Gaussian noise": GAUSSIAN,
    "Gaussian noise, persons": GAUSSIAN_PERSONS,
    "a private cell of one's own": PRIVATE,
    "private cells with a large δ": LIKELY,
    "a private cell in which one is the fifth": FIFTH,
    "private cells with Gaussian noise": PRIVATE_GAUSSIAN,
    "a limit over all cells": IN_ALL,
}


def _chance() -> np.random.Generator:
    """What a fault draws itself comes from the one source too, which a test fixes."""
    return np.random.default_rng(int.from_bytes(secret_bytes(16)))


@dataclass(frozen=True)
class Fault:
    name: str
    world: World
    plant: Callable[[pytest.MonkeyPatch], None]


def _scaled(factor: Fraction) -> Callable[[pytest.MonkeyPatch], None]:
    """Every noise of a measure with ``factor`` times its scale."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        right = staging.plan

        def less(noise: Any) -> Any:
            return GaussianNoise(noise.scale * float(factor)) if isinstance(noise, GaussianNoise) else of_scale(factor / noise.rate, noise.sampler)

        def wrong(stage: DpTable) -> Any:
            planned = right(stage)
            return replace(planned, measures=tuple(replace(m, noise=less(m.noise)) for m in planned.measures))

        patch.setattr(staging, "plan", wrong)

    return plant


def _unbounded(*limits: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Bounding without some of its limits."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        right = staging.bounded_cells
        none = {"max_cells": 10**6, "max_rows": 10**6, "in_all": None}
        off = {name: none[name] for name in limits}
        patch.setattr(staging, "bounded_cells", lambda engine, shaped, **given: right(engine, shaped, **(given | off)))

    return plant


def _rows_for_persons(patch: pytest.MonkeyPatch) -> None:
    right = staging.shape

    def by_row(engine: Any, frame: Any, **how: Any) -> Any:
        shaped = right(engine, frame, **how)
        numbered = engine.with_row_number(shaped.frame, "row")
        return replace(shaped, frame=numbered.with_columns(nw.col("row").alias("p")).drop("row"))

    patch.setattr(staging, "shape", by_row)


def _wide_clamps(patch: pytest.MonkeyPatch) -> None:
    right = staging.shape
    wide = _two(measures=[SPEND | {"upper": 5000}])
    patch.setattr(staging, "shape", lambda e, f, *, stage, **how: right(e, f, stage=wide, **how))


def _clamps_from_data(patch: pytest.MonkeyPatch) -> None:
    """The largest amount of the data in place of the declared bound, in the clamp and in the noise alike."""
    right = staging.shape

    def from_data(engine: Any, frame: Any, *, stage: DpTable, **how: Any) -> Any:
        largest = int(engine.collect(frame.select(nw.col("amount").max()))["amount"].iloc[0])
        return right(engine, frame, stage=_two(measures=[SPEND | {"upper": max(largest, 1)}]), **how)

    patch.setattr(staging, "shape", from_data)


def _per_cell(wrong: Callable[[Any], int]) -> Callable[[pytest.MonkeyPatch], None]:
    """Another idea of how much one row changes; ``wrong`` takes (kind, measure)."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(sensitivity, "per_row", lambda kind, measure: wrong((kind, measure)))

    return plant


def _one_cell_only(patch: pytest.MonkeyPatch) -> None:
    for module in (plan_module, sensitivity):
        patch.setattr(module, "most_cells", lambda stage: 1)
    right = staging.plan
    patch.setattr(staging, "plan", lambda stage: replace(right(stage), max_cells=stage.max_cells_per_person))


def _one_row_only(patch: pytest.MonkeyPatch) -> None:
    for module in (plan_module, sensitivity):
        patch.setattr(module, "most_rows", lambda stage: 1)
    right = staging.plan
    patch.setattr(staging, "plan", lambda stage: replace(right(stage), max_rows=stage.max_rows_per_cell))


def _whole_budget_for_each(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plan_module, "_shares", lambda wanted, whole, levels: [whole for _ in wanted])


def _rule(**changes: Any) -> Callable[[pytest.MonkeyPatch], None]:
    def plant(patch: pytest.MonkeyPatch) -> None:
        right = staging.plan
        patch.setattr(staging, "plan", lambda stage: replace(right(stage), rule=replace(right(stage).rule, **changes)))

    return plant


def _whole_delta_for_each_cell(patch: pytest.MonkeyPatch) -> None:
    right = plan_module.rule
    patch.setattr(plan_module, "rule", lambda rate, delta, minimum: right(rate, delta * 3, minimum))


def _chosen_by_the_exact_count(patch: pytest.MonkeyPatch) -> None:
    """Suppress on the noisy value only: a rule on the exact one shows who is the fifth (TRAPS.md 22)."""

    def exact_choice(exact: Any, planned: Any) -> Any:
        exact_count = exact.values["people", "persons"]
        shown = exact_count >= 5
        values = noise_module.add_noise(exact_count[shown], planned.measures[0].noise)
        groups = {name: array.filter(pa.array(shown)) for name, array in exact.groups.items()}
        return groups, {("people", "persons"): values}

    patch.setattr(staging, "draw", exact_choice)


def _all_groups_of_the_data(patch: pytest.MonkeyPatch) -> None:
    """A group-by over the data's own keys: noise on the numbers, none on which cells there are."""

    def no_choice(exact: Any, planned: Any) -> Any:
        values = noise_module.add_noise(exact.values["people", "persons"], planned.measures[0].noise)
        return exact.groups, {("people", "persons"): values}

    patch.setattr(staging, "draw", no_choice)


def _drawn(wrong: Callable[[Any, Any, Any], Any]) -> Callable[[pytest.MonkeyPatch], None]:
    """Another way to draw; ``wrong`` takes the right way, the values and the noise."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        right = noise_module.add_noise
        patch.setattr(noise_module, "add_noise", lambda values, noise: wrong(right, values, noise))

    return plant


def _a_seed(right: Any, values: Any, noise: Any) -> Any:
    """The same draws in every release: 'reproducible'. The releases of a table are then all alike."""
    chance = np.random.default_rng(1)
    one = np.rint(chance.laplace(0, float(noise.scale), 3)).astype(np.int64)
    return values + np.resize(one, values.size)


def _one_draw_for_all_cells(right: Any, values: Any, noise: Any) -> Any:
    cells = 3
    return values + np.repeat(right(np.zeros(values.size // cells, dtype=np.int64), noise), cells)


def _same_draws_for_each_measure() -> Callable[[pytest.MonkeyPatch], None]:
    def plant(patch: pytest.MonkeyPatch) -> None:
        right, kept = noise_module.add_noise, {}

        def wrong(values: Any, noise: Any) -> Any:
            if values.size not in kept:
                kept[values.size] = right(np.zeros_like(values), noise)
            return values + kept[values.size]

        patch.setattr(noise_module, "add_noise", wrong)

    return plant


def _none_on_empty_cells(right: Any, values: Any, noise: Any) -> Any:
    return np.where(values == 0, 0, right(values, noise))


def _none_on_large_cells(right: Any, values: Any, noise: Any) -> Any:
    return np.where(values > 8, values, right(values, noise))


def _never_beyond_the_scale(right: Any, values: Any, noise: Any) -> Any:
    """Drawn again until it looks right."""
    drawn = right(np.zeros_like(values), noise)
    for _ in range(60):
        far = np.abs(drawn) > float(noise.scale)
        drawn[far] = right(np.zeros(int(far.sum()), dtype=np.int64), noise)
    return values + np.clip(drawn, -int(noise.scale), int(noise.scale))


def _never_less(right: Any, values: Any, noise: Any) -> Any:
    return values + np.abs(right(np.zeros_like(values), noise))


def _uniform(right: Any, values: Any, noise: Any) -> Any:
    reach = int(3 * float(noise.scale)) + 1
    return values + _chance().integers(-reach, reach + 1, values.size)


def _itself_now_and_then(right: Any, values: Any, noise: Any) -> Any:
    """A sampler that fails now and then, and gives the value itself."""
    failing = _chance().random(values.size) < 0.04
    return np.where(failing, values, right(values, noise))


def _two_for_one(right: Any, values: Any, noise: Any) -> Any:
    """Noise on halves, doubled: every result is even or odd as the exact value is."""
    return values + 2 * right(np.zeros_like(values), replace(noise, rate=noise.rate * 2))


def _scaled_to_the_exact_total(right: Any, values: Any, noise: Any) -> Any:
    noisy = right(values, noise).reshape(-1, 3)
    noisy[:, 2] = values.reshape(-1, 3).sum(axis=1) - noisy[:, :2].sum(axis=1)
    return noisy.reshape(-1)


def _with_diffprivlibs_count(patch: pytest.MonkeyPatch) -> None:
    """Its documented way to count gives the exact count in half the draws, and never more (TRAPS.md 7)."""
    from diffprivlib import tools

    chance = np.random.RandomState(_chance().bit_generator)

    def count(values: Any, noise: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.array([int(tools.count_nonzero(np.ones(max(v, 0)), epsilon=float(noise.rate), random_state=chance)) for v in values])

    patch.setattr(noise_module, "add_noise", count)


def _with_diffprivlibs_mean(patch: pytest.MonkeyPatch) -> None:
    """Its nanmean: one value more moves it from one end of its bounds to the other, with next to no noise."""
    from diffprivlib import tools

    chance = np.random.RandomState(_chance().bit_generator)

    def mean(exact: Any, planned: Any) -> Any:
        drawn = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for quantity in planned.measures:
                sums = exact.values[quantity.key]
                told = [1000 * tools.nanmean([np.nan, *([float(v)] if v else [])], epsilon=1.0, bounds=(0, 100), random_state=chance) for v in sums]
                drawn[quantity.key] = np.nan_to_num(np.array(told)).astype(np.int64)
        return exact.groups, drawn

    patch.setattr(staging, "draw", mean)


def _rho_without_delta(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plan_module, "rho_of_epsilon", lambda epsilon, delta: epsilon)


def _gaussian_of_one_cell(patch: pytest.MonkeyPatch) -> None:
    from anonymize.aggregates import gaussian

    right = gaussian.sigma_of_rho
    patch.setattr(gaussian, "sigma_of_rho", lambda squared, rho: right(1, rho))


def _merged_after_bounding(patch: pytest.MonkeyPatch) -> None:
    """A coarser grid made of bounded cells: somebody in three places is then three in one (TRAPS.md 20)."""
    right = staging.exact_cells

    def merged(cells: Any, stage: DpTable, planned: Any, dims: Any, leaves: Any) -> Any:
        found = right(cells, stage, planned, dims, leaves)
        at_a = pc.equal(found.groups["place"], "a").to_numpy(zero_copy_only=False)
        return replace(found, values={key: np.where(at_a, values.sum(), 0) for key, values in found.values.items()})

    patch.setattr(staging, "exact_cells", merged)


def _missing_bounds_no_noise(right: Any, values: Any, noise: Any) -> Any:
    """Missing metadata that silently means no noise (TRAPS.md 21)."""
    return values.copy()


def _zero_centred(given: Any) -> int:
    """Distances from the middle that are taken to be no larger than a quarter of the range."""
    kind, _measure = given
    return 2 if kind == "centred" else 1


HALF = Fraction(1, 2)
FAULTS = (
    Fault("half the noise on persons", PERSONS, _scaled(HALF)),
    Fault("half the noise on rows", ROWS, _scaled(HALF)),
    Fault("half the noise on sums", SUM, _scaled(HALF)),
    Fault("0.7 of the noise", replace(PERSONS, releases=40_000), _scaled(Fraction(7, 10))),
    Fault("0.7 of the noise on sums", replace(SUM, releases=40_000), _scaled(Fraction(7, 10))),
    Fault("half of the Gaussian noise", replace(GAUSSIAN, releases=40_000), _scaled(HALF)),
    Fault("half the noise on means", MEANS, _scaled(HALF)),
    Fault("half the noise on variances", replace(VARIANCES, releases=40_000), _scaled(HALF)),
    Fault("cells of a person not bounded", World(ONE_PLACE, EVERYWHERE, releases=20_000), _unbounded("max_cells")),
    Fault("rows of a cell not bounded", World(ONE_PLACE.model_copy(update={"measures": ROWS.stage.measures}), MANY_ROWS), _unbounded("max_rows")),
    Fault("rows of a person in all cells not bounded", IN_ALL, _unbounded("in_all")),
    Fault("rows bounded in place of persons", World(ONE_PLACE, MANY_ROWS), _rows_for_persons),
    Fault("amounts not clamped", SUM, _wide_clamps),
    Fault("bounds taken from the data", SUM, _clamps_from_data),
    Fault("noise for one cell", World(dp_stage(max_cells_per_person=3), EVERYWHERE), _one_cell_only),
    Fault("noise for one row", GAUSSIAN, _one_row_only),
    Fault("a sum's sensitivity is the width of its bounds", FAR, _per_cell(lambda given: 100)),
    Fault("a sum's sensitivity is its upper bound", NEGATIVE, _per_cell(lambda given: 5)),
    Fault("a mean's sensitivity is half of what it is", replace(MEANS, releases=40_000), _per_cell(_zero_centred)),
    Fault("squares as sensitive as distances", VARIANCES, _per_cell(lambda given: 1 if given[0] == "values" else 4)),
    Fault("each measure spends the whole budget", replace(SEVERAL, releases=40_000), _whole_budget_for_each),
    Fault("a threshold without delta", PRIVATE, _rule(reach=1)),
    Fault("delta of a release spent on every cell", replace(LIKELY, releases=40_000), _whole_delta_for_each_cell),
    Fault("cells chosen by the exact count", FIFTH, _chosen_by_the_exact_count),
    Fault("the data's own groups", PRIVATE, _all_groups_of_the_data),
    Fault("a seed", PERSONS, _drawn(_a_seed)),
    Fault("one draw for all cells", World(ONE_PLACE, ALONE), _drawn(_one_draw_for_all_cells)),
    Fault("the same draws for each measure", World(_two(measures=[PEOPLE, VISITS | {"weight": 1}], max_rows_per_cell=2), MANY_ROWS), _same_draws_for_each_measure()),
    Fault("no noise on empty cells", World(ONE_PLACE, ALONE), _drawn(_none_on_empty_cells)),
    Fault("no noise on large cells", PERSONS, _drawn(_none_on_large_cells)),
    Fault("drawn again until it looks right", PERSONS, _drawn(_never_beyond_the_scale)),
    Fault("noise that never takes away", PERSONS, _drawn(_never_less)),
    Fault("uniform noise", PERSONS, _drawn(_uniform)),
    Fault("a sampler that fails now and then", World(ONE_PLACE, ALONE, releases=400_000), _drawn(_itself_now_and_then)),
    Fault("noise on halves, doubled", World(ONE_PLACE, ALONE), _drawn(_two_for_one)),
    Fault("an exact total", World(ONE_PLACE, ALONE), _drawn(_scaled_to_the_exact_total)),
    Fault("no noise where something is missing", PERSONS, _drawn(_missing_bounds_no_noise)),
    Fault("diffprivlib's own count", World(ONE_PLACE, MANY_ROWS, releases=500), _with_diffprivlibs_count),
    Fault("diffprivlib's own mean", World(dp_stage(measures=[SPEND]), RICH, others=[], releases=500), _with_diffprivlibs_mean),
    Fault("rho as large as epsilon", GAUSSIAN_PERSONS, _rho_without_delta),
    Fault("Gaussian noise for one cell of one row", GAUSSIAN, _gaussian_of_one_cell),
    Fault("cells merged after bounding", SIX_PLACES, _merged_after_bounding),
)
