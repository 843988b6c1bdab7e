"""Bounds are proposed by a look that is differentially private itself: a public grid, one value a person, noise, a charge."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymize import recipe as recipes
from anonymize.__main__ import main
from anonymize.aggregates import bounds, noise
from anonymize.aggregates.accounting import Loss, compose
from anonymize.bounds import propose_bounds
from anonymize.errors import BudgetRefused, RecipeError
from anonymize.tables import DuckEngine
from tests.anonymize.aggregates.worlds import TYPES, dp_stage, table_of
from tests.anonymize.oracles import bounds as oracle
from tests.anonymize.oracles.violation import violated

SPENT = {"name": "spent", "kind": "sum", "column": "amount", "lower": "0", "upper": "1", "unit": "0.01"}
SHARE = Decimal("0.95")


def stage(**changes: Any) -> Any:
    return dp_stage(**({"measures": [{"name": "rows", "kind": "rows"}, SPENT]} | changes))


def asked(of: Any, epsilon: str = "1", rows: list[dict[str, Any]] | None = None, **given: Any) -> dict[str, bounds.Proposal]:
    arguments: dict[str, Any] = {
        "unit": ("who",), "ladders": {}, "before_noise": lambda loss: None, "progress": lambda step, share: None, "column_types": TYPES,
    }  # fmt: skip
    with DuckEngine(threads=1) as engine:
        found = bounds.propose(
            engine, engine.from_pandas(table_of(rows or [])), stage=of, asked=bounds.look(of, Decimal(epsilon), SHARE), **(arguments | given)
        )
    return {proposal.field: proposal for proposal in found}


@pytest.fixture
def no_noise(monkeypatch):
    """The oracle knows no noise, and no number of persons is too small."""
    monkeypatch.setattr(noise, "add_noise", lambda values, of: values.copy())
    monkeypatch.setattr(noise.Noise, "half_width", 0)


# --- what is proposed --------------------------------------------------------------------------------------------


@settings(max_examples=5, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-5000, 50000), st.integers(1, 4), st.integers(1, 30)), min_size=1, max_size=25),
)
def test_without_noise_it_is_what_trying_every_step_finds(people):
    """Everybody has one amount, and the same number of rows in each of their cells, so that chance has nothing to choose."""
    rows = [
        {"who": f"p{i}", "place": "abcd"[cell], "amount": Decimal(cents) / 100} for i, (cents, cells, n) in enumerate(people) for cell in range(cells) for _ in range(n)
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noise, "add_noise", lambda values, of: values.copy())
        patch.setattr(noise.Noise, "half_width", 0)
        four = [{"column": "place", "values": ["a", "b", "c", "d"]}]
        found = asked(stage(group_by=four, max_rows_per_person=9), rows=rows)
    share = Fraction(SHARE)
    assert found["max_cells_per_person"].bound == oracle.limit([cells for _, cells, _ in people], share)
    assert found["max_rows_per_cell"].bound == oracle.limit([n for *_, n in people], share)
    assert found["max_rows_per_person"].bound == oracle.limit([cells * n for _, cells, n in people], share)
    lower, upper = oracle.bounds([cents for cents, *_ in people], share)
    assert (found["lower"].bound, found["upper"].bound) == (Decimal(lower) / 100, Decimal(upper) / 100)


def test_with_noise_the_bounds_cover_what_they_say():
    rows = [{"who": f"p{i}", "place": "ab"[i % 2], "amount": Decimal(i)} for i in range(3000)]
    found = asked(stage(), epsilon="3", rows=rows)
    assert (found["upper"].bound, found["lower"].bound, found["max_rows_per_cell"].bound) == (5000, 0, 1)
    assert all(proposal.covered >= 0.97 and proposal.error < 0.05 for proposal in found.values())


def test_where_noise_hides_the_few_nothing_is_proposed():
    found = asked(stage(), epsilon="0.01", rows=[{"who": "p", "place": "a", "amount": Decimal(7)}])
    assert [(proposal.bound, proposal.covered) for proposal in found.values()] == [(None, None)] * 4


def _read(values: np.ndarray, epsilon: str, share: str = "0.99") -> list[bounds.Proposal]:
    """Both bounds of numbers above zero, one a person, by a look with four questions."""
    question = bounds.Question("bounds", "spent", Decimal("0.1"), bounds.steps(10**15), signed=True)
    look = bounds.Look((question,) * 4, noise.of_scale(4 / Fraction(epsilon), "opendp"), Decimal(epsilon), Fraction(share))
    counts = np.zeros(question.bins, dtype=np.int64)
    np.add.at(counts, len(question.steps) + 1 + np.searchsorted(question.steps, values), 1)
    return bounds.read(question, noise.add_noise(counts, look.noise), look)


@pytest.mark.parametrize(("persons", "epsilon"), [(300, "0.1"), (4000, "0.1"), (4000, "0.5"), (20_000, "0.1")])
def test_noise_larger_than_what_the_share_leaves_over_is_never_taken_for_a_bound(persons, epsilon):
    """Always: the noise of one draw would have to be some twenty times its scale for the total to be enough."""
    for _ in range(20):
        found = _read(np.arange(persons) % 999 + 1, epsilon)
        assert [(proposal.bound, proposal.why) for proposal in found] == [(None, "too_few_persons")] * 2


def test_the_epsilon_that_would_do_is_told_and_does():
    values = np.arange(20_000) % 999 + 1
    enough = _read(values, "0.2")[0].enough_epsilon
    assert enough is not None and Decimal("0.7") < enough < Decimal("1.1")
    assert all(proposal.bound is not None for proposal in _read(values, str(2 * enough)))


@pytest.mark.parametrize(("persons", "epsilon", "share"), [(4000, "8", "0.99"), (20_000, "2", "0.99"), (400_000, "0.1", "0.99"), (4000, "0.8", "0.9")])
def test_persons_enough_have_the_bound_that_is_true(persons, epsilon, share):
    """Noise beyond the bound would have to be over six of its standard deviations, in any of the looks."""
    for _ in range(20):
        lower, upper = _read(np.arange(persons) % 999 + 1, epsilon, share)
        assert (lower.bound, upper.bound) == (0, 100)
        assert upper.error is not None and upper.error <= (1 - float(share)) / 2


def test_it_shows_when_noise_that_is_too_large_is_read(monkeypatch):
    """The first step whose noisy count beyond is small enough, whatever the noise: right in half of the looks at most."""
    monkeypatch.setattr(bounds, "_enough", lambda question, total, look: Decimal(0))
    monkeypatch.setattr(bounds, "_of_sum", lambda width, drawn: 0)
    found = [_read(np.arange(4000) % 999 + 1, "0.1")[1].bound for _ in range(50)]
    assert set(found) != {Decimal(100)}


@pytest.mark.parametrize("rows", [[], [{"who": "p", "place": "elsewhere", "amount": Decimal(1)}], [{"who": "p", "place": "a"}]])
def test_a_table_without_any_value_is_no_error(rows):
    assert asked(stage(), rows=rows)["upper"].bound is None


def test_values_beyond_the_grid_and_zeros_have_their_bins(no_noise):
    far = asked(stage(), rows=[{"who": "p", "place": "a", "amount": Decimal("1e15")}, {"who": "q", "place": "a", "amount": Decimal("-3e14")}])
    assert (far["upper"].bound, far["upper"].why, far["lower"].bound) == (None, "beyond_the_grid", Decimal("-5e14"))
    nothing = asked(stage(), rows=[{"who": "p", "place": "a", "amount": Decimal(0)}])
    assert (nothing["lower"].bound, nothing["upper"].bound) == (0, Decimal("0.01"))


def test_rows_of_nobody_give_no_value(no_noise):
    rows = [{"who": None, "place": "a", "amount": Decimal(999)}] * 5 + [{"who": "p", "place": "a", "amount": Decimal(1)}]
    assert asked(stage(), rows=rows, nobodys=True)["upper"].bound == 1


# --- what it gives away ------------------------------------------------------------------------------------------


def test_the_loss_is_told_before_the_first_draw_and_composes_to_epsilon(monkeypatch):
    happened: list[Any] = []
    drawn = noise.add_noise
    monkeypatch.setattr(noise, "add_noise", lambda values, of: (happened.append(len(values)), drawn(values, of))[1])
    asked(stage(), rows=[{"who": "p", "place": "a", "amount": Decimal(1)}], before_noise=happened.append)
    loss = happened[0]
    assert isinstance(loss, Loss) and (loss.epsilon, loss.delta, loss.unit, loss.covers) == (1, 0, "person", None)
    total = compose([Loss(part.pure, Decimal(0), (part,)) for part in loss.parts], Decimal(0))
    assert total is not None and Decimal("0.999999") < total.epsilon <= 1
    assert happened[1:] == [question.bins for question in bounds.look(stage(), Decimal(1), SHARE).questions]


@pytest.mark.parametrize("rows", [[], [{"who": f"p{i}", "place": "a", "amount": Decimal(10**i)} for i in range(9)]])
def test_how_often_noise_is_drawn_does_not_depend_on_the_data(rows, monkeypatch):
    sizes: list[int] = []
    monkeypatch.setattr(noise, "add_noise", lambda values, of: (sizes.append(len(values)), values)[1])
    asked(stage(), rows=rows)
    assert sizes == [19, 19, 105]


def test_a_budget_that_refuses_leaves_nothing_drawn(monkeypatch):
    def refuse(loss: Loss) -> None:
        raise BudgetRefused("no")

    monkeypatch.setattr(noise, "add_noise", lambda values, of: pytest.fail("noise was drawn"))
    with pytest.raises(BudgetRefused):
        asked(stage(), rows=[{"who": "p", "place": "a", "amount": Decimal(1)}], before_noise=refuse)


COPIES = 3000


def _noisy(rows: list[dict[str, Any]], field: str, where: int) -> np.ndarray:
    """One bin of the question, in many looks at the same rows; the counting is done once."""
    of = stage()
    look = bounds.look(of, Decimal(3), SHARE)  # one a question
    number = next(i for i, question in enumerate(look.questions) if question.field == field)
    exact: list[np.ndarray] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noise, "add_noise", lambda values, of: (exact.append(values), values)[1])
        asked(of, epsilon="3", rows=rows)
    return noise.add_noise(np.repeat(exact[number][where], COPIES), bounds.look(of, Decimal(3), SHARE).noise)


ALONE = [{"who": "q", "place": "a", "amount": Decimal(1)}]
HEAVY = [*ALONE, *({"who": "p", "place": "a", "amount": Decimal(1)} for _ in range(6))]


def _accused() -> bool:
    zero = len(bounds.look(stage(), Decimal(3), SHARE).questions[2].steps)
    place = zero + 7  # amounts up to 1.00, that is 100 units
    return violated(_noisy(ALONE, "bounds", place), _noisy(HEAVY, "bounds", place), epsilon=1.0, delta=0.0)


@pytest.mark.draws
def test_one_person_with_many_rows_changes_one_count_by_one():
    """Accused by chance once in 10^10 runs (tests/anonymize/oracles/violation.py)."""
    assert not _accused()


def test_it_shows_when_a_person_gives_all_their_values(monkeypatch):
    monkeypatch.setattr(DuckEngine, "smallest_of_each", lambda self, frame, order, n, by: frame)
    assert _accused()


def test_it_shows_when_the_budget_is_not_shared_out(monkeypatch):
    monkeypatch.setattr(bounds, "look", lambda of, epsilon, share, _look=bounds.look: _look(of, 3 * epsilon, share))
    assert _accused()


# --- what it is asked with ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("epsilon", "share"), [("0", "0.9"), ("NaN", "0.9"), ("-1", "0.9"), ("Infinity", "0.9"), ("1", "1"), ("1", "NaN"), ("1", "0.1")])
def test_an_epsilon_or_a_share_out_of_range_is_refused(epsilon, share):
    with pytest.raises(RecipeError):
        bounds.look(stage(), Decimal(epsilon), Decimal(share))


RECIPE = {
    "recipe": 1, "title": "Spent", "person_key": "who", "privacy_unit": {"period": "month", "column": "at", "time_zone": "UTC"},
    "columns": {"who": {"role": "person_key"}, "at": {"role": "event_time"}, "amount": {"role": "plain"}},
    "stages": [
        {
            "stage": "dp_table", "group_by": [{"column": "at", "bucket": "day", "start": "2026-01-01", "end": "2026-02-01"}],
            "measures": [SPENT], "epsilon": "1", "max_cells_per_person": 1, "cells": "public",
        }
    ],
}  # fmt: skip


@pytest.fixture
def events(tmp_path):
    at = [date(2026, 1, 1) + timedelta(days=n % 40) for n in range(4000)]
    table = pa.table({"who": [f"p{n // 2}" for n in range(4000)], "at": at, "amount": pa.array([n % 90 for n in range(4000)])})
    pq.write_table(table, tmp_path / "events.parquet")
    return tmp_path / "events.parquet"


def test_a_recipe_is_asked_for_its_own_unit_and_dates(events):
    told: list[Loss] = []
    found = propose_bounds(recipes.parse(RECIPE), events, epsilon=Decimal(60), before_noise=told.append)
    assert (told[0].unit, [day.isoformat() for day in told[0].covers or ()]) == ("person_month", ["2026-01-01", "2026-02-01"])
    assert [proposal["field"] for proposal in found["proposals"]] == ["max_cells_per_person", "max_rows_per_cell", "lower", "upper"]
    assert found["proposals"][-1]["bound"] == "100" and json.dumps(found, allow_nan=False)


def test_only_a_table_with_noise_has_bounds(events):
    plain = {"recipe": 1, "title": "t", "columns": {"amount": {"role": "plain"}}, "stages": [{"stage": "scan"}]}
    with pytest.raises(RecipeError):
        propose_bounds(recipes.parse(plain), events, epsilon=Decimal(1), before_noise=lambda loss: None)


def test_the_command_prints_what_is_proposed(events, tmp_path, capsys):
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE), encoding="utf-8")
    assert main(["bounds", str(tmp_path / "recipe.json"), "--input", str(events), "--epsilon", "3"]) == 0
    assert json.loads(capsys.readouterr().out)["bounds"] == 1
    assert main(["bounds", str(tmp_path / "recipe.json"), "--input", str(events), "--epsilon", "plenty"]) == 2


def test_a_quantile_is_asked_for_its_bounds_too(no_noise):
    median = {"name": "typical", "kind": "median", "column": "amount", "lower": "0", "upper": "10"}
    assert asked(stage(measures=[median]), rows=[{"who": "p", "place": "a", "amount": Decimal(700)}])["upper"].bound == 1000
