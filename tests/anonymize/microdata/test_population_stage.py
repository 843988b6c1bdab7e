"""k-map and δ-presence on whole tables with population files: what is written, what is refused, what the re-check catches."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize import pipeline, recipe
from anonymize.errors import InputError, PrivacyNotMet, RecipeError
from anonymize.microdata.population_models import Map, Presence
from anonymize.microdata.recheck_population import recheck_populations
from anonymize.recipe import IntervalHierarchy, KAnonymity, PrefixHierarchy
from anonymize.tables import DuckEngine, PandasEngine, TableEngine


@pytest.fixture(params=["duck", "pandas"], scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[TableEngine]:
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


@pytest.fixture(scope="module")
def pandas_engine() -> Iterator[TableEngine]:
    with PandasEngine() as made:
        yield made


AGES = [21, 21, 22, 22, 35, 35, 41, 41, None, None]
CITIES = ["a1", "a1", "a2", "a2", "b1", "b1", "b2", "b2", "a1", "a1"]
PEOPLE = pa.table(
    {
        "who": [*range(10), 0],  # one person has two rows
        "age": pa.array([*AGES, 21], pa.int64()),
        "city": [*CITIES, "a1"],
        "joined": pa.array(["2020-01-05"] * 11).cast(pa.date32()),
        "illness": ["x", "y", "x", "z", "x", "y", "z", "x", "x", "y", "x"],
    }
)
LINES = [(21, "a1", 6), (22, "a2", 5), (35, "b1", 4), (41, "b2", 9), ("", "a1", 7), (23, "a1", 3), (60, "c1", 20), (36, "b1", 8)]
POPULATION = "city,age,joined,persons\n" + "".join(f"{city},{age},2020-01-05,{n}\n" for age, city, n in LINES)
ROLES = {
    "who": {"role": "person_key"},
    "age": {"role": "quasi_identifier", "hierarchy": {"intervals": ["10", "20"]}},
    "city": {"role": "quasi_identifier", "hierarchy": {"prefix": [1]}},
    "joined": {"role": "quasi_identifier", "hierarchy": {"dates": ["month", "year"]}},
    "illness": {"role": "sensitive"},
}
K_MAP = {"model": "k_map", "k": 6, "population": {"file": "p.csv"}}
AT_MOST = {"model": "delta_presence", "upper": "0.45", "population": {"file": "p.csv"}}
BETWEEN = {"model": "delta_presence", "lower": "0.05", "upper": "0.6", "population": {"file": "p.csv"}}
DIVERSE = {"model": "l_diversity", "column": "illness", "l": "2"}
METHODS: list[dict[str, Any]] = [
    {}, {"max_suppressed": "0.3"}, {"method": "local_recoding"},
    {"method": "fixed", "levels": {"age": 3, "city": 2, "joined": 1}},
]  # fmt: skip


def document(stage: dict[str, Any], **columns: Any) -> dict[str, Any]:
    return {"recipe": 1, "title": "t", "person_key": "who", "columns": ROLES | columns, "stages": [{"stage": "k_anonymity", "k": 2, **stage}]}


def run(
    engine: TableEngine, folder: Path, stage: dict[str, Any], table: pa.Table = PEOPLE, population: str = POPULATION, **columns: Any
) -> tuple[pa.Table, dict[str, Any]]:
    pq.write_table(table, folder / "in.parquet")
    (folder / "p.csv").write_text(population, encoding="utf-8")
    done = pipeline.run(recipe.parse(document(stage, **columns)), folder / "in.parquet", folder / "out", engine=engine, folder=folder)
    return pq.read_table(done.artefact), done.report["public"]


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_what_the_run_says_of_the_population_is_what_the_written_file_says(
    pandas_engine: TableEngine, tmp_path: Path, method: dict[str, Any]
) -> None:
    same_twice(pandas_engine, tmp_path, method)


def test_duckdb_counts_the_same(tmp_path: Path) -> None:
    with DuckEngine(threads=1) as duck:
        same_twice(duck, tmp_path, METHODS[2])


def same_twice(engine: TableEngine, tmp_path: Path, method: dict[str, Any]) -> None:
    models = [K_MAP, DIVERSE, AT_MOST] + ([] if "max_suppressed" in method else [BETWEEN])
    _, report = run(engine, tmp_path, {**method, "models": models})
    said, counted = report["models"], report["recheck"]["models"]
    assert len(said) == len(counted) == len(models) + (BETWEEN in models)
    for one, other in zip(said, counted, strict=True):
        assert [one[key] for key in ("asked", "reached", "margin")] == pytest.approx([other[key] for key in ("asked", "reached", "margin")])
        assert one["margin"] >= 0
    assert any("everybody who could be in the data" in note for note in report["notes"])


def test_local_recoding_says_that_it_counts_only_what_is_certain(pandas_engine: TableEngine, tmp_path: Path) -> None:
    _, report = run(pandas_engine, tmp_path, {"method": "local_recoding", "models": [K_MAP]})
    assert any("these are not counted" in note for note in report["notes"])


def test_rows_stay_finer_where_the_population_has_many_who_look_alike(pandas_engine: TableEngine, tmp_path: Path) -> None:
    """The population's other persons count although no row of the table is theirs: ages 20 to 29 at a, 6 + 3 persons."""
    eight = {**K_MAP, "k": 8}
    levels = {"age": 1, "city": 1, "joined": 0}
    table = PEOPLE.slice(0, 2)
    out, _ = run(pandas_engine, tmp_path, {"method": "fixed", "levels": levels, "models": [eight]}, table)
    assert set(out["age"].to_pylist()) == {"[20, 30)"}
    without = POPULATION.replace("a1,23,2020-01-05,3\n", "").replace("a2,22,2020-01-05,5\n", "")
    with pytest.raises(PrivacyNotMet):
        run(pandas_engine, tmp_path, {"method": "fixed", "levels": levels, "models": [eight]}, table, without)


