"""Histograms: numbers in declared bins, exact at every edge; and domains that a hierarchy declares."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pydantic import ValidationError

from anonymize.aggregates import bins, noise
from anonymize.aggregates.dimensions import dimensions, with_domains
from anonymize.columns.hierarchies import domain
from anonymize.errors import RecipeError
from anonymize.recipe import Column, FileHierarchy, H3Hierarchy, PlaceHierarchy, Places, loads
from anonymize.tables import DuckEngine, PandasEngine
from tests.anonymize.aggregates.worlds import dp_stage, release, table_of


@pytest.fixture(params=["duck", "pandas"])
def engine(request):
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


@pytest.fixture
def quiet(monkeypatch):
    monkeypatch.setattr(noise, "add_noise", lambda values, drawn: values.copy())
    monkeypatch.setattr(noise, "add_truncated", lambda values, drawn, reach: values.copy())


# --- bins --------------------------------------------------------------------------------------------------------

EDGES = [Decimal(edge) for edge in ("-2.5", "0", "0.1", "10", "100000000.000001")]
AROUND = ["-9", "-2.500000001", "-2.5", "-2.499999999", "-0.000000001", "0", "0.099999999", "0.1", "9.999999999", "10", "100000000", "100000000.000001"]


def _oracle(value):
    """The bin of an exact number: how many edges it reaches."""
    return sum(value >= Fraction(edge) for edge in EDGES)


def _placed(engine, values):
    table = pd.DataFrame({"x": values.to_pandas(types_mapper=pd.ArrowDtype)})
    frame = engine.from_pandas(table)
    kind = frame.collect_schema()["x"]
    return engine.collect(frame.with_columns(bins.place("x", kind, EDGES).alias("bin")).select("x", "bin"))["bin"].tolist()


def test_decimals_fall_where_exact_arithmetic_puts_them(engine):
    found = _placed(engine, pa.array([*map(Decimal, AROUND), None], pa.decimal128(30, 9)))
    assert found[:-1] == [_oracle(Fraction(text)) for text in AROUND]
    assert pd.isna(found[-1])


def test_integers_fall_where_exact_arithmetic_puts_them(engine):
    whole = [-(2**62), -3, -2, 0, 1, 9, 10, 10**8, 10**8 + 1, 2**62]
    assert _placed(engine, pa.array(whole, pa.int64())) == [_oracle(number) for number in whole]


def test_floats_fall_where_the_shortest_decimal_that_names_them_does(engine):
    near = [math.nextafter(float(text), towards) for text in AROUND for towards in (-math.inf, math.inf)]
    floats = [*map(float, AROUND), *near]
    assert _placed(engine, pa.array(floats)) == [_oracle(Fraction(repr(number))) for number in floats]


def test_floats_that_are_not_finite_are_in_no_bin(engine):
    assert all(pd.isna(found) for found in _placed(engine, pa.array([math.inf, -math.inf, math.nan])))


def test_labels_are_signs_in_order_and_no_spreadsheet_takes_them_for_a_formula():
    assert bins.labels(EDGES) == ("<-2.5", "[-2.5,0)", "[0,0.1)", "[0.1,10)", "[10,100000000.000001)", "≥100000000.000001")
    assert not any(label.startswith(("=", "+", "-", "@", "\t", "\r")) for label in bins.labels(EDGES))
    assert bins.labels([Decimal(5)]) == ("<5", "≥5")


@pytest.mark.parametrize("cells", ["public", "private"])
def test_a_histogram_shows_its_bins_in_order_empty_ones_included_where_cells_are_public(engine, quiet, cells):
    rows = table_of([{"who": f"p{i}", "place": "a", "amount": Decimal(amount)} for i, amount in enumerate([1, 6, 60, 60, 100] * 40)])
    stage = dp_stage(group_by=[{"column": "amount", "bins": ["5", "50", "55", "100"]}], cells=cells, epsilon="9")
    released = release(engine, rows, stage)
    counts = {"<5": 40, "[5,50)": 40, "[50,55)": 0, "[55,100)": 80, "≥100": 40}
    shown = {label: count for label, count in counts.items() if count or cells == "public"}
    assert list(zip(released.table["amount"], released.table["people"], strict=True)) == list(shown.items())
    assert released.report_public["group_by"][0]["bins"] == ["5", "50", "55", "100"]
    assert released.columns[0] == {"name": "amount", "type": "text", "role": "group", "column": "amount", "bins": ["5", "50", "55", "100"]}


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ({"bins": []}, "at least 1 item"),
        ({"bins": ["1", "1.0"]}, "must rise"),
        ({"bins": ["2", "1"]}, "must rise"),
        ({"bins": ["0.0000000001"]}, "at most 9 decimals"),
        ({"bins": ["1234567890.123456"]}, "15 digits"),
        ({"bins": ["nan"]}, "finite"),
        ({"bins": list(range(201))}, "at most 200"),
        ({"bins": ["1"], "values": ["<1"]}, "declare themselves"),
        ({"bins": ["1"], "level": 1}, "declare themselves"),
        ({"bins": ["1"], "bucket": "day"}, "declare themselves"),
    ],
)
def test_bins_that_cannot_be_are_refused(group, said):
    with pytest.raises(ValidationError, match=said):
        dp_stage(group_by=[{"column": "amount", **group}])


def test_only_numbers_have_bins():
    with pytest.raises(RecipeError, match="only numbers have bins"):
        dimensions(dp_stage(group_by=[{"column": "place", "bins": ["1"]}]), {"place": "text"})


# --- domains from hierarchies ------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "areas.csv").write_text("a1;a;*\na2;a;*\nb1;b;*\n", encoding="utf-8")
    features = [{"type": "Feature", "properties": {"code": code, "gu": gu}, "geometry": None} for code, gu in (("x1", "x"), ("y1", "y"), ("x2", "x"))]
    (tmp_path / "areas.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return tmp_path


def test_a_hierarchy_declares_every_label_of_a_level(folder):
    listed = FileHierarchy(file="areas.csv")
    layer = PlaceHierarchy(places=Places(file="areas.geojson", code="code", parents=("gu",)))
    assert [domain("c", listed, level, folder) for level in range(3)] == [("a1", "a2", "b1"), ("a", "b"), ("*",)]
    assert [domain("c", layer, level, folder) for level in range(3)] == [("x1", "y1", "x2"), ("x", "y"), ("*",)]
    with pytest.raises(RecipeError, match="no level 3"):
        domain("c", listed, 3, folder)
    for other in (None, H3Hierarchy(h3=(7,))):
        with pytest.raises(RecipeError, match="lists its values"):
            domain("c", other, 1, folder)


def test_cells_are_those_of_the_hierarchy_with_no_list_in_the_recipe(engine, quiet, folder):
    stage = with_domains(
        dp_stage(group_by=[{"column": "place", "values_from": "hierarchy"}]), {"place": Column(role="place", hierarchy={"file": "areas.csv"})}, folder
    )
    released = release(engine, table_of([{"who": "p", "place": "a2", "amount": 1}, {"who": "q", "place": "elsewhere", "amount": 1}]), stage)
    assert list(zip(released.table["place"], released.table["people"], strict=True)) == [("a1", 0), ("a2", 1), ("b1", 0)]
    assert released.report_internal["rows_outside_domain"] == 1


def _recipe(group, **place):
    columns = {"who": {"role": "person_key"}, "place": {"role": "place", **place}}
    stage = dp_stage().model_dump(mode="json", exclude_unset=True) | {"group_by": [{"column": "place", **group}]}
    return json.dumps({"recipe": 1, "title": "t", "person_key": "who", "columns": columns, "stages": [stage]})


@pytest.mark.parametrize("hierarchy", [None, {"h3": [7]}, {"prefix": [2]}, {"quantiles": [4, 2], "unit": "1"}, {"counts": [5]}])
def test_a_hierarchy_that_lists_nothing_declares_nothing(hierarchy):
    with pytest.raises(RecipeError, match="lists its values") as caught:
        loads(_recipe({"values_from": "hierarchy"}, **({} if hierarchy is None else {"hierarchy": hierarchy})))
    assert caught.value.problems[-1].pointer == "/stages/0/group_by/0/values_from"


def test_values_are_listed_or_taken_from_the_hierarchy_not_both():
    assert loads(_recipe({"values_from": "hierarchy", "level": 1}, hierarchy={"file": "areas.csv"}))
    with pytest.raises(RecipeError, match="either values"):
        loads(_recipe({"values_from": "hierarchy", "values": ["a"]}, hierarchy={"file": "areas.csv"}))


def test_a_thousand_million_public_cells_are_refused(folder):
    lines = "\n".join(f"v{i}" for i in range(40_000))
    (folder / "many.csv").write_text(lines, encoding="utf-8")
    groups = [{"column": name, "values_from": "hierarchy"} for name in ("place", "who2")]
    columns = {name: Column(role="place", hierarchy={"file": "many.csv"}) for name in ("place", "who2")}
    stage = with_domains(dp_stage(group_by=groups), columns, folder)
    with pytest.raises(RecipeError, match="1,600,000,000 cells"):
        dimensions(stage, {"place": "text", "who2": "text"})


def test_an_unwritten_domain_is_never_taken_for_none():
    with pytest.raises(RecipeError, match="0 cells"):
        dimensions(dp_stage(group_by=[{"column": "place", "values_from": "hierarchy"}]), {"place": "text"})


def test_places_of_bins_fit_the_order_of_all_cells(engine, quiet):
    rng = np.random.default_rng(1)
    amounts = rng.integers(0, 30, 200)
    rows = table_of([{"who": f"p{i}", "place": "abc"[i % 3], "amount": Decimal(int(amount))} for i, amount in enumerate(amounts)])
    groups = [{"column": "place", "values": ["a", "b", "c"]}, {"column": "amount", "bins": [10, 20]}]
    table = release(engine, rows, dp_stage(group_by=groups)).table
    expected = np.zeros((3, 3), dtype=int)
    np.add.at(expected, (np.arange(200) % 3, amounts // 10), 1)
    assert table["people"].tolist() == expected.ravel().tolist()


def test_totals_take_all_bins_together_or_none(engine, quiet):
    groups = [{"column": "place", "values": ["a", "b"]}, {"column": "amount", "bins": [10, 5000]}]
    rows = table_of([{"who": f"p{i}", "place": "ab"[i % 2], "amount": Decimal(i)} for i in range(40)])
    table = release(engine, rows, dp_stage(group_by=groups, totals=[{"amount": "all"}])).table
    cells = table[table["amount_level"] != "all"]
    assert cells["amount"].tolist() == ["<10", "[10,5000)", "≥5000"] * 2
    assert table[table["amount_level"] == "all"]["people"].tolist() == [20, 20]
    with pytest.raises(ValidationError, match="all together"):
        dp_stage(group_by=groups, totals=[{"amount": 1}])
