"""Totals of a table: what lies in what, what is spent on them, what is published, and what a neighbour shows."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from anonymize import pipeline
from anonymize.aggregates import noise, totals
from anonymize.aggregates import plan as planning
from anonymize.aggregates.accounting import epsilon_of_rho
from anonymize.aggregates.consistency import Estimates
from anonymize.aggregates.dimensions import dimensions
from anonymize.aggregates.noise import of_scale, of_variance
from anonymize.aggregates.plan import plan
from anonymize.columns.hierarchies import build
from anonymize.errors import PrivacyNotMet, RecipeError
from anonymize.recipe import FileHierarchy, H3Hierarchy, PrefixHierarchy, loads
from anonymize.tables import DuckEngine, PandasEngine
from tests.anonymize.aggregates.worlds import TYPES, dp_stage, release, table_of
from tests.anonymize.oracles.violation import violated

PEOPLE = {"name": "people", "kind": "persons"}
VISITS = {"name": "visits", "kind": "rows"}
SPEND = {"name": "spend", "kind": "sum", "column": "amount", "lower": 0, "upper": 5, "unit": "0.25"}
HOURS = {"column": "at", "bucket": "hour", "start": "2026-03-02", "end": "2026-03-04"}
PLACES = {"column": "place", "values": ["a1", "a2", "b1"]}
PREFIX = {"place": build("place", PrefixHierarchy(prefix=[1]), ["a1"], None)}
CITY_DAY, GU_DAY, DAY = {"place": "all", "at_hour": "day"}, {"place": 1, "at_hour": "day"}, {"at_hour": "day"}
DEEP = dp_stage(group_by=[PLACES, HOURS], totals=[CITY_DAY, GU_DAY, DAY], measures=[PEOPLE, VISITS, SPEND], max_cells_per_person=3)


@pytest.fixture(params=["duck", "pandas"])
def engine(request):
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


@pytest.fixture
def quiet(monkeypatch):
    """No noise: what is left is the exact table, which only a test may see."""
    monkeypatch.setattr(noise, "add_noise", lambda values, drawn: values.copy())


def _row(who, place, hour, amount="1.00"):
    return {"who": who, "place": place, "amount": Decimal(amount), "at": dt.datetime(2026, 3, 2) + dt.timedelta(hours=hour)}


ROWS = table_of([_row("ann", "a1", 0), _row("ann", "a2", 5), _row("ann", "b1", 30), _row("bo", "a1", 0, "2.50"), _row("cy", "a2", 23)])


def _records(released):
    return pa.Table.from_pandas(released.table, preserve_index=False).to_pylist()


# --- what comes out ----------------------------------------------------------------------------------------------


def test_the_table_comes_first_then_its_totals_up_to_the_coarsest(engine, quiet):
    records = _records(release(engine, ROWS, DEEP, ladders=PREFIX))
    assert len(records) == 3 * 48 + 6 + 4 + 2
    assert [r["at_hour_level"] for r in records] == ["hour"] * 144 + ["day"] * 12
    assert [r["place_level"] for r in records] == ["0"] * 150 + ["1"] * 4 + ["all"] * 2
    coarse = [(r["place"], r["at_hour"].day, r["people"], r["visits"], r["spend"]) for r in records[150:]]
    assert coarse == [
        ("a", 2, 4, 4, Decimal("5.50")), ("a", 3, 0, 0, Decimal("0")), ("b", 2, 0, 0, Decimal("0")), ("b", 3, 1, 1, Decimal("1")),
        (None, 2, 4, 4, Decimal("5.50")), (None, 3, 1, 1, Decimal("1")),
    ]  # fmt: skip
    assert records[150]["at_hour"] == dt.datetime(2026, 3, 2)


def test_with_noise_parts_add_up_exactly_and_nothing_is_below_zero(engine):
    records = _records(release(engine, ROWS, DEEP, ladders=PREFIX))
    for name in ("people", "visits", "spend"):
        by_day = [sum(r[name] for r in records[start:stop] if r["at_hour"].day == 2) for start, stop in ((0, 144), (144, 150), (150, 154), (154, 156))]
        assert len(set(by_day)) == 1
        assert sum(r[name] for r in records[:144] if (r["place"], r["at_hour"].day) == ("a1", 3)) == records[145][name]
        assert all(0 <= r[f"{name}_lower"] <= r[name] <= r[f"{name}_upper"] for r in records)


def test_columns_tell_what_is_a_level_and_what_the_table_itself_is_at(engine):
    released = release(engine, ROWS, DEEP, ladders=PREFIX)
    assert [column["name"] for column in released.columns] == list(released.table.columns)
    levels = [column for column in released.columns if column["role"] == "level"]
    assert [(c["name"], c["dimension"], c["finest"]) for c in levels] == [("place_level", "place", "0"), ("at_hour_level", "at_hour", "hour")]
    told = released.report_public["totals"]
    assert [level["levels"] for level in told] == [{"place": "all", "at_hour": "day"}, {"place": "1", "at_hour": "day"}, {"place": "0", "at_hour": "day"}]
    assert [level["cells"] for level in told] == [2, 4, 6]
    assert any("counted in each" in note for note in released.report_public["notes"])


def test_whole_numbers_that_have_a_hierarchy_are_shown_as_text_like_its_labels(engine, quiet):
    types = TYPES | {"place": "integer"}
    rows = ROWS.assign(place=[11, 12, 21, 11, 12]).astype({"place": "int64[pyarrow]"})
    stage = dp_stage(group_by=[{"column": "place", "values": ["11", "12", "21"]}], totals=[{"place": 1}])
    ladder = build("place", PrefixHierarchy(prefix=[1]), [11], None)
    released = release(engine, rows, stage, types, ladders={"place": ladder})
    assert [r["place"] for r in _records(released)] == ["11", "12", "21", "1", "2"]
    assert released.columns[0]["type"] == "text"


@pytest.mark.parametrize(
    ("hierarchy", "level", "values", "wanted", "expected"),
    [
        pytest.param(FileHierarchy(file="steps.csv"), 0, ["x1", "y1"], 2, ["N", "S"], id="a file"),
        pytest.param(FileHierarchy(file="steps.csv"), 1, ["X", "Y", "Z"], 2, ["N", "S", "S"], id="labels of a file"),
        pytest.param(PrefixHierarchy(prefix=[3, 1]), 1, ["abc", "axx"], 2, ["a", "a"], id="prefixes of prefixes"),
        pytest.param(H3Hierarchy(h3=[5, 3]), 1, ["8530e1d7fffffff"], 2, ["8330e1fffffffff"], id="cells of cells"),
        pytest.param(PrefixHierarchy(prefix=[1]), 1, ["a", "b"], 2, ["*", "*"], id="the top"),
    ],
)
def test_levels_are_known_for_every_declared_value_whatever_the_data_hold(tmp_path, hierarchy, level, values, wanted, expected):
    (tmp_path / "steps.csv").write_text("x1;X;N\nx2;X;N\ny1;Y;S\nz1;Z;S\n", encoding="utf-8")
    ladder = build("place", hierarchy, [], tmp_path)
    stage = dp_stage(group_by=[{"column": "place", "values": values, "level": level}], totals=[{"place": wanted}])
    tree = totals.tree_of(stage, dimensions(stage, TYPES), {"place": ladder})
    coarse = tree.levels[0]
    assert [coarse.groups["place"][i].as_py() for i in coarse.of_finest] == expected


@pytest.mark.parametrize("bucket", ["day", "week", "month", "quarter", "year"])
def test_a_coarser_bucket_is_told_by_its_first_moment(bucket):
    stage = dp_stage(group_by=[HOURS | {"start": "2025-12-01", "end": "2026-12-01"}], totals=[{"at_hour": bucket}])
    tree = totals.tree_of(stage, dimensions(stage, TYPES), {})
    for moment, i in zip(tree.levels[1].groups["at_hour"].to_pylist()[::37], tree.levels[0].of_finest[::37], strict=True):
        first = tree.levels[0].groups["at_hour"][int(i)].as_py()
        since = (moment - first).days
        assert first.hour == 0
        assert {
            "day": since == 0, "week": first.isoweekday() == 1 and 0 <= since < 7, "month": (first.day, first.month) == (1, moment.month),
            "quarter": first.day == 1 and first.month in (1, 4, 7, 10) and 0 <= since < 92, "year": (first.day, first.month, first.year) == (1, 1, moment.year),
        }[bucket]  # fmt: skip


# --- what is spent -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_all", [None, 4])
def test_all_levels_together_spend_no_more_epsilon_than_asked(in_all):
    stage = DEEP.model_copy(update={"max_rows_per_person": in_all, "max_rows_per_cell": 2, "delta": Decimal(0)})
    planned = plan(stage)
    assert len(planned.drawn) == 4 * 3 == len(planned.loss().parts)
    spent = sum(quantity.sensitivity * quantity.noise.rate for quantity in planned.drawn)
    assert 1 - Fraction(1, 10**12) < spent <= 1
    assert sum(part.pure for part in planned.loss().parts) <= 1 + Decimal("1e-20")


def test_with_gaussian_noise_all_that_one_person_changes_may_lie_in_one_coarse_cell():
    planned = plan(DEEP.model_copy(update={"noise": "gaussian", "max_rows_per_cell": 2}))
    fine, coarse = planned.of("visits")["rows"], totals.of_levels(("visits", "rows"), planned)[0]
    assert coarse.noise.scale == pytest.approx(fine.noise.scale * 3**0.5)
    rho = sum(part.concentrated for part in planned.loss().parts)
    assert Decimal("0.999") < epsilon_of_rho(rho, Decimal("1e-6")) <= Decimal("1.0000001")
    assert [(part.shift, part.count) for part in planned.loss().parts[:4]] == [(1, 3), (2, 3), (40, 3), (3, 1)]


def test_a_coarse_cell_of_few_parts_needs_less_gaussian_noise_and_the_same_is_booked():
    """In 30 hours a person changes no day by more than 24 of them: at worst 24 and 6, which 24·30 covers."""
    stage = dp_stage(group_by=[PLACES, HOURS], totals=[CITY_DAY, DAY], measures=[VISITS], max_cells_per_person=30, max_rows_per_cell=2, noise="gaussian")
    tree = totals.tree_of(stage, dimensions(stage, TYPES), {})
    planned = totals.knowing(plan(stage), tree)
    fine, city, place = planned.measures[0], *(level[0] for level in planned.totals)
    assert [(q.per_cell, q.sensitivity) for q in (city, place)] == [(60, 60), (48, 60)]
    assert place.sensitivity_squared >= max(4 * (a**2 + (30 - a) ** 2) for a in range(6, 25))
    assert place.noise.scale == pytest.approx(fine.noise.scale * 24**0.5)
    assert city.noise.scale == pytest.approx(fine.noise.scale * 30**0.5)
    rho = [part.concentrated for part in planned.loss().parts]
    assert float(max(rho)) == pytest.approx(float(min(rho)))
    assert epsilon_of_rho(sum(rho), Decimal("1e-6")) <= Decimal("1.0000001")


def test_a_total_that_doubles_could_not_add_up_is_refused_before_noise(engine):
    charged = []
    stage = DEEP.model_copy(update={"measures": (DEEP.measures[2].model_copy(update={"upper": Decimal("1e14"), "unit": Decimal(1)}),)})
    with pytest.raises(PrivacyNotMet, match="larger unit"):
        release(engine, ROWS, stage, ladders=PREFIX, before_noise=charged.append)
    assert charged == []


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"totals": [{"nowhere": "all"}]}, "no dimension"),
        ({"totals": [{"place": "day"}]}, "coarser than"),
        ({"totals": [{"at_hour": 1}]}, "coarser than"),
        ({"totals": [{"at_hour": "day"}, {"place": "all"}]}, "coarser than the next"),
        ({"totals": [{"at_hour": "month"}, {"at_hour": "week"}]}, "coarser than the next"),
        ({"totals": [{"place": "all"}, {"place": "all"}]}, "coarser than the next"),
        ({"totals": [{}]}, "at least 1"),
        ({"totals": [{"place": "all"}], "cells": "private"}, "public cells"),
        ({"totals": [{"place": "all"}], "measures": [SPEND | {"kind": "mean"}]}, "a mean of a whole"),
        ({"totals": [{"place": "all"}], "measures": [PEOPLE | {"round_to": 5}]}, "round_to"),
        ({"totals": [{"place": "all"}], "measures": [PEOPLE | {"name": "place_level"}]}, "same name"),
        ({"measures": [PEOPLE | {"unreliable_above": "0.5"}, VISITS | {"name": "people_unreliable"}]}, "same name"),
        ({"measures": [SPEND | {"round_to": 5}]}, "for counts"),
        ({"measures": [PEOPLE | {"unreliable_above": "0"}]}, "above 0"),
    ],
)
def test_what_cannot_add_up_is_refused_with_a_reason(changes, said):
    with pytest.raises(ValidationError, match=said):
        dp_stage(**({"group_by": [PLACES, HOURS]} | changes))


def test_weeks_do_not_lie_in_months_whatever_the_dates():
    with pytest.raises(ValidationError, match="hold it whole"):
        dp_stage(group_by=[HOURS | {"bucket": "week", "end": "2026-03-09"}], totals=[{"at_week": "month"}])


def test_levels_that_do_not_nest_are_refused():
    """A ladder that is broken: its second level splits what its first holds together."""
    broken = replace(PREFIX["place"], steps=(lambda value: value[0], lambda value: value))
    stage = dp_stage(group_by=[PLACES], totals=[{"place": 2}, {"place": 1}])
    with pytest.raises(RecipeError, match="nest"):
        totals.tree_of(stage, dimensions(stage, TYPES), {"place": broken})


def _recipe(hierarchy, group):
    return f"""{{"recipe": 1, "title": "t", "person_key": "who",
      "columns": {{"who": {{"role": "person_key"}}, "place": {{"role": "place"{hierarchy}}}}},
      "stages": [{{"stage": "dp_table", "group_by": [{{"column": "place", "values": ["1"]{group}}}], "totals": [{{"place": 2}}],
        "measures": [{{"name": "people", "kind": "persons"}}], "epsilon": "1", "max_cells_per_person": 1, "cells": "public"}}]}}"""


@pytest.mark.parametrize(
    ("hierarchy", "group", "said"),
    [
        ("", "", "no hierarchy"),
        (', "hierarchy": {"counts": [5, 50]}', "", "drawn from the data"),
        (', "hierarchy": {"intervals": [5, 10]}', ', "level": 1', "not known"),
    ],
)
def test_levels_that_only_the_data_could_tell_are_refused(hierarchy, group, said):
    with pytest.raises(RecipeError, match=said):
        loads(_recipe(hierarchy, group))


# --- intervals, simulated ----------------------------------------------------------------------------------------


def _drawn(rng, family, scale, size):
    if family == "gaussian":
        return np.rint(rng.normal(0, scale, size)).astype(np.int64)
    return rng.geometric(-math.expm1(-1 / scale), size) - rng.geometric(-math.expm1(-1 / scale), size)


def _published(family, sizes, truth, copies, seed, scale=30):
    """Many copies of city → districts → blocks of the given numbers, each a tree of its own."""
    rng = np.random.default_rng(seed)
    districts, blocks = len(sizes), sum(sizes)
    to_city = np.repeat(np.arange(copies), districts)
    to_district = np.repeat(np.arange(districts * copies), np.tile(sizes, copies))
    fine = rng.poisson(truth, blocks * copies)
    exact = [np.bincount(np.repeat(np.arange(copies), blocks), fine), np.bincount(to_district, fine), fine]
    quantity = plan(dp_stage()).measures[0]
    scales = (scale, scale, scale) if family == "laplace" else (2 * scale, 2 * scale, scale)
    made = [replace(quantity, noise=of_scale(Fraction(s), "opendp") if family == "laplace" else of_variance(Fraction(s * s))) for s in scales]
    noisy = [level + _drawn(rng, family, s, level.size) for s, level in zip(scales, exact, strict=True)]
    tree = totals.Tree((), (to_city, to_district))
    found = totals.published(tree, noisy, made, non_negative=True)
    inside = (found.lower <= np.concatenate(exact[::-1])) & (np.concatenate(exact[::-1]) <= found.upper)
    return [part.mean() for part in np.split(inside, np.cumsum([fine.size, exact[1].size]))], found


@pytest.mark.parametrize("family", ["laplace", "gaussian"])
def test_intervals_cover_nineteen_times_in_twenty_at_every_level(family):
    """20,000 cities: a coverage of 95 % is seen within 0.5 per cent. Seeded."""
    coverage, _ = _published(family, [1, 3, 8], 2000, 20_000, 20261122)
    assert all(0.945 <= share <= 0.96 for share in coverage)


@pytest.mark.parametrize(("family", "scale"), [("laplace", 1), ("laplace", 4), ("gaussian", 4)])
def test_little_noise_on_whole_numbers_is_covered_as_often(family, scale):
    coverage, _ = _published(family, [1, 3, 8], 200, 10_000, 20261124, scale)
    assert all(0.945 <= share <= (0.965 if scale > 1 else 0.98) for share in coverage)


def test_cells_that_are_empty_are_covered_at_least_as_often():
    coverage, found = _published("laplace", [2, 5, 9], 0.2, 4_000, 20261123)
    assert coverage[0] >= 0.95
    assert found.value.min() >= 0


def test_nine_tenths_of_the_width_would_be_seen_in_the_coverage(monkeypatch):
    right = Estimates.half_width.fget
    monkeypatch.setattr(Estimates, "half_width", property(lambda self: right(self) * 0.9))
    with pytest.raises(AssertionError):
        test_intervals_cover_nineteen_times_in_twenty_at_every_level("laplace")


# --- a neighbour, looked for at all levels together --------------------------------------------------------------

COPIES = 12_000


def _accused():
    """Is a violation found between a table with a person in two places of one district, and the same without?

    Each copy is a table of its own: one more dimension that the totals leave as it is. The statistic is the worst for
    this neighbour: the least of all that the person changes, at every level, above where the person would put it.
    """
    stage = dp_stage(
        group_by=[{"column": "copy", "values": [str(i) for i in range(COPIES)]}, PLACES], max_cells_per_person=2,
        totals=[{"place": "all"}, {"place": 1}], epsilon="2", delta="0",
    )  # fmt: skip
    tree = totals.tree_of(stage, dimensions(stage, TYPES | {"copy": "integer"}), PREFIX)
    planned, key = planning.plan(stage), ("people", "persons")

    def least(person):
        exact = np.tile(np.array([7, 7, 7]) + person, COPIES)
        noisy = totals.measured(tree, {key: exact}, {key: noise.add_noise(exact, planned.measures[0].noise)}, planned)
        city, districts, fine = noisy[key]
        above = np.column_stack([city - 23, districts.reshape(COPIES, 2)[:, 0] - 16, fine.reshape(COPIES, 3)[:, :2] - 8])
        return above.min(axis=1)

    return violated(least(np.array([1, 1, 0])), least(np.zeros(3, dtype=int)), epsilon=2.0, delta=0.0)


@pytest.mark.draws
def test_all_levels_together_are_innocent():
    """Accused by chance once in 10^10 runs (tests/anonymize/oracles/violation.py)."""
    assert not _accused()


def test_every_level_with_the_whole_budget_is_found(monkeypatch):
    right = planning._shares
    monkeypatch.setattr(planning, "_shares", lambda wanted, whole, levels: right(wanted, whole, 1))
    assert _accused()


def test_a_total_whose_sensitivity_is_that_of_one_cell_is_found(monkeypatch):
    right = planning.MeasurePlan.of_total
    monkeypatch.setattr(planning.MeasurePlan, "of_total", lambda self, parts=None: right(replace(self, cells=1, most=None), parts))
    assert _accused()


# --- from a recipe to a file -------------------------------------------------------------------------------------


def test_a_recipe_with_a_hierarchy_file_is_run_to_a_file_with_totals(tmp_path):
    (tmp_path / "areas.csv").write_text("11010;A;N\n11020;A;N\n12010;B;N\n13010;C;S\n", encoding="utf-8")
    rows = {"who": [f"p{i}" for i in range(600)], "dong": [[11010, 11020, 12010][i % 3] for i in range(600)], "day": [dt.date(2026, 3, 2 + i % 2) for i in range(600)]}
    pq.write_table(pa.table(rows), tmp_path / "events.parquet")
    recipe = loads("""{"recipe": 1, "title": "t", "person_key": "who",
      "columns": {"who": {"role": "person_key"}, "dong": {"role": "place", "hierarchy": {"file": "areas.csv"}}, "day": {"role": "event_time"}},
      "stages": [{"stage": "dp_table", "epsilon": "8", "max_cells_per_person": 1, "cells": "public",
        "group_by": [{"column": "dong", "values_from": "hierarchy"}, {"column": "day", "bucket": "day", "start": "2026-03-02", "end": "2026-03-09"}],
        "totals": [{"dong": "all", "day_day": "week"}, {"dong": 2}, {"dong": 1}],
        "measures": [{"name": "people", "kind": "persons", "unreliable_above": "0.5"}]}]}""")
    made = pipeline.run(recipe, tmp_path / "events.parquet", tmp_path / "out", folder=tmp_path)
    found = pq.read_table(made.artefact).to_pylist()
    assert [column["name"] for column in made.report["artefact"]["columns"]] == list(found[0])
    assert {(r["dong_level"], r["dong"]) for r in found} == {
        *(("0", code) for code in ("11010", "11020", "12010", "13010")), ("1", "A"), ("1", "B"), ("1", "C"), ("2", "N"), ("2", "S"), ("all", None),
    }  # fmt: skip
    assert len(found) == 28 + 21 + 14 + 1
    whole = found[-1]
    assert (whole["day_day"], whole["day_day_level"]) == (dt.date(2026, 3, 2), "week")
    assert sum(r["people"] for r in found[:28]) == whole["people"]
    assert abs(whole["people"] - 600) < 60  # noise of scale ½: never in ten thousand years
    assert [r["people_unreliable"] for r in found if r["dong"] == "N"][:2] == [False, False]
