"""The contract of a table engine, asked of each of them."""

from __future__ import annotations

import datetime as dt
import sys
from collections import Counter
from decimal import Decimal
from itertools import permutations
from pathlib import Path

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize import randomness
from anonymize.columns.missing import BLANK, is_missing, named
from anonymize.errors import AnonymizeError, InputError
from anonymize.tables import DuckEngine, PandasEngine, TableEngine
from anonymize.tables.base import distinct
from tests.chances import as_often


@pytest.fixture(params=["duck", "pandas"])
def engine(request, tmp_path):
    with DuckEngine(temp_directory=tmp_path) if request.param == "duck" else PandasEngine() as made:
        yield made


TYPED = pa.table(
    {
        "n": pa.array([1, None, 2**60 + 1], pa.int64()),
        "d": pa.array([Decimal("0.10"), Decimal("12345678901234.56"), None], pa.decimal128(18, 2)),
        "f": pa.array([0.5, None, 2.0], pa.float64()),
        "t": pa.array(["a", None, "가"], pa.string()),
        "b": pa.array([True, None, False], pa.bool_()),
        "day": pa.array([dt.date(2024, 2, 29), None, dt.date(1999, 12, 31)], pa.date32()),
        "at": pa.array([dt.datetime(2024, 1, 1, 23, 59), None, dt.datetime(2000, 1, 1)], pa.timestamp("us")),
        "z": pa.array([dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None, None], pa.timestamp("us", tz="UTC")),
        'se"lect; --': pa.array(["x", "y", None], pa.string()),
    }
)


def _typed(engine: TableEngine, tmp_path: Path) -> nw.LazyFrame:
    pq.write_table(TYPED, tmp_path / "t.parquet")
    return engine.scan_parquet(tmp_path / "t.parquet")


def _table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)


def test_every_type_comes_back_exact(engine, tmp_path):
    assert _table(engine.collect(_typed(engine, tmp_path))) == TYPED


def test_the_schema_is_known_without_rows(engine, tmp_path):
    frame = _typed(engine, tmp_path)
    assert engine.schema(frame.filter(nw.col("n") < 0)) == engine.schema(frame) == TYPED.schema


def test_batches_are_in_the_order_of_the_sort_and_small(engine):
    frame = engine.from_pandas(pd.DataFrame({"n": range(20_000)}))
    parts = list(engine.batches(frame.sort("n", descending=True), 1_000))
    assert all(part.num_rows <= 1_000 for part in parts)
    assert pa.Table.from_batches(parts)["n"].to_pylist() == list(range(19_999, -1, -1))


def test_the_engine_can_be_asked_again_after_batches_are_left_early(engine):
    frame = engine.from_pandas(pd.DataFrame({"n": range(20_000)}))
    parts = engine.batches(frame, 10)
    next(parts)
    parts.close()
    assert engine.rows(frame) == 20_000


def test_rows_are_counted(engine):
    frame = engine.from_pandas(pd.DataFrame({"n": [1, 2, 3]}))
    assert (engine.rows(frame), engine.rows(frame.filter(nw.col("n") > 5))) == (3, 0)


def test_row_numbers_are_unique_and_stay(engine):
    frame = engine.with_row_number(engine.from_pandas(pd.DataFrame({"n": range(5_000)})), "row")
    first, second = (engine.collect(frame).sort_values("n")["row"].tolist() for _ in range(2))
    assert first == second and sorted(first) == list(range(1, 5_001))


def test_a_persisted_random_order_stays_and_a_fresh_one_differs(engine):
    frame = engine.from_pandas(pd.DataFrame({"n": range(100)}))
    kept = engine.persist(engine.with_random_order(frame, "order", ["n"]))
    other = engine.with_random_order(frame, "order", ["n"])
    orders = [engine.collect(f).sort_values("n")["order"].tolist() for f in (kept, kept, other)]
    assert orders[0] == orders[1]
    assert not set(orders[0]) & set(orders[2])


def test_equal_values_have_equal_order_and_the_encoding_is_unambiguous(engine):
    pairs = pd.DataFrame({"a": ["1", "1", "12", "1:2", None, "-"], "b": ["23", "23", "3", "3", "x", "x"]})
    order = engine.collect(engine.with_random_order(engine.from_pandas(pairs), "order", ["a", "b"]))
    numbers = order.sort_values(["a", "b"])["order"]
    assert numbers.nunique() == 5 and ((numbers >= 0) & (numbers < 2**60)).all()