def test_a_lower_bound_lets_nobody_of_the_population_be_left_out(pandas_engine: TableEngine, tmp_path: Path) -> None:
    out, report = run(pandas_engine, tmp_path, {"max_suppressed": "1", "models": [BETWEEN]})
    assert out.num_rows == PEOPLE.num_rows
    assert any("no row may be left out" in note for note in report["notes"])


# --- random tables, counted again from the rows that are written ---------------------------------------------------------


def labels_of(age: int | None, city: str) -> tuple[tuple[str | None, ...], tuple[str, ...]]:
    tens = None if age is None else f"[{age // 10 * 10}, {age // 10 * 10 + 10})"
    twenties = None if age is None else f"[{age // 20 * 20}, {age // 20 * 20 + 20})"
    return (None if age is None else str(age), tens, twenties, "*"), (city, city[0], "*")


@pytest.mark.parametrize("seed", range(4))
def test_every_class_that_is_written_fits_as_many_of_the_population_as_the_report_says(
    pandas_engine: TableEngine, tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)
    ages, cities = [21, 22, 25, 31, 44, None], ["a1", "a2", "b1"]
    everybody = [(draw.choice(ages), draw.choice(cities)) for _ in range(60)]
    people = draw.sample(everybody, 20)
    table = pa.table(
        {
            "age": pa.array([age for age, _ in people], pa.int64()), "city": [city for _, city in people], "who": range(20),
            "joined": pa.array(["2020-01-05"] * 20).cast(pa.date32()), "illness": ["x"] * 20,
        }
    )  # fmt: skip
    file = "age,city,joined\n" + "".join(f"{'' if age is None else age},{city},2020-01-05\n" for age, city in everybody)
    stage = {"max_suppressed": "0.2", "models": [{**K_MAP, "k": 7}, {**AT_MOST, "upper": "0.5"}]}
    out, report = run(pandas_engine, tmp_path, stage, table, file)
    level = report["search"]["levels"]
    written = Counter(zip(map(_text, out["age"].to_pylist()), out["city"].to_pylist(), strict=True))
    fitting = Counter((labels_of(a, c)[0][level["age"]], labels_of(a, c)[1][level["city"]]) for a, c in everybody)
    least = min(fitting[key] for key in written)
    most = max(Fraction(n, fitting[key]) for key, n in written.items())
    assert least >= 7 and most <= Fraction(1, 2)
    assert [line["reached"] for line in report["models"]] == [least, pytest.approx(float(most))]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


# --- refusals ------------------------------------------------------------------------------------------------------------


def test_a_row_that_fits_nobody_of_the_population_is_refused(engine: TableEngine, tmp_path: Path) -> None:
    without = POPULATION.replace("b2,41,2020-01-05,9\n", "")
    with pytest.raises(InputError, match=r"2 row\(s\) have quasi-identifiers that nobody") as refused:
        run(engine, tmp_path, {"max_suppressed": "1", "models": [K_MAP]}, population=without)
    assert refused.value.problems[0].code == "not_in_population"


