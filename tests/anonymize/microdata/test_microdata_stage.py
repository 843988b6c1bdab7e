"""The stage on whole tables, in both engines: what comes out is k-anonymous for persons, and nothing else changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anonymize.errors import InputError, PrivacyNotMet, RecipeError
from anonymize.microdata import full_domain
from anonymize.microdata import stage as stage_module
from anonymize.microdata.classes import Classes, Grouping
from anonymize.microdata.recheck import recheck
from anonymize.microdata.stage import Microdata, anonymise
from anonymize.recipe import DateHierarchy, FileHierarchy, Hierarchy, IntervalHierarchy, KAnonymity, PrefixHierarchy
from anonymize.tables import DuckEngine, PandasEngine, TableEngine
from tests.anonymize.oracles import k_anonymity as oracle


@pytest.fixture(params=["duck", "pandas"], scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[TableEngine]:
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


def k_stage(k: int, max_suppressed: str = "0") -> KAnonymity:
    return KAnonymity(stage="k_anonymity", k=k, max_suppressed=max_suppressed)


def run(
    engine: TableEngine,
    table: pd.DataFrame | pa.Table,
    quasi: Mapping[str, Hierarchy | None],
    *,
    k: int = 2,
    max_suppressed: str = "0",
    person_key: str | None = None,
    folder: Path | None = None,
) -> Microdata:
    frame = table if isinstance(table, pd.DataFrame) else table.to_pandas(types_mapper=pd.ArrowDtype)
    return anonymise(
        engine, engine.from_pandas(frame), stage=k_stage(k, max_suppressed), quasi_identifiers=quasi,
        person_key=person_key, folder=folder,
    )


def rows_of(engine: TableEngine, made: Microdata) -> list[dict[str, Any]]:
    return list(pa.Table.from_pandas(engine.collect(made.frame), preserve_index=False).to_pylist())


# --- the oracle on whole tables --------------------------------------------------------------------------------------

AGES = {age: (age, f"[{age // 10 * 10}, {age // 10 * 10 + 10})", "*") for age in range(30)}
CITIES = {name: (name, name[0], "*") for name in ("aa", "ab", "b", "ba")}
QUASI: dict[str, Hierarchy | None] = {"age": IntervalHierarchy(intervals=("10",)), "city": PrefixHierarchy(prefix=(1,))}

tables = st.lists(
    st.tuples(
        st.one_of(st.none(), st.sampled_from([1, 2, 11, 12])),
        st.one_of(st.none(), st.sampled_from(sorted(CITIES))),
        st.integers(0, 6),
    ),
    min_size=3,
    max_size=20,
)


def paths_of(column: list[Any], known: Mapping[Any, tuple[Any, ...]]) -> oracle.Paths:
    """Only values that occur are leaves, as for every hierarchy that is no file."""
    paths: oracle.Paths = {value: known[value] for value in column if value is not None}
    return paths | {None: (None, None, "*")}


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=tables, k=st.integers(2, 3), allowed=st.sampled_from(["0", "0.2", "0.5"]))
def test_the_stage_gives_the_oracles_rows(engine: TableEngine, data: list[Any], k: int, allowed: str) -> None:
    rows, persons = [row[:2] for row in data], [row[2] for row in data]
    frame = pa.table(
        {
            "age": pa.array([row[0] for row in rows], pa.int64()),
            "city": pa.array([row[1] for row in rows], pa.string()),
            "who": persons,
            "n": range(len(rows)),
        }
    )
    ladders = [paths_of([row[0] for row in rows], AGES), paths_of([row[1] for row in rows], CITIES)]
    expected = oracle.best_node(rows, persons, ladders, k, int(Decimal(allowed) * len(rows)))
    if expected is None:
        with pytest.raises(PrivacyNotMet):
            run(engine, frame, QUASI, k=k, max_suppressed=allowed, person_key="who")
        return
    made = run(engine, frame, QUASI, k=k, max_suppressed=allowed, person_key="who")
    loss, node, suppressed = expected
    assert tuple(made.levels.values()) == node
    assert made.report["suppressed"]["rows"] == suppressed
    assert made.report["granularity"] == pytest.approx(float(1 - loss), abs=1e-9)
    labelled = oracle.generalise(rows, ladders, node)
    classes = oracle.person_sets(labelled, persons)
    kept = {(*label, p, n) for n, (label, p) in enumerate(zip(labelled, persons, strict=True)) if len(classes[label]) >= k}
    assert {tuple(row.values()) for row in rows_of(engine, made)} == kept


# --- persons, nulls, types ---------------------------------------------------------------------------------------------


def test_ten_rows_of_one_person_are_one_person(engine: TableEngine) -> None:
    table = pd.DataFrame({"city": ["a"] * 10 + ["b", "b"], "who": ["p"] * 10 + ["q", "r"]})
    made = run(engine, table, {"city": None}, person_key="who")
    assert made.levels == {"city": 1}
    assert run(engine, table.drop(columns="who"), {"city": None}).levels == {"city": 0}


def test_a_person_in_two_merging_classes_is_counted_once(engine: TableEngine) -> None:
    table = pd.DataFrame({"code": ["a1", "a2", "b1", "b1"], "who": [1, 1, 2, 3]})
    with_one = run(engine, table, {"code": PrefixHierarchy(prefix=(1,))}, person_key="who")
    assert with_one.levels == {"code": 2}
    table["who"] = [1, 4, 2, 3]
    assert run(engine, table, {"code": PrefixHierarchy(prefix=(1,))}, person_key="who").levels == {"code": 1}


def test_null_is_a_class_of_its_own_and_no_wildcard(engine: TableEngine) -> None:
    table = pa.table({"a": ["x", "x", None], "n": [1, 2, 3]})
    assert run(engine, table, {"a": None}).levels == {"a": 1}
    made = run(engine, table, {"a": None}, max_suppressed="0.5")
    assert sorted(rows_of(engine, made), key=lambda row: row["n"]) == [{"a": "x", "n": 1}, {"a": "x", "n": 2}]


def test_nulls_of_k_persons_stay_null_below_the_top(engine: TableEngine) -> None:
    table = pa.table({"age": pa.array([None, None, 21, 22], pa.int64())})
    made = run(engine, table, {"age": IntervalHierarchy(intervals=("10",))})
    assert sorted(str(row["age"]) for row in rows_of(engine, made)) == ["None", "None", "[20, 30)", "[20, 30)"]


def test_a_column_of_nulls_alone_is_one_class(engine: TableEngine) -> None:
    made = run(engine, pa.table({"a": pa.array([None] * 3, pa.string()), "b": [1, 1, 1]}), {"a": None, "b": None}, k=3)
    assert made.levels == {"a": 0, "b": 0}
    assert rows_of(engine, made) == [{"a": None, "b": 1}] * 3


TYPED = {
    "integer": pa.array([2**62, 2**62, -1, -1]),
    "decimal": pa.array([Decimal("1.50"), Decimal("1.50"), Decimal("0.01"), Decimal("0.01")], pa.decimal128(38, 2)),
    "number": pa.array([0.1, 0.1, 2.5, 2.5]),
    "text": pa.array(["가", "가", "'; drop table x; --", "'; drop table x; --"]),
    "boolean": pa.array([True, True, False, False]),
    "date": pa.array([dt.date(2024, 1, 1)] * 2 + [dt.date(1899, 12, 31)] * 2),
    "timestamp": pa.array([dt.datetime(2024, 1, 1, 1, 2, 3, 4)] * 2 + [dt.datetime(1969, 1, 1)] * 2, pa.timestamp("us")),
    "timestamptz": pa.array([dt.datetime(2024, 1, 1, tzinfo=dt.UTC)] * 2 + [dt.datetime(1969, 1, 1, tzinfo=dt.UTC)] * 2),
}


@pytest.mark.parametrize("kind", TYPED)
def test_a_column_at_level_0_keeps_its_type_and_its_values(engine: TableEngine, kind: str) -> None:
    table = pa.table({"n": [1, 2, 3, 4], "q": TYPED[kind]})
    made = run(engine, table, {"q": None})
    out = pa.Table.from_pandas(engine.collect(made.frame).sort_values("n"), preserve_index=False)
    assert made.levels == {"q": 0}
    assert out.column("q").to_pylist() == TYPED[kind].to_pylist()
    # DuckDB names the zone of its instants in its own way; the instants are what must be the same
    assert out.schema.field("q").type == TYPED[kind].type or kind == "timestamptz"


def test_generalised_columns_are_text_and_the_others_pass_untouched_in_their_order(engine: TableEngine) -> None:
    table = pa.table({"pay": [1.5, None], "day": [dt.date(2024, 3, 4), dt.date(2024, 3, 9)], "age": [31, 38], "who": [7, 8]})
    quasi = {"age": IntervalHierarchy(intervals=("10",)), "day": DateHierarchy(dates=("month",))}
    made = run(engine, table, quasi, person_key="who")
    rows = sorted(rows_of(engine, made), key=lambda row: row["who"])
    assert list(rows[0]) == ["pay", "day", "age", "who"]
    assert rows == [
        {"pay": 1.5, "day": "2024-03", "age": "[30, 40)", "who": 7},
        {"pay": None, "day": "2024-03", "age": "[30, 40)", "who": 8},
    ]


def test_column_names_like_sql_or_like_our_own_survive(engine: TableEngine) -> None:
    names = ['"; drop table x; --', "q_code_0", "Q_label_0", "qq_", "value"]
    table = pd.DataFrame({name: ["a", "a", "b"] for name in names})
    made = run(engine, table, dict.fromkeys(names), max_suppressed="0.4")
    assert rows_of(engine, made) == [dict.fromkeys(names, "a")] * 2


def test_minus_zero_is_published_as_zero(engine: TableEngine) -> None:
    made = run(engine, pd.DataFrame({"x": [0.0, -0.0]}), {"x": None})
    assert [str(row["x"]) for row in rows_of(engine, made)] == ["0.0", "0.0"]


def test_the_same_table_in_another_order_gives_the_same_levels_and_report(engine: TableEngine) -> None:
    table = pd.DataFrame({"a": [i % 5 for i in range(60)], "b": [i % 7 for i in range(60)], "c": [i // 13 for i in range(60)]})
    quasi = {name: IntervalHierarchy(intervals=("2", "4")) for name in table.columns}
    first = run(engine, table, quasi, k=4, max_suppressed="0.1")
    again = run(engine, table.sample(frac=1, random_state=3), quasi, k=4, max_suppressed="0.1")
    assert first.report == again.report


# --- refusals --------------------------------------------------------------------------------------------------------


def test_more_than_all_persons_cannot_be_asked_for(engine: TableEngine) -> None:
    table = pd.DataFrame({"a": ["x"] * 9, "who": [1, 2, 3] * 3})
    with pytest.raises(PrivacyNotMet, match="more persons than the table holds"):
        run(engine, table, {"a": None}, k=4, max_suppressed="1", person_key="who")
    assert run(engine, table, {"a": None}, k=3, person_key="who").levels == {"a": 0}


def test_a_table_without_rows_holds_no_k_persons(engine: TableEngine) -> None:
    with pytest.raises(PrivacyNotMet):
        run(engine, pa.table({"a": pa.array([], pa.string())}), {"a": None})


def test_a_row_that_is_nobodys_is_refused(engine: TableEngine) -> None:
    with pytest.raises(InputError, match="1 row"):
        run(engine, pa.table({"a": ["x", "x", "x"], "who": ["p", "q", None]}), {"a": None}, person_key="who")


def test_a_column_that_is_not_there_and_a_person_key_as_quasi_identifier_are_refused(engine: TableEngine) -> None:
    table = pd.DataFrame({"a": ["x", "x"], "who": [1, 2]})
    for quasi, key in [({"b": None}, None), ({"a": None}, "b"), ({"a": None, "who": None}, "who"), ({}, None)]:
        with pytest.raises(RecipeError):
            run(engine, table, quasi, person_key=key)


def test_numbers_that_are_not_finite_are_refused() -> None:
    with DuckEngine(threads=1) as duck:
        frame = duck.from_pandas(pd.DataFrame({"x": pd.Series([1.0, float("inf")], dtype="double[pyarrow]")}))
        with pytest.raises(InputError, match="not finite"):
            anonymise(duck, frame, stage=k_stage(2), quasi_identifiers={"x": None}, person_key=None, folder=None)


# --- planted faults: the stage counts again before it lets go ----------------------------------------------------------

LOOSE = pd.DataFrame({"city": [1] * 4 + [2] * 2 + [3], "who": [1, 1, 2, 3, 4, 4, 5]})


def off_by_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(full_domain, "too_small", lambda found, k: found.persons < k - 1)


def rows_for_persons(patch: pytest.MonkeyPatch) -> None:
    right = Grouping.classes

    def by_rows(self: Grouping, node: tuple[int, ...]) -> Classes:
        found = right(self, node)
        return Classes(found.of, found.rows, found.rows)

    patch.setattr(Grouping, "classes", by_rows)


def suppress_before_counting(patch: pytest.MonkeyPatch) -> None:
    """One more row goes after the classes were counted."""
    right = stage_module._apply

    def one_less(work: Any, *rest: Any) -> Any:
        return work.engine.from_pandas(work.engine.collect(right(work, *rest)).iloc[1:])

    patch.setattr(stage_module, "_apply", one_less)


@pytest.mark.parametrize("plant", [off_by_one, rows_for_persons, suppress_before_counting], ids=lambda plant: plant.__name__)
def test_a_planted_fault_ends_without_a_result(engine: TableEngine, plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(engine, LOOSE, {"city": None}, max_suppressed="0.5", person_key="who").report["classes"]["smallest"] == 3
    plant(monkeypatch)
    with pytest.raises(PrivacyNotMet, match="counted again"):
        run(engine, LOOSE, {"city": None}, max_suppressed="0.5", person_key="who")


@pytest.mark.parametrize("plant", [off_by_one, rows_for_persons], ids=lambda plant: plant.__name__)
def test_with_the_stages_own_count_gone_too_the_recheck_of_the_file_still_catches_it(
    engine: TableEngine, plant: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plant(monkeypatch)
    monkeypatch.setattr(stage_module, "_confirm", lambda *_: None)
    out = engine.collect(run(engine, LOOSE, {"city": None}, max_suppressed="0.5", person_key="who").frame)
    pq.write_table(pa.Table.from_pandas(out[["city"]], preserve_index=False), tmp_path / "data.parquet")
    pq.write_table(pa.Table.from_pandas(out[["who"]], preserve_index=False), tmp_path / "persons.parquet")
    with pytest.raises(PrivacyNotMet, match="re-check"):
        recheck(tmp_path / "data.parquet", tmp_path / "persons.parquet", ["city"], 2)


# --- Adult -------------------------------------------------------------------------------------------------------------


def granularity_judged_from_the_file(out: pd.DataFrame, folder: Path, total: int) -> float:
    """From written labels and hierarchy files alone; a row that is not there counts as all stars."""
    scores = 0.0
    for column in out.columns:
        lines = [line.split(";") for line in (folder / f"adult_hierarchy_{column}.csv").read_text().split("\n") if line]
        for label in out[column]:
            # the finest level at which the label stands; no label of these files stands at two levels with more leaves
            level = next(i for i in range(len(lines[0])) if any(line[i] == label for line in lines))
            scores += 1 - (sum(line[level] == label for line in lines) - 1) / (len(lines) - 1)
    return scores / (total * len(out.columns))


def test_adult_with_nine_hierarchies_is_five_anonymous_at_the_best_node(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "adult_arx"
    adult = pd.read_csv(folder / "adult.csv", sep=";", keep_default_na=False)
    quasi = {column: FileHierarchy(file=f"adult_hierarchy_{column}.csv") for column in adult.columns}
    with DuckEngine(threads=1) as duck:
        made = run(duck, adult, quasi, k=5, max_suppressed="0.05", folder=folder)
        out = duck.collect(made.frame)
    pq.write_table(pa.Table.from_pandas(out, preserve_index=False), tmp_path / "data.parquet")
    checked = recheck(tmp_path / "data.parquet", None, list(quasi), 5)
    assert checked.smallest_class_persons >= 5
    assert checked.rows == len(out) >= 0.95 * len(adult)
    assert made.report["search"]["proven_optimal"]
    assert made.report["search"]["nodes"] == 12_960
    assert made.report["granularity"] >= 0.730
    written = out.astype(str).groupby(list(out.columns), as_index=False).size()
    sample = written.loc[written.index.repeat(written["size"])].drop(columns="size")
    judged = granularity_judged_from_the_file(sample, folder, len(adult))
    assert judged == pytest.approx(made.report["granularity"], abs=1e-9)
