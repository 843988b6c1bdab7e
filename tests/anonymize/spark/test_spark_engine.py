"""What is Spark's own: exact where one query shows it, silent about values and secrets, and clear when it is not there."""

from __future__ import annotations

import hashlib
import importlib.util
import random
from decimal import Decimal

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize import randomness
from anonymize.errors import AnonymizeError, InputError
from anonymize.tables import DuckEngine, PandasEngine, spark_session
from tests.needs import PYSPARK

SECRET = bytes(range(16))


@pytest.fixture
def known_salt(monkeypatch):
    monkeypatch.setattr(randomness, "_source", lambda n: SECRET[:n])


def _typed(values, kind):
    return pd.DataFrame({"i": range(len(values)), "x": pd.array(values, dtype=pd.ArrowDtype(kind))})


# --- exact -------------------------------------------------------------------------------------------------------


def test_the_random_order_is_sha_256_of_the_salt_and_the_values(engine, known_salt):
    rows = pd.DataFrame({"a": ["1", "가:", None], "n": pd.array([23, -1, None], dtype="int64[pyarrow]")})
    found = engine.collect(engine.with_random_order(engine.from_pandas(rows), "o", ["a", "n"]))
    texts = {"1": "1:12:23", "가:": "2:가:2:-1", None: "--"}
    for a, number in zip(found["a"].astype(object), found["o"], strict=True):
        digest = hashlib.sha256((SECRET.hex() + texts[None if pd.isna(a) else a]).encode()).hexdigest()
        assert number == int(digest[:15], 16)


def test_the_scattered_order_is_even_and_tells_a_value_from_none(engine):
    rows = pd.DataFrame({"a": [None, "x", *map(str, range(4000))], "b": ["x", None, *["y"] * 4000]})
    numbers = engine.collect(engine.with_scattered_order(engine.from_pandas(rows), "o", ["a", "b"]))["o"]
    assert numbers.nunique() == len(rows) and numbers.min() >= 0 and numbers.max() < 2**60
    digits = (numbers.to_numpy(dtype="int64") >> 56).tolist()
    expected = len(rows) / 16
    assert sum((digits.count(digit) - expected) ** 2 / expected for digit in range(16)) < 70  # 15 degrees: chance 10^-8


@pytest.mark.parametrize(("unit", "lower", "upper"), [("0.000003", -10, 10**8), ("7", -5, 40), ("0.25", 3, 10**9)])
def test_whole_units_are_those_of_pandas(engine, unit, lower, upper):
    draw = random.Random(7)
    texts = [f"{draw.choice(['', '-'])}{draw.randrange(10 ** draw.randrange(1, 10))}.{draw.randrange(10**6):06}" for _ in range(400)]
    for values, kind in (([Decimal(t) for t in texts], pa.decimal128(18, 6)), ([float(t) for t in texts], pa.float64())):
        units = []
        for one in (engine, PandasEngine()):
            framed = one.with_whole_units(one.from_pandas(_typed(values, kind)), "x", "u", lower=lower, upper=upper, unit=Decimal(unit))
            units.append(one.collect(framed).sort_values("i")["u"].tolist())
        assert units[0] == units[1]


def test_numbers_that_spark_has_no_type_for_become_wider(engine):
    rows = pd.DataFrame({"a": pd.array([255], dtype="uint8[pyarrow]"), "b": pd.array([2**64 - 1], dtype="uint64[pyarrow]"), "c": [None]})
    found = engine.collect(engine.from_pandas(rows.astype({"c": pd.ArrowDtype(pa.null())})))
    assert [str(kind) for kind in found.dtypes] == ["int16[pyarrow]", "decimal128(20, 0)[pyarrow]", "int32[pyarrow]"]
    assert found.iloc[0].tolist()[:2] == [255, 2**64 - 1]


def test_an_overflow_is_an_error_and_no_wrapped_number(engine):
    frame = engine.from_pandas(pd.DataFrame({"n": [2**62, 2**62]}))
    with pytest.raises(AnonymizeError, match="could not finish"):
        engine.collect(frame.select(nw.col("n").sum()))


# --- what is kept ------------------------------------------------------------------------------------------------