def test_more_persons_than_the_population_has_are_refused_where_presence_is_asked_for(pandas_engine: TableEngine, tmp_path: Path) -> None:
    fewer = POPULATION.replace("b2,41,2020-01-05,9\n", "b2,41,2020-01-05,1\n")
    with pytest.raises(InputError, match="more persons of the table"):
        run(pandas_engine, tmp_path, {"models": [AT_MOST]}, population=fewer)
    run(pandas_engine, tmp_path, {"models": [K_MAP]}, population=fewer)  # a k-map does not speak of presence


def test_a_person_in_two_combinations_cannot_be_part_of_a_population_that_has_everybody_once(
    pandas_engine: TableEngine, tmp_path: Path
) -> None:
    table = PEOPLE.set_column(0, "who", pa.array([*range(9), 0, 1]))
    for model in (K_MAP, AT_MOST):
        with pytest.raises(InputError, match=r"1 person\(s\) have rows in several"):
            run(pandas_engine, tmp_path, {"models": [model]}, table)


def test_a_value_of_the_population_without_a_path_in_the_hierarchy_is_refused(pandas_engine: TableEngine, tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text("a1;a\na2;a\nb1;b\nb2;b\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"column 'city': 1 distinct value\(s\) have no place"):
        run(pandas_engine, tmp_path, {"models": [K_MAP]}, city={"role": "quasi_identifier", "hierarchy": {"file": "h.csv"}})


@pytest.mark.parametrize(
    ("stage", "pointer"),
    [
        ({"models": [{**K_MAP, "k": 1}]}, "/stages/0/models/0/k"),
        ({"models": [{"model": "k_map", "k": 5}]}, "/stages/0/models/0/population"),
        ({"models": [{**K_MAP, "population": {"file": "../p.csv"}}]}, "/stages/0/models/0/population/file"),
        ({"models": [{**K_MAP, "column": "illness"}]}, "/stages/0/models/0/column"),
        ({"models": [{**AT_MOST, "upper": "0"}]}, "/stages/0/models/0/upper"),
        ({"models": [{**AT_MOST, "upper": "1.1"}]}, "/stages/0/models/0/upper"),
        ({"models": [{**AT_MOST, "upper": "NaN"}]}, "/stages/0/models/0/upper"),
        ({"models": [{**AT_MOST, "lower": "0.5"}]}, "/stages/0/models/0"),
        ({"models": [K_MAP, K_MAP]}, "/stages/0"),
    ],
)
def test_a_recipe_that_asks_a_population_for_what_makes_no_sense_is_refused_at_its_place(stage: dict[str, Any], pointer: str) -> None:
    with pytest.raises(RecipeError) as refused:
        recipe.parse(document(stage))
    assert pointer in [problem.pointer for problem in refused.value.problems]


@pytest.mark.parametrize("hierarchy", [{"quantiles": [4, 2], "unit": "1"}, {"counts": [5]}])
def test_a_hierarchy_drawn_from_the_data_cannot_generalise_a_population(hierarchy: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="drawn from these data"):
        recipe.parse(document({"models": [K_MAP]}, age={"role": "quasi_identifier", "hierarchy": hierarchy}))


def test_what_cannot_be_reached_is_refused_by_every_method(pandas_engine: TableEngine, tmp_path: Path) -> None:
    for method in METHODS:
        for model in ({**K_MAP, "k": 63}, {**AT_MOST, "upper": "0.1"}):
            with pytest.raises(PrivacyNotMet):
                run(pandas_engine, tmp_path, {**method, "models": [model]})
            assert not (tmp_path / "out" / "data.parquet").exists()


# --- the re-check ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [{}, {"method": "local_recoding"}], ids=str)
@pytest.mark.parametrize(("model", "kind"), [({**K_MAP, "k": 10}, Map), (AT_MOST, Presence), ({**BETWEEN, "lower": "0.2"}, Presence)])
def test_when_the_search_forgets_the_population_the_recheck_of_the_file_catches_it(
    pandas_engine: TableEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: dict[str, Any], model: dict[str, Any], kind: Any
) -> None:
    monkeypatch.setattr(kind, "holds", lambda self, found: found.persons > -1)
    if kind is Presence:
        monkeypatch.setattr(Presence, "complete", property(lambda self: False))
    with pytest.raises(PrivacyNotMet, match="re-check"):
        run(pandas_engine, tmp_path, {**method, "models": [model]})


QUASI = {"age": IntervalHierarchy(intervals=("10",)), "city": PrefixHierarchy(prefix=(1,))}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Ages at level 1, cities at level 0: 2 of 5 persons at a1, 2 of 4 at b1."""
    pq.write_table(pa.table({"age": ["[20, 30)"] * 2 + ["[30, 40)"] * 2, "city": ["a1"] * 2 + ["b1"] * 2}), tmp_path / "d.parquet")
    (tmp_path / "p.csv").write_text("age,city,persons\n21,a1,4\n22,a1,1\n35,b1,4\n50,b2,7\n", encoding="utf-8")
    return tmp_path


INPUT = pa.table({"age": [21, 22, 35, 35], "city": ["a1", "a1", "b1", "b1"]})
LEVELS = np.array([[1, 0]] * 4)


def rechecked(engine: TableEngine, folder: Path, model: dict[str, Any], levels: Any = LEVELS, persons: Path | None = None) -> list[dict[str, Any]]:
    asked = recipe.parse(document({"models": [model]})).final
    assert isinstance(asked, KAnonymity)
    frame = engine.from_pandas(INPUT.to_pandas())
    lines = {} if levels is None else {"p.csv": levels}
    return recheck_populations(engine, frame, folder / "d.parquet", persons, asked.population_models, QUASI, lines, folder)


def test_the_recheck_counts_by_the_file_the_population_and_the_input(engine: TableEngine, written: Path) -> None:
    (least,) = rechecked(engine, written, {**K_MAP, "k": 4})
    (most,) = rechecked(engine, written, {**AT_MOST, "upper": "0.5"})
    assert (least["asked"], least["reached"], least["margin"]) == (4, 4, 0)
    assert (most["asked"], most["reached"], most["margin"]) == (0.5, 0.5, 0)


def test_one_person_fewer_or_a_larger_share_than_asked_fails_the_recheck(engine: TableEngine, written: Path) -> None:
    for model in ({**K_MAP, "k": 5}, {**AT_MOST, "upper": "0.49"}, {**BETWEEN, "lower": "0.01"}):
        with pytest.raises(PrivacyNotMet, match="re-check"):
            rechecked(engine, written, model)


def test_rows_of_one_person_are_one_in_the_recheck_too(pandas_engine: TableEngine, written: Path) -> None:
    pq.write_table(pa.table({"who": [1, 1, 2, 2]}), written / "who.parquet")
    (line,) = rechecked(pandas_engine, written, {**AT_MOST, "upper": "0.25"}, persons=written / "who.parquet")
    assert line["reached"] == 0.25


@pytest.mark.parametrize(
    "levels",
    [None, np.array([[0, 0]] * 4), np.array([[1, 2]] * 4), np.array([[1, 0]] * 3), np.array([[3, 0]] * 4), np.array([[-1, 0]] * 4),
     np.array([[1, 0], [2, 0], [1, 0], [1, 0]])],
    ids=["no scheme", "finer", "coarser", "a line short", "no such level", "below all levels", "a row elsewhere"],
)  # fmt: skip
def test_a_scheme_that_does_not_make_this_file_of_this_input_fails_the_recheck(
    pandas_engine: TableEngine, written: Path, levels: Any
) -> None:
    with pytest.raises(PrivacyNotMet, match="re-check"):
        rechecked(pandas_engine, written, {**K_MAP, "k": 2}, levels)


@pytest.mark.parametrize(
    "changed",
    [{"city": ["a1", "a1", "b1", "b2"]}, {"city": ["a1", "b1", "b1", "b1"]}, {"age": ["[20, 30)"] * 2 + [None] * 2}, {"city": ["a1", "a1", "b1", "new"]}],
    ids=str,
)
def test_a_file_changed_after_the_run_fails_the_recheck(pandas_engine: TableEngine, written: Path, changed: dict[str, Any]) -> None:
    good = pq.read_table(written / "d.parquet").to_pydict()
    pq.write_table(pa.table({**good, **changed}), written / "d.parquet")
    with pytest.raises(PrivacyNotMet, match="re-check"):
        rechecked(pandas_engine, written, {**K_MAP, "k": 2})


def test_an_input_that_fits_nobody_of_the_population_fails_the_recheck(pandas_engine: TableEngine, written: Path) -> None:
    (written / "p.csv").write_text("age,city,persons\n21,a1,4\n35,b1,4\n", encoding="utf-8")
    with pytest.raises(PrivacyNotMet, match="fit nobody"):
        rechecked(pandas_engine, written, {**K_MAP, "k": 2}, LEVELS[:2])
