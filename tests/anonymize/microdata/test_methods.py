"""Local recoding, fixed schemes and privacy models through the stage and the pipeline, on whole tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize import pipeline, recipe
from anonymize.errors import AnonymizeError, PrivacyNotMet, RecipeError
from anonymize.microdata.baseline import baseline
from anonymize.microdata.judge import Judge
from anonymize.microdata.recheck_models import recheck_models
from anonymize.recipe import KAnonymity
from anonymize.tables import DuckEngine, PandasEngine, TableEngine


@pytest.fixture(params=["duck", "pandas"], scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[TableEngine]:
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


PEOPLE = pa.table(
    {
        "who": list(range(16)),
        "age": [21, 22, 23, 24, 31, 32, 36, 37, 71, 72, 73, 74, 78, None, None, 79],
        "city": ["a"] * 8 + ["b"] * 8,
        "joined": pa.array(["2020-01-05"] * 8 + ["2021-03-05"] * 4 + ["2021-07-01"] * 4).cast(pa.date32()),
        "illness": ["x", "y", "x", "z", "x", "y", "z", "x", "x", "x", "y", "y", None, "x", "y", "z"],
    }
)


def document(stage: dict[str, Any], **columns: Any) -> dict[str, Any]:
    named = {
        "who": {"role": "person_key"}, "age": {"role": "quasi_identifier"}, "city": {"role": "quasi_identifier"},
        "joined": {"role": "quasi_identifier"}, "illness": {"role": "sensitive"},
    } | columns  # fmt: skip
    return {"recipe": 1, "title": "t", "person_key": "who", "columns": named, "stages": [{"stage": "k_anonymity", "k": 2, **stage}]}


def run(engine: TableEngine, folder: Path, stage: dict[str, Any], table: pa.Table = PEOPLE, **columns: Any) -> tuple[pa.Table, dict[str, Any]]:
    pq.write_table(table, folder / "in.parquet")
    done = pipeline.run(recipe.parse(document(stage, **columns)), folder / "in.parquet", folder / "out", engine=engine, folder=folder)
    return pq.read_table(done.artefact), done.report


DIVERSE = {"model": "l_diversity", "column": "illness", "l": "2"}


def test_local_recoding_gives_classes_at_different_levels_and_suppresses_nothing(engine: TableEngine, tmp_path: Path) -> None:
    out, report = run(engine, tmp_path, {"method": "local_recoding"})
    assert out.num_rows == 16
    sizes = out.to_pandas().groupby(["age", "city", "joined"], dropna=False).size()
    assert sizes.min() >= 2
    assert len(sizes) > 3
    assert report["public"]["search"]["proven_optimal"] is False
    assert any("combinatorial refinement" in note for note in report["public"]["notes"])


def test_ordered_columns_without_hierarchy_split_into_round_intervals_and_periods_that_are_nobodys_value(
    engine: TableEngine, tmp_path: Path
) -> None:
    out, _ = run(engine, tmp_path, {"method": "local_recoding", "k": 3})
    ages = {label for label in out["age"].to_pylist() if label not in (None, "*")}
    assert ages
    for label in ages - {str(age) for age in PEOPLE["age"].to_pylist()}:
        low, high = label.strip("[)").split(", ")
        assert int(low) % 5 == 0 and int(high) - int(low) in (5, 10, 50, 100)
    assert {str(label) for label in out["joined"].to_pylist()} <= {"2020-01-05", "2021-03-05", "2021-07-01", "2020-01", "2021-03", "2021-07", "2020-Q1", "2021-Q1", "2021-Q3", "2020", "2021", "*"}


def test_a_column_that_stays_as_it_is_keeps_its_type(engine: TableEngine, tmp_path: Path) -> None:
    table = pa.table({**{name: PEOPLE[name] for name in PEOPLE.column_names}, "age": [30] * 8 + [40] * 8})
    out, _ = run(engine, tmp_path, {"method": "local_recoding"}, table)
    assert pa.types.is_integer(out.schema.field("age").type)


MODELS = [
    DIVERSE,
    {"model": "l_diversity", "column": "illness", "kind": "entropy", "l": "1.8"},
    {"model": "l_diversity", "column": "illness", "kind": "recursive", "l": "2", "c": "3"},
    {"model": "t_closeness", "column": "illness", "t": "0.4"},
    {"model": "t_closeness", "column": "illness", "t": "0.4", "distance": "hierarchical"},
    {"model": "alpha", "column": "illness", "alpha": "0.6"},
    {"model": "beta_likeness", "column": "illness", "beta": "1"},
]


@pytest.mark.parametrize("method", [{"method": "local_recoding"}, {"max_suppressed": "0.2"}, {"method": "fixed", "levels": {"age": 1, "city": 0, "joined": 1}}])
def test_models_of_the_recipe_hold_in_the_file_and_both_counts_agree(engine: TableEngine, tmp_path: Path, method: dict[str, Any]) -> None:
    (tmp_path / "i.csv").write_text("x;early;*\ny;early;*\nz;late;*\n", encoding="utf-8")
    illness = {"role": "sensitive", "hierarchy": {"file": "i.csv"}}
    _, report = run(engine, tmp_path, {**method, "models": MODELS}, illness=illness)
    said, counted = report["public"]["models"], report["public"]["recheck"]["models"]
    assert len(said) == len(counted) == len(MODELS)
    for one, other in zip(said, counted, strict=True):
        assert one["reached"] == pytest.approx(other["reached"], abs=1e-6)
        assert one["margin"] >= 0


def test_distances_in_order_of_numbers(engine: TableEngine, tmp_path: Path) -> None:
    table = PEOPLE.append_column("income", pa.array([float(i % 5) for i in range(16)]))
    stage = {"method": "local_recoding", "models": [{"model": "t_closeness", "column": "income", "t": "0.3", "distance": "ordered"}]}
    _, report = run(engine, tmp_path, stage, table, income={"role": "sensitive"})
    assert report["public"]["recheck"]["models"][0]["reached"] <= 0.3
    with pytest.raises(RecipeError, match="no order"):
        run(engine, tmp_path, {"models": [{"model": "t_closeness", "column": "illness", "t": "0.3", "distance": "ordered"}]})


def test_a_fixed_scheme_is_applied_as_given_and_only_small_classes_go(engine: TableEngine, tmp_path: Path) -> None:
    levels = {"age": 1, "city": 0, "joined": 0}
    out, report = run(engine, tmp_path, {"method": "fixed", "levels": levels, "k": 5, "max_suppressed": "0.6"})
    assert set(out["age"].to_pylist()) == {"*"}
    assert out.num_rows == 8 and report["public"]["suppressed"]["rows"] == 8
    assert any("not found in these data" in note for note in report["public"]["notes"])
    with pytest.raises(PrivacyNotMet, match="left out"):
        run(engine, tmp_path, {"method": "fixed", "levels": levels, "k": 5, "max_suppressed": "0.4"})
    with pytest.raises(RecipeError, match="levels 0 to 1"):
        run(engine, tmp_path, {"method": "fixed", "levels": {**levels, "age": 2}})


@pytest.mark.parametrize(
    ("stage", "pointer"),
    [
        ({"method": "fixed"}, "/stages/0"),
        ({"levels": {"age": 1}}, "/stages/0"),
        ({"method": "fixed", "levels": {"age": 1}}, "/stages/0/levels"),
        ({"method": "local_recoding", "max_suppressed": "0.1"}, "/stages/0"),
        ({"models": [DIVERSE, DIVERSE]}, "/stages/0"),
        ({"models": [{**DIVERSE, "column": "city"}]}, "/stages/0/models/0/column"),
        ({"models": [{**DIVERSE, "column": "nothing"}]}, "/stages/0/models/0/column"),
        ({"models": [{**DIVERSE, "l": "1"}]}, "/stages/0/models/0/l"),
        ({"models": [{**DIVERSE, "l": "2.5"}]}, "/stages/0/models/0"),
        ({"models": [{**DIVERSE, "l": "NaN"}]}, "/stages/0/models/0/l"),
        ({"models": [{**DIVERSE, "c": "2"}]}, "/stages/0/models/0"),
        ({"models": [{**DIVERSE, "kind": "recursive"}]}, "/stages/0/models/0"),
        ({"models": [{"model": "t_closeness", "column": "illness", "t": "1.1"}]}, "/stages/0/models/0/t"),
        ({"models": [{"model": "alpha", "column": "illness", "alpha": "0"}]}, "/stages/0/models/0/alpha"),
        ({"models": [{"model": "beta_likeness", "column": "illness", "beta": "0.0000001"}]}, "/stages/0/models/0/beta"),
        ({"models": [{"model": "k_of_n", "column": "illness"}]}, "/stages/0/models/0"),
    ],
)
def test_a_recipe_that_asks_for_what_makes_no_sense_is_refused_at_its_place(stage: dict[str, Any], pointer: str) -> None:
    with pytest.raises(RecipeError) as refused:
        recipe.parse(document(stage))
    assert pointer in [problem.pointer for problem in refused.value.problems]


def test_what_cannot_be_reached_is_refused_by_every_method(engine: TableEngine, tmp_path: Path) -> None:
    too_diverse, too_many = {"models": [{**DIVERSE, "l": "9"}]}, {"k": 17}
    for stage in (
        {"method": "local_recoding", **too_diverse},
        {"method": "local_recoding", **too_many},
        {"max_suppressed": "1", **too_diverse},
        {"method": "fixed", "levels": {"age": 1, "city": 1, "joined": 1}, **too_diverse},
    ):
        with pytest.raises(PrivacyNotMet):
            run(engine, tmp_path, stage)
        assert not (tmp_path / "out" / "data.parquet").exists()


# --- the re-check of models --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "model"),
    [*(("local_recoding", model) for model in MODELS), ("full_domain", DIVERSE)],
    ids=lambda x: x if isinstance(x, str) else x.get("kind") or x.get("distance") or x["model"],
)
def test_when_the_search_forgets_a_model_the_recheck_of_the_file_catches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, model: dict[str, Any]
) -> None:
    """k holds, the classes of two have one illness each: the search is made blind to models."""
    (tmp_path / "i.csv").write_text("x;early;*\ny;early;*\nz;late;*\n", encoding="utf-8")
    table = pa.table(
        {"who": range(6), "age": [1, 1, 2, 2, 3, 3], "city": ["a"] * 6, "joined": PEOPLE["joined"].slice(0, 6), "illness": ["x", "x", "y", "y", "z", "z"]}
    )
    strict = {**model, **({"t": "0.1"} if "t" in model else {})}
    ask = {"method": method, "models": [strict]}
    illness = {"role": "sensitive", "hierarchy": {"file": "i.csv"}}
    with DuckEngine(threads=1) as duck:
        monkeypatch.setattr(Judge, "keeps_models", lambda self, found, **_: found.persons > -1)
        with pytest.raises(PrivacyNotMet, match="re-check"):
            run(duck, tmp_path, ask, table, illness=illness)


def test_a_file_changed_after_the_run_no_longer_holds_its_model(tmp_path: Path) -> None:
    asked = recipe.parse(document({"models": [DIVERSE]})).final
    assert isinstance(asked, KAnonymity)
    good = pa.table({"city": ["a", "a", "b", "b"], "illness": ["x", None, "x", "y"]})
    with DuckEngine(threads=1) as duck:
        frame = duck.from_pandas(pd.DataFrame({"illness": ["x", "y", None]}))
        against = baseline(duck, frame, asked.models, {"illness": None}, None, None)
    pq.write_table(good, tmp_path / "d.parquet")
    (line,) = recheck_models(tmp_path / "d.parquet", None, ["city"], asked.models, against.before, against.ladders)
    assert line["reached"] == 2
    pq.write_table(good.set_column(1, "illness", [["x", "x", "x", "y"]]), tmp_path / "d.parquet")
    with pytest.raises(PrivacyNotMet, match="re-check"):
        recheck_models(tmp_path / "d.parquet", None, ["city"], asked.models, against.before, against.ladders)


def test_values_in_rows_of_one_person_do_not_make_a_class_diverse_in_the_recheck(tmp_path: Path) -> None:
    """Two persons; one has nine rows of x, the other one of y: of persons, half have each."""
    stage = recipe.parse(document({"models": [{"model": "alpha", "column": "illness", "alpha": "0.5"}]})).final
    assert isinstance(stage, KAnonymity)
    pq.write_table(pa.table({"city": ["a"] * 10, "illness": ["x"] * 9 + ["y"]}), tmp_path / "d.parquet")
    pq.write_table(pa.table({"who": [1] * 9 + [2]}), tmp_path / "p.parquet")
    assert recheck_models(tmp_path / "d.parquet", tmp_path / "p.parquet", ["city"], stage.models, {}, {})[0]["reached"] == 0.5
    with pytest.raises(AnonymizeError):
        recheck_models(tmp_path / "d.parquet", None, ["city"], stage.models, {}, {})


def test_a_value_that_the_input_never_had_fails_the_recheck(tmp_path: Path) -> None:
    stage = recipe.parse(document({"models": [{"model": "t_closeness", "column": "illness", "t": "1"}]})).final
    assert isinstance(stage, KAnonymity)
    pq.write_table(pa.table({"city": ["a"] * 2, "illness": ["x", "new"]}), tmp_path / "d.parquet")
    with pytest.raises(PrivacyNotMet, match="the input has not"):
        recheck_models(tmp_path / "d.parquet", None, ["city"], stage.models, {"illness": {"x": 2}}, {})


# --- Adult -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "granularity"), [(2, 0.96), (5, 0.885), (10, 0.81)])
def test_adult_by_local_recoding_keeps_what_the_best_tools_lose(shared_data: Path, tmp_path: Path, k: int, granularity: float) -> None:
    folder = shared_data / "adult_arx"
    adult = pd.read_csv(folder / "adult.csv", sep=";", keep_default_na=False)
    pq.write_table(pa.Table.from_pandas(adult), tmp_path / "in.parquet")
    columns = {name: {"role": "quasi_identifier", "hierarchy": {"file": f"adult_hierarchy_{name}.csv"}} for name in adult.columns}
    asked = {"recipe": 1, "title": "Adult", "columns": columns, "stages": [{"stage": "k_anonymity", "k": k, "method": "local_recoding"}]}
    report = pipeline.run(recipe.parse(asked), tmp_path / "in.parquet", tmp_path / "out", folder=folder).report["public"]
    assert report["granularity"] >= granularity
    assert report["recheck"]["smallest_class_persons"] >= k
    assert report["recheck"]["rows"] == len(adult)
