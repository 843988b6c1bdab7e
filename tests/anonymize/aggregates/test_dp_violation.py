"""A neighbour is looked for through the noise. The right code stays innocent; each planted fault is found."""

from __future__ import annotations

import warnings
from dataclasses import replace
from fractions import Fraction

import narwhals as nw
import numpy as np
import pyarrow as pa
import pytest

from anonymize.aggregates import noise as noise_module
from anonymize.aggregates import stage as staging
from anonymize.aggregates.noise import of_scale
from tests.anonymize.aggregates.worlds import dp_stage, many_draws, table_of
from tests.anonymize.oracles.violation import violated

COPIES = 20_000
OTHERS = [{"who": f"p{i}", "place": place, "amount": 1} for i in range(8) for place in ("a", "b")]


def _accused(stage, extra, places, measure="people", copies=COPIES, others=OTHERS):
    """Is a violation found between the others alone, and the others with one person more?"""
    with_one, without = (
        many_draws(table_of(rows), stage, copies, places, measure).min(axis=1) for rows in (others + extra, others)
    )
    return violated(with_one, without, epsilon=float(stage.epsilon), delta=float(stage.delta))


TWO_PLACES = [{"who": "x", "place": place, "amount": 1} for place in ("a", "b")]
MANY_ROWS = [{"who": "x", "place": "a", "amount": 1}] * 6
RICH = [{"who": "x", "place": "a", "amount": 1000}]
ALONE = [{"who": "x", "place": "c", "amount": 1}]
SPEND = {"name": "spend", "kind": "sum", "column": "amount", "lower": 0, "upper": 5}

PEOPLE = dp_stage(max_cells_per_person=2)
VISITS = dp_stage(max_cells_per_person=2, max_rows_per_cell=2, measures=[{"name": "visits", "kind": "rows"}])
SUM = dp_stage(max_cells_per_person=2, measures=[SPEND])
EXACT = dp_stage(max_cells_per_person=2, delta="0")
PRIVATE = dp_stage(max_cells_per_person=2, group_by=[{"column": "place"}], cells="private")


@pytest.mark.parametrize(
    ("stage", "extra", "places", "measure"),
    [
        pytest.param(PEOPLE, TWO_PLACES, ["a", "b"], "people", id="persons in two cells"),
        pytest.param(EXACT, TWO_PLACES, ["a", "b"], "people", id="by the exact sampler"),
        pytest.param(VISITS, MANY_ROWS, ["a"], "visits", id="more rows than allowed"),
        pytest.param(SUM, RICH, ["a"], "spend", id="an amount beyond the bound"),
        pytest.param(PRIVATE, ALONE, ["c"], "people", id="a cell of one's own"),
    ],
)
def test_the_release_is_innocent(stage, extra, places, measure):
    assert not _accused(stage, extra, places, measure)


def _scaled(monkeypatch, factor):
    """Every noise drawn with ``factor`` times its scale."""
    right = staging.plan

    def wrong(stage):
        planned = right(stage)
        small = tuple(replace(m, noise=of_scale(factor / m.noise.rate, m.noise.sampler)) for m in planned.measures)
        return replace(planned, measures=small)

    monkeypatch.setattr(staging, "plan", wrong)


def test_a_halved_sensitivity_is_found(monkeypatch):
    _scaled(monkeypatch, Fraction(1, 2))
    assert _accused(PEOPLE, TWO_PLACES, ["a", "b"])


def test_seven_tenths_of_the_noise_is_found(monkeypatch):
    _scaled(monkeypatch, Fraction(7, 10))
    assert _accused(PEOPLE, TWO_PLACES, ["a", "b"], copies=40_000)


def test_bounding_left_out_is_found(monkeypatch):
    right = staging.bounded_cells
    unlimited = {"max_cells": 10**6, "max_rows": 10**6}
    monkeypatch.setattr(staging, "bounded_cells", lambda engine, shaped, **limits: right(engine, shaped, **unlimited))
    assert _accused(VISITS, MANY_ROWS, ["a"], "visits")


def test_rows_bounded_in_place_of_persons_are_found(monkeypatch):
    right = staging.shape

    def by_row(engine, frame, **how):
        shaped = right(engine, frame, **how)
        numbered = engine.with_row_number(shaped.frame, "row")
        return replace(shaped, frame=numbered.with_columns(nw.col("row").alias("p")).drop("row"))

    monkeypatch.setattr(staging, "shape", by_row)
    assert _accused(PEOPLE, MANY_ROWS, ["a"])


def test_an_amount_that_is_not_clamped_is_found(monkeypatch):
    right = staging.shape
    wide = dp_stage(max_cells_per_person=2, measures=[SPEND | {"upper": 5000}])
    monkeypatch.setattr(staging, "shape", lambda e, f, *, stage, **how: right(e, f, stage=wide, **how))
    assert _accused(SUM, RICH, ["a"], "spend")


def test_a_threshold_without_delta_is_found(monkeypatch):
    right = staging.plan
    monkeypatch.setattr(staging, "plan", lambda stage: replace(right(stage), rule=replace(right(stage).rule, reach=1, minimum=1)))
    assert _accused(PRIVATE, ALONE, ["c"])


def test_cells_chosen_by_the_exact_count_are_found(monkeypatch):
    """Suppress on the noisy value only: a rule on the exact one shows who is the fifth (TRAPS.md 22)."""
    four = [{"who": f"q{i}", "place": "c", "amount": 1} for i in range(4)]

    def exact_choice(exact, planned):
        exact_count = exact.values["people", "persons"]
        shown = exact_count >= 5
        values = noise_module.add_noise(exact_count[shown], planned.measures[0].noise)
        groups = {name: array.filter(pa.array(shown)) for name, array in exact.groups.items()}
        return groups, {("people", "persons"): values}

    monkeypatch.setattr(staging, "draw", exact_choice)
    assert _accused(PRIVATE, ALONE, ["c"], others=OTHERS + four)


def test_diffprivlibs_own_count_in_our_place_is_found(monkeypatch):
    """Its documented way to count gives the exact count in half the draws, and never more (TRAPS.md 7)."""
    from diffprivlib import tools

    def count(values, noise):
        return np.array([int(tools.count_nonzero(np.ones(v), epsilon=float(noise.rate))) for v in values])

    monkeypatch.setattr(noise_module, "add_noise", count)
    one_place = dp_stage(group_by=[{"column": "place", "values": ["a"]}])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert _accused(one_place, MANY_ROWS, ["a"], copies=3_000)