@pytest.mark.draws
def test_every_order_of_three_values_is_equally_likely(engine):
    """A hash that combines salt and value by exclusive or would favour some orders: pairs fair, triples not.

    Fails a fair one less than once in 10^10 runs.
    """
    frame = engine.from_pandas(pd.DataFrame({"n": [1, 2, 3]}))
    draws = 300
    seen = Counter(
        tuple(engine.collect(engine.with_random_order(frame, "o", ["n"])).sort_values("o")["n"]) for _ in range(draws)
    )
    assert as_often([seen[order] for order in permutations([1, 2, 3])], [1 / 6] * 6, draws)


def test_the_salt_comes_from_the_one_source_of_randomness(engine, monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr(randomness, "_source", lambda n: asked.append(n) or bytes(n))
    frame = engine.from_pandas(pd.DataFrame({"n": [1, 2]}))
    first, second = (engine.collect(engine.with_random_order(frame, "o", ["n"])) for _ in range(2))
    assert asked == [16, 16] and first.sort_values("n").equals(second.sort_values("n"))


@pytest.mark.parametrize("parts", [1, 6])
def test_parts_hold_every_row_once_and_equal_values_together(engine, parts):
    rows = pd.DataFrame({"p": [f"p{i % 50}" for i in range(400)], "n": range(400)})
    found = [engine.collect(part) for part in engine.in_parts(engine.from_pandas(rows), "p", parts)]
    assert len(found) == parts
    assert sorted(n for part in found for n in part["n"]) == list(range(400))
    assert sum(part["p"].nunique() for part in found) == 50


def test_parts_on_disk_keep_their_types_and_are_gone_afterwards(tmp_path):
    pq.write_table(TYPED, tmp_path / "typed.parquet")
    with DuckEngine(temp_directory=tmp_path / "scratch") as duck:
        whole = duck.scan_parquet(tmp_path / "typed.parquet")
        name = TYPED.schema.names[0]
        for part in duck.in_parts(whole, name, 7):
            assert any((tmp_path / "scratch").rglob("*.parquet"))
            assert duck.schema(part) == duck.schema(whole)
        assert not any((tmp_path / "scratch").rglob("*"))
        some = duck.in_parts(whole, name, 7)
        next(some)
        some.close()
        assert not any((tmp_path / "scratch").rglob("*"))


@pytest.mark.parametrize("n", [2, 70])
def test_the_smallest_of_each_are_those_that_sorting_would_find(engine, n):
    rows = pd.DataFrame({"p": [i % 3 for i in range(300)], "q": [i % 2 for i in range(300)], "o": [(i * 7919) % 1009 for i in range(300)]})
    kept = engine.collect(engine.smallest_of_each(engine.from_pandas(rows), "o", n, ["p", "q"]))
    expected = rows.sort_values("o").groupby(["p", "q"]).head(n)
    assert sorted(map(tuple, kept[["p", "q", "o"]].to_numpy().tolist())) == sorted(map(tuple, expected.to_numpy().tolist()))


@pytest.mark.parametrize("n", [2, 70])
def test_where_rows_tie_never_more_than_asked_are_kept(engine, n):
    rows = pd.DataFrame({"p": [i % 3 for i in range(300)], "o": [i // 250 for i in range(300)]})
    kept = engine.collect(engine.smallest_of_each(engine.from_pandas(rows), "o", n, ["p"]))
    assert (kept["p"].value_counts() <= n).all()


def test_a_new_column_may_not_shadow_a_users(engine):
    frame = engine.from_pandas(pd.DataFrame({"Row": [1]}))
    for add in (lambda: engine.with_row_number(frame, "row"), lambda: engine.with_random_order(frame, "row", ["Row"])):
        with pytest.raises(InputError, match="rename"):
            add()


def test_names_that_differ_only_in_case_are_refused(engine):
    with pytest.raises(InputError, match="upper and lower case"):
        engine.from_pandas(pd.DataFrame({"a": [1], "A": [2]}))


def test_a_missing_or_broken_file_is_the_users_error(engine, tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 not really")
    for name in ("broken.parquet", "none.parquet"):
        with pytest.raises(InputError, match="no readable Parquet"):
            engine.scan_parquet(tmp_path / name)


def test_a_glob_in_a_path_is_not_expanded(engine, tmp_path):
    pq.write_table(TYPED, tmp_path / "a.parquet")
    with pytest.raises(InputError):
        engine.scan_parquet(tmp_path / "*.parquet")
    pq.write_table(TYPED.slice(0, 1), tmp_path / "[a].parquet")
    assert engine.rows(engine.scan_parquet(tmp_path / "[a].parquet")) == 1


def test_both_engines_give_the_same_answer_to_the_same_expression(tmp_path):
    rows = pd.DataFrame({"k": ["a", "b", "a", None], "v": [1, 2, 3, 4]})
    with DuckEngine() as duck, PandasEngine() as pandas:
        answers = [
            engine.collect(
                engine.from_pandas(rows).group_by("k").agg(nw.col("v").sum(), nw.len().alias("n")).sort("k")
            ).to_dict("list")
            for engine in (duck, pandas)
        ]
    assert answers[0]["v"] == answers[1]["v"] or sorted(answers[0]["v"]) == sorted(answers[1]["v"])


def test_duckdb_loads_no_extension_and_spills_only_where_told(tmp_path):
    with DuckEngine(memory_limit="100MB", temp_directory=tmp_path / "spill", threads=1) as duck:
        names = ("autoload_known_extensions", "autoinstall_known_extensions", "temp_directory")
        settings = dict(duck._connection.sql("select name, value from duckdb_settings()").fetchall())
    assert [settings[name] for name in names] == ["false", "false", str(tmp_path / "spill")]
    assert settings["preserve_insertion_order"] == "false" and settings["threads"] == "1"


def test_duckdb_works_on_more_than_its_memory(tmp_path):
    n = 1_500_000
    rows = pd.DataFrame({"n": range(n), "t": ["some longer text that fills memory"] * n})
    with DuckEngine(memory_limit="60MB", temp_directory=tmp_path, threads=1) as duck:
        kept = duck.persist(duck.with_random_order(duck.from_pandas(rows), "o", ["n"]))
        assert duck.rows(kept.sort("o")) == n


def test_a_frame_of_another_engine_is_refused():
    with DuckEngine() as duck, pytest.raises(TypeError, match="another table engine"):
        duck.rows(PandasEngine().from_pandas(pd.DataFrame({"a": [1]})))


def test_a_failure_inside_duckdb_tells_its_kind_and_no_value():
    with DuckEngine(threads=1) as duck:
        texts = duck.from_pandas(pd.DataFrame({"t": ["1", "secret-value"]}))
        broken = texts.select(nw.col("t").cast(nw.Int64()))
        for ask in (duck.collect, duck.persist, duck.rows, lambda frame: list(duck.batches(frame, 10))):
            with pytest.raises(AnonymizeError) as caught:
                ask(broken.filter(nw.col("t") > 0))
            assert "secret" not in caught.value.message
            assert caught.value.__suppress_context__


def test_running_out_of_memory_is_ours_to_mend(tmp_path):
    with DuckEngine(memory_limit="1MB", threads=1) as duck:
        rows = duck.from_pandas(pd.DataFrame({"n": range(200_000)}))
        with pytest.raises(AnonymizeError, match="OutOfMemory") as caught:
            duck.persist(duck.with_random_order(rows, "o", ["n"]))
        assert caught.value.who == "us"


def test_distinct_rows_are_each_there_once_and_null_is_a_value(engine: TableEngine) -> None:
    frame = engine.from_pandas(pd.DataFrame({"a": pd.Series([1, 1, None, 2, None], dtype="int64[pyarrow]"), "b": list("xxyzy")}))
    rows = engine.collect(distinct(frame)).astype(object).to_numpy().tolist()
    assert sorted(map(str, rows)) == ["[1, 'x']", "[2, 'z']", "[<NA>, 'y']"]


def test_text_names_somebody_unless_stripping_leaves_nothing(engine):
    """Told by the first byte where that is enough, which must never change the answer; and what is blank every engine knows."""
    blank = [chr(sign) for sign in range(sys.maxunicode + 1) if not chr(sign).strip()]
    assert "".join(blank) == BLANK
    texts = [*blank, "".join(blank), "", " ", "\t\n", "\r ", "\x0b\x0c", "　", "\xa0", "\x1f", "\x7f", "!", "~", "~ ", " a", "a", "a ", "Ω", "가", "　가", "\u200b", "\ufeff", "\U0001f600", None]
    frame = engine.from_pandas(pd.DataFrame({"i": range(len(texts)), "x": pd.array(texts, dtype=pd.ArrowDtype(pa.string()))}))
    found = engine.collect(frame.filter(named("x", pa.string())))["i"].tolist()
    assert sorted(found) == [i for i, text in enumerate(texts) if not is_missing(text)]
    assert {texts.index(there) for there in ("!", "~", " a", "a", "가", "　가", "Ω", "\u200b")} <= set(found)
    assert len(found) == 13