def test_what_is_persisted_lies_in_the_folder_given_and_goes_when_it_is_forgotten(engine, tmp_path):
    kept = engine.persist(engine.from_pandas(pd.DataFrame({"n": range(10)})))
    numbered = engine.with_row_number(kept, "row")
    assert len(list(tmp_path.glob("spark-*/*/part-*"))) >= 2
    engine.forget(numbered)
    engine.forget(kept)
    engine.forget(kept.filter(nw.col("n") > 3))  # nothing of its own is kept
    assert not list(tmp_path.glob("spark-*/*/part-*"))
    engine.close()
    engine.close()
    assert not list(tmp_path.iterdir())


def test_rows_are_numbered_over_all_parts_of_a_frame(engine):
    frame = engine.from_pandas(pd.DataFrame({"n": range(1000)}))
    many = nw.from_native(frame.to_native().repartition(7)).lazy()
    assert sorted(engine.collect(engine.with_row_number(many, "row"))["row"]) == list(range(1, 1001))


# --- silent ------------------------------------------------------------------------------------------------------


def test_no_plan_shows_the_salt_or_a_value(engine, known_salt, capfd):
    frame = engine.from_pandas(pd.DataFrame({"t": ["a person"], "n": [1]}))
    ordered = engine.with_scattered_order(engine.with_random_order(frame, "o", ["t"]), "s", ["n"])
    chosen = ordered.filter(nw.col("t") == "a person").to_native()
    chosen.explain(True)
    plans = capfd.readouterr().out + str(chosen._jdf.queryExecution().toString())
    nodes = str(ordered.to_native()._jdf.queryExecution().executedPlan().toString())  # an event log has this one unredacted
    assert SECRET.hex() not in plans + nodes and "a person" not in plans + nodes


def test_a_failure_inside_spark_tells_its_kind_and_no_value(engine, capfd):
    texts = engine.from_pandas(pd.DataFrame({"t": ["1", "secret-value"]}))
    broken = texts.select(nw.col("t").cast(nw.Int64())).filter(nw.col("t") > 0)
    for ask in (engine.collect, engine.persist, engine.rows, lambda frame: list(engine.batches(frame, 10))):
        with pytest.raises(AnonymizeError, match="NumberFormatException") as caught:
            ask(broken)
        assert "secret" not in caught.value.message and caught.value.who == "us"
        assert caught.value.__suppress_context__
    assert "secret" not in "".join(capfd.readouterr())


def test_a_callers_session_keeps_its_own_settings(spark, engine):
    spark.conf.set("spark.sql.session.timeZone", "Asia/Seoul")
    rows = engine.from_pandas(_typed([1_700_000_000_000_000], pa.timestamp("us", tz="UTC")))
    found = engine.collect(engine.with_time_bucket(rows, "x", "h", bucket="hour_of_day", time_zone="UTC"))
    assert found["h"].tolist() == [22]
    assert spark.conf.get("spark.sql.session.timeZone") == "Asia/Seoul"


# --- refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.b", "a`b"])
def test_a_name_that_spark_would_read_as_a_path_is_refused(engine, tmp_path, name):
    rows = pd.DataFrame({name: [1]})
    pq.write_table(pa.Table.from_pandas(rows), tmp_path / "t.parquet")
    for read in (lambda: engine.from_pandas(rows), lambda: engine.scan_parquet(tmp_path / "t.parquet")):
        with pytest.raises(InputError, match="dot or a backquote"):
            read()


@pytest.mark.parametrize("name", ["_hidden.parquet", ".dot.parquet", "a:b {c,d}*?.parquet"])
def test_a_file_is_read_whatever_its_name(engine, tmp_path, name):
    pq.write_table(pa.table({"n": [1, 2, 3]}), tmp_path / name)
    assert engine.rows(engine.scan_parquet(tmp_path / name)) == 3


def test_a_frame_of_another_engine_is_refused(engine):
    with DuckEngine() as duck, pytest.raises(TypeError, match="another table engine"):
        engine.rows(duck.from_pandas(pd.DataFrame({"a": [1]})))


def test_without_pyspark_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AnonymizeError, match=r"opendata\[spark\]") as caught:
        spark_session.session()
    assert caught.value.who == "us"


def test_without_java_the_error_says_what_to_install(monkeypatch, tmp_path):
    if spark_session.missing() == spark_session.NO_PYSPARK:
        PYSPARK.missing()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(AnonymizeError, match="Java 17"):
        spark_session.session()


@pytest.mark.parametrize("master", ["foo", "local[x]", "Local"])
def test_a_master_that_is_none_is_refused_before_spark_prints_its_stack(master):
    with pytest.raises(AnonymizeError, match="is that master right"):
        spark_session._started(None, master, {})
