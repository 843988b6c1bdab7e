"""What people really bring, one by one: each ends with a clear error or a clear statement, never with less than was asked.

Through the command line on files where the file matters, through ``pipeline.run`` where the table does.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize import pipeline, recipe
from anonymize.__main__ import main
from anonymize.errors import AnonymizeError, InputError, PrivacyNotMet, RecipeError
from anonymize.microdata import full_domain
from anonymize.tables import DuckEngine, PandasEngine

QUASI = {"role": "quasi_identifier"}
FILE = {"role": "quasi_identifier", "hierarchy": {"file": "ladder.csv"}}
METHODS: list[dict[str, Any]] = [{"method": "full_domain"}, {"method": "local_recoding"}]
TOWNS = pd.DataFrame({"town": list("abcd"), "answer": ["yes", "no", "yes", "no"], "pay": [1, 2, 3, 4]})


@pytest.fixture(autouse=True)
def not_assessed(monkeypatch):
    """What an attacker could learn is measured after every run, and tested elsewhere."""
    monkeypatch.setattr(pipeline, "assess_run", lambda *_, **__: {}, raising=False)


def document(columns: dict[str, Any], k: int = 2, person_key: str | None = None, **stage: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"recipe": 1, "title": "Bad input", "columns": columns, "stages": [{"stage": "k_anonymity", "k": k, **stage}]}
    return made if person_key is None else {**made, "person_key": person_key}


def run(folder: Path, rows: pd.DataFrame | pa.Table, made: dict[str, Any], **options: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
    pq.write_table(table, folder / "in.parquet")
    result = pipeline.run(recipe.parse(made), folder / "in.parquet", folder / "out", folder=folder, **options)
    return pd.read_parquet(result.artefact), result.report


def refused(kind: type[AnonymizeError], folder: Path, rows: pd.DataFrame | pa.Table, made: dict[str, Any], **options: Any) -> AnonymizeError:
    """The error of a run; no file is left behind."""
    with pytest.raises(kind) as error:
        run(folder, rows, made, **options)
    assert not (folder / "out" / "data.parquet").exists()
    return error.value


def typed(folder: Path, text: str, made: dict[str, Any] | str) -> int:
    """A CSV file and a recipe, as somebody types them."""
    (folder / "in.csv").write_text(text)
    (folder / "recipe.json").write_text(made if isinstance(made, str) else json.dumps(made))
    return main(["run", str(folder / "recipe.json"), "--input", str(folder / "in.csv"), "--output", str(folder / "out")])


# --- hierarchies -----------------------------------------------------------------------------------------------------

LADDERS = {
    "a cycle from a leaf to a label": ("a;b\nb;a\nc;x\nd;x\n", "cycle", 1),
    "a cycle between two levels": ("a;m;n\nb;n;m\nc;x;y\nd;x;y\n", "cycle", 1),
    "a star below another label": ("a;*;x\nb;*;x\nc;*;x\nd;*;x\n", "cycle", 1),
    "a star that is a leaf": ("a;m\n*;m\nc;x\nd;x\n", "cycle", 1),
    "a gap: a line that ends too early": ("a;m;x\nb;m\nc;n;x\nd;n;x\n", "has 2 fields", 2),
    "a gap: a label that is empty": ("a;m;x\nb;;x\nc;n;x\nd;n;x\n", "level 1 is empty", 2),
    "a leaf that stands twice": ("a;m\nb;m\na;n\nc;n\nd;n\n", "repeats the leaf of line 1", 3),
    "a level that does not nest": ("a;m;x\nb;m;y\nc;n;x\nd;n;x\n", "levels must nest", 2),
}


@pytest.mark.parametrize("name", LADDERS)
def test_a_hierarchy_with(tmp_path, name):
    text, said, line = LADDERS[name]
    (tmp_path / "ladder.csv").write_text(text)
    error = refused(RecipeError, tmp_path, TOWNS, document({"town": FILE}))
    assert said in error.message and error.problems[0].line == line


def test_a_hierarchy_that_lacks_a_value_of_the_data_says_of_which_column_and_not_which(tmp_path):
    (tmp_path / "ladder.csv").write_text("a;m\nb;m\nc;n\n")
    rows = TOWNS.replace({"town": {"d": "somebody's town"}})
    error = refused(RecipeError, tmp_path, rows, document({"town": FILE}))
    assert error.problems[0].column == "town" and "1 distinct value" in error.message
    assert "somebody" not in str(error.as_dict())


def test_a_hierarchy_of_no_lines_and_one_that_is_not_there(tmp_path):
    assert "such file" in refused(RecipeError, tmp_path, TOWNS, document({"town": FILE})).message
    (tmp_path / "ladder.csv").write_text("")
    assert "no line" in refused(RecipeError, tmp_path, TOWNS, document({"town": FILE})).message


@pytest.mark.parametrize(
    ("hierarchy", "said"),
    [({"intervals": [5, 7]}, "do not nest"), ({"dates": ["year", "month"]}, "fine to coarse"), ({"prefix": [2, 3]}, "must fall"), ({"h3": [5, 9]}, "must fall")],
    ids=lambda value: str(value),
)
def test_levels_of_a_recipe_that_do_not_nest_are_refused_before_anything_is_read(tmp_path, hierarchy, said):
    with pytest.raises(RecipeError, match=said) as error:
        recipe.parse(document({"pay": {"role": "quasi_identifier", "hierarchy": hierarchy}}))
    assert error.value.problems[0].pointer == "/columns/pay/hierarchy"


# --- k and l ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", [*METHODS, {"method": "fixed", "levels": {"town": 1}}], ids=lambda stage: stage["method"])
@pytest.mark.parametrize("person_key", [None, "who"])
def test_k_above_the_number_of_persons(tmp_path, stage, person_key):
    rows = TOWNS.assign(who=[1, 1, 2, 2])
    columns = {"town": QUASI, **({"who": {"role": "person_key"}} if person_key else {})}
    made = document(columns, 3 if person_key else 5, person_key, **stage)
    assert "more persons than the table holds" in refused(PrivacyNotMet, tmp_path, rows, made).message


MODELS = {
    "distinct": {"model": "l_diversity", "column": "answer", "l": 3},
    "entropy": {"model": "l_diversity", "column": "answer", "kind": "entropy", "l": "2.5"},
    "recursive": {"model": "l_diversity", "column": "answer", "kind": "recursive", "l": 3, "c": 5},
}


@pytest.mark.parametrize("kind", MODELS)
def test_l_above_the_number_of_sensitive_values(tmp_path, kind):
    fixed = {"method": "fixed", "levels": {"town": 1}, "max_suppressed": "1"}
    for stage in (*METHODS, fixed) if kind == "distinct" else METHODS[:1]:
        made = document({"town": QUASI, "answer": {"role": "sensitive"}}, models=[MODELS[kind]], **stage)
        error = refused(PrivacyNotMet, tmp_path, TOWNS, made)
        assert "asks for more values than column 'answer' has (2)" in error.message


def test_l_of_as_many_values_as_there_are_is_possible(tmp_path):
    made = document({"town": QUASI, "answer": {"role": "sensitive"}}, models=[{**MODELS["distinct"], "l": 2}])
    assert set(run(tmp_path, TOWNS, made)[0]["town"]) == {"*"}


# --- roles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["quasi_identifier", "plain", "direct_identifier"])
def test_a_sensitive_column_that_has_another_role_as_well(tmp_path, capsys, role):
    """A column has one role: a model on a quasi-identifier is refused at its place, and so is a column that stands twice."""
    made = document({"town": QUASI, "answer": {"role": role}}, models=[{**MODELS["distinct"], "l": 2}])
    error = refused(RecipeError, tmp_path, TOWNS, made)
    assert error.problems[0].pointer == "/stages/0/models/0/column" and "role sensitive, and no other" in error.message
    text = json.dumps(document({"town": QUASI, "answer": {"role": "sensitive"}})).replace('"answer":', f'"answer": {{"role": "{role}"}}, "answer":')
    assert typed(tmp_path, "town,answer\na,yes\n", text) == 2
    assert "names a field or column twice" in capsys.readouterr().err


@pytest.mark.parametrize("engine", [DuckEngine, PandasEngine])
@pytest.mark.parametrize(
    "keys", [pa.array(["p", None, "q", "r"]), pa.array(["p", " ", "q", "r"]), pa.array([1.0, float("nan"), 2.0, 3.0])], ids=["null", "blank", "NaN"]
)
def test_a_person_key_with_nulls_is_refused_or_its_rows_are_left_out_as_the_recipe_says(tmp_path, engine, keys):
    rows = pa.table({"who": keys, "town": ["a", "b", "a", "a"]})
    made = document({"who": {"role": "person_key"}, "town": QUASI}, 3, "who")
    with engine() as tables:
        error = refused(InputError, tmp_path, rows, made, engine=tables)
        assert "whose" in error.message or "person key" in error.message
        assert error.problems[0].column == "who" and "1 rows" in error.problems[0].message
        out, report = run(tmp_path, rows, {**made, "missing_person_key": "drop"}, engine=tables)
    assert list(out["town"]) == ["a"] * 3
    assert report["internal"]["input"]["rows_without_person"] == 1
    assert any("name no person" in sentence for sentence in report["public"]["treatment"])


# --- columns that cannot work ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", METHODS, ids=lambda stage: stage["method"])
def test_a_column_of_distinct_free_texts_as_quasi_identifier_is_lost_and_the_report_says_so(tmp_path, stage):
    """5,000 here; a million of them are measured by ``make bench`` (bad_input)."""
    rows = pd.DataFrame({"age": [20 + i % 50 for i in range(5000)], "remark": [f"on visit {i} the customer said this and that" for i in range(5000)]})
    out, report = run(tmp_path, rows, document({"age": QUASI, "remark": QUASI}, 5, **stage))
    assert set(out["remark"]) == {"*"} and len(out) == 5000
    assert set(out["age"].astype(str)) == {str(20 + i) for i in range(50)}
    assert "Nothing is left of remark: every value became '*'." in report["public"]["notes"]
    assert not any("visit 17" in str(part) for part in report.values())


def test_mixed_types_under_a_hierarchy_of_numbers_or_dates(tmp_path, capsys):
    text = "town,value\na,1\nb,x\nc,2.5\nd,2026-01-01\n"
    for hierarchy, needs in (({"intervals": [5]}, "column of numbers"), ({"dates": ["month"]}, "column of dates")):
        assert typed(tmp_path, text, document({"value": {"role": "quasi_identifier", "hierarchy": hierarchy}})) == 2
        said = capsys.readouterr().err
        assert "column 'value'" in said and needs in said and "2026-01" not in said
    assert typed(tmp_path, text, document({"value": QUASI})) == 0  # as text it can be told apart or not, like any other


def test_a_number_column_with_a_few_words_in_it_is_refused_by_the_place_of_the_first(tmp_path, capsys):
    text = "town,value\n" + "a,1\n" * 300 + "b,unknown\n"
    assert typed(tmp_path, text, document({"value": QUASI})) == 2
    said = capsys.readouterr().err
    assert "line 302" in said and "value" in said and "unknown" not in said


# --- numbers that are none -------------------------------------------------------------------------------------------

ROLES = {
    "quasi-identifier": ({"value": QUASI}, {}),
    "quasi-identifier with intervals": ({"value": {"role": "quasi_identifier", "hierarchy": {"intervals": [5]}}}, {}),
    "sensitive": ({"town": QUASI, "value": {"role": "sensitive"}}, {"models": [{"model": "l_diversity", "column": "value", "l": 2}]}),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")], ids=str)
def test_a_number_that_is_not_finite_is_refused_wherever_it_would_be_counted(tmp_path, number, role):
    columns, models = ROLES[role]
    rows = pa.table({"town": list("aabb"), "value": pa.array([1.0, 2.0, 1.0, number])})
    error = refused(InputError, tmp_path, rows, document(columns, **models))
    assert "column 'value' holds numbers that are not finite" in error.message


def test_in_a_file_an_infinite_number_is_refused_by_its_row_and_nan_is_a_missing_value(tmp_path, capsys):
    made = json.dumps(document({"value": QUASI}, max_suppressed="0.5"))
    (tmp_path / "recipe.json").write_text(made)
    call = ["run", str(tmp_path / "recipe.json"), "--input", str(tmp_path / "in.parquet"), "--output", str(tmp_path / "out")]
    pq.write_table(pa.table({"value": [1.0, 1.0, float("inf")]}), tmp_path / "in.parquet")
    assert main(call) == 2
    assert "infinite number, the first in row 3" in capsys.readouterr().err
    pq.write_table(pa.table({"value": [1.0, 1.0, float("nan"), None]}), tmp_path / "in.parquet")
    assert main(call) == 0
    out = pq.read_table(tmp_path / "out" / "data.parquet")["value"].to_pylist()
    assert sorted(map(str, out)) == ["1.0", "1.0", "None", "None"]


def test_a_number_that_is_none_lies_within_no_bounds_and_cannot_be_recoded(tmp_path):
    """By values in Parquet, whose statistics leave NaN out: an engine that believes them sees no NaN there."""
    rows = pa.table({"town": list("aaaa"), "value": pa.array([1.0, 2.0, float("nan"), 3.0])})
    made = document({"town": QUASI, "value": {"role": "sensitive"}})
    for stage in ({"stage": "keep_rows", "column": "value", "at_least": 0}, {"stage": "keep_rows", "column": "value", "at_most": 9}):
        assert sorted(run(tmp_path, rows, {**made, "stages": [stage, *made["stages"]]})[0]["value"]) == [1.0, 2.0, 3.0]
    recode = {"stage": "recode", "column": "value", "top": "2"}
    assert "not a number" in refused(InputError, tmp_path, rows, {**made, "stages": [recode, *made["stages"]]}).message


@pytest.mark.parametrize("stage", [*METHODS, {"method": "fixed", "levels": {"value": 0}}], ids=lambda stage: stage["method"])
def test_minus_zero_is_zero_and_tells_nobody_apart(tmp_path, stage):
    rows = pa.table({"value": pa.array([0.0, -0.0, 0.0, -0.0])})
    out, report = run(tmp_path, rows, document({"value": QUASI}, 4, **stage))
    assert [str(value) for value in out["value"]] == ["0.0"] * 4
    assert report["public"]["recheck"] | {"models": [], "classes": 1, "smallest_class_persons": 4} == report["public"]["recheck"]


def test_minus_zero_is_no_second_sensitive_value(tmp_path):
    rows = pa.table({"town": list("aaaa"), "value": pa.array([0.0, -0.0, 0.0, -0.0])})
    made = document(ROLES["sensitive"][0], **ROLES["sensitive"][1])
    assert "has (1)" in refused(PrivacyNotMet, tmp_path, rows, made).message


# --- forty quasi-identifiers -----------------------------------------------------------------------------------------

WIDE = 40


@pytest.fixture(scope="module")
def wide() -> pd.DataFrame:
    chance = random.Random(5)
    return pd.DataFrame({f"c{i}": [chance.randrange(8) for _ in range(100)] for i in range(WIDE)})


@pytest.mark.parametrize("k", [5, 45])
def test_with_forty_quasi_identifiers_the_search_stops_at_its_budget_keeps_k_and_says_that_nothing_is_proven(tmp_path, wide, k, monkeypatch):
    monkeypatch.setattr(full_domain, "WORK", 1_000)  # of combinations looked at; a few nodes of 4^40
    columns = {name: {"role": "quasi_identifier", "hierarchy": {"intervals": [2, 4]}} for name in wide}
    out, report = run(tmp_path, wide, document(columns, k, max_suppressed="0.05"), engine=PandasEngine())
    search = report["public"]["search"]
    assert search["proven_optimal"] is False and search["evaluated"] < 1000 < search["nodes"]
    assert report["public"]["recheck"]["smallest_class_persons"] >= k
    assert len(out) >= 0.95 * len(wide)
    assert any("ended at its budget" in note and "a less coarse one may exist" in note for note in report["public"]["notes"])


def test_local_recoding_of_forty_quasi_identifiers_claims_no_optimum(tmp_path, wide):
    columns = {name: {"role": "quasi_identifier", "hierarchy": {"intervals": [4]}} for name in wide}
    _, report = run(tmp_path, wide, document(columns, 5, method="local_recoding"), engine=PandasEngine())
    assert report["public"]["search"]["proven_optimal"] is False
    assert report["public"]["recheck"]["smallest_class_persons"] >= 5
