"""The engine that strangers question: locked in, on a deadline, safe in threads and forks; and the caches beside it."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from duckdb import ColumnExpression, FunctionExpression

from catalog.publishing.query import (
    QueryError,
    RecordsQuery,
    ReleaseColumn,
    ReleaseFile,
    export,
    files,
    forget,
    records,
)
from catalog.publishing.query import engine as module
from catalog.publishing.query.engine import Engine, engine_for
from tests.publishing.query.conftest import SECRET, write_release


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Enough rows that a sort takes many milliseconds."""
    draw = np.random.default_rng(1)
    table = pa.table(
        {"n": draw.integers(0, 2**40, 600_000), "s": np.char.mod("%09d", draw.integers(0, 10**9, 600_000))}
    )
    columns = (ReleaseColumn("n", "integer"), ReleaseColumn("s", "text"))
    return write_release(tmp_path_factory.mktemp("large") / "data.parquet", table, columns)


# --- the lock -------------------------------------------------------------------------------------------------------


def test_the_engine_reads_nothing_outside_its_folder(release, tmp_path):
    outside = tmp_path / "outside.parquet"
    outside.write_bytes(release.path.read_bytes())
    engine = Engine(release.root)
    with pytest.raises(duckdb.PermissionException):
        engine.connection.cursor().read_parquet(str(outside))
    with pytest.raises(duckdb.PermissionException):
        engine.connection.execute("COPY (SELECT 1) TO ?", [str(tmp_path / "stolen.csv")])
    with pytest.raises(duckdb.Error):
        engine.connection.execute("INSTALL httpfs")


def test_a_sibling_folder_with_the_same_beginning_is_outside(release, tmp_path):
    root, sibling = tmp_path / "store", tmp_path / "store2"
    root.mkdir()
    sibling.mkdir()
    (sibling / "data.parquet").write_bytes(release.path.read_bytes())
    with pytest.raises(duckdb.PermissionException):
        Engine(root).connection.cursor().read_parquet(str(sibling / "data.parquet"))


def test_the_settings_that_safety_depends_on_are_set_and_locked(release):
    connection = Engine(release.root).connection.cursor()  # as questions use it: a cursor has settings of its own
    expected = {
        "enable_external_access": "false",
        "lock_configuration": "true",
        "autoload_known_extensions": "false",
        "autoinstall_known_extensions": "false",
        "python_enable_replacements": "false",
        "preserve_insertion_order": "true",
        "parquet_metadata_cache": "true",
        "threads": "1",
    }
    for name, value in expected.items():
        found = connection.execute("SELECT value FROM duckdb_settings() WHERE name = ?", [name]).fetchone()
        assert found == (value,), name
    with pytest.raises(duckdb.InvalidInputException, match="locked"):
        connection.execute("SET enable_external_access = true")


# --- the deadline ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.005])
def test_a_question_that_takes_too_long_is_stopped(large, seconds):
    with pytest.raises(QueryError) as caught:
        records(large, RecordsQuery(order_by="s, n", offset=599_000), secret=SECRET, timeout_s=seconds)
    assert (caught.value.code, caught.value.status) == ("query_timeout", 503)


def test_after_a_stopped_question_the_next_one_is_answered(large):
    for _ in range(3):
        with pytest.raises(QueryError):
            records(large, RecordsQuery(order_by="s", offset=599_000), secret=SECRET, timeout_s=0.001)
        assert records(large, RecordsQuery(where="n >= 0", limit=1), secret=SECRET).rows


def test_an_export_that_stalls_in_the_engine_is_stopped(large):
    with pytest.raises(QueryError) as caught:
        list(export(large, "csv", RecordsQuery(order_by="s, n"), batch_timeout_s=0.001))
    assert caught.value.code == "query_timeout"


def test_a_slow_reader_of_an_export_is_not_stopped(large, monkeypatch):
    """However long a reader holds a piece: each batch has a deadline of its own, and none runs meanwhile."""
    running, over = [], []
    right = module.deadline

    @contextmanager
    def watched(cursor, seconds):
        running.append(seconds)
        with right(cursor, seconds) as fired:
            yield fired
        over.append(running.pop())

    monkeypatch.setattr(module, "deadline", watched)
    lines = 0
    for piece in export(large, "csv", RecordsQuery(where="n >= 0"), batch_timeout_s=600):
        assert running == []
        lines += piece.count(b"\r\n")
    assert lines > 500_000 and len(over) > 2 and set(over) == {600}


def test_no_watcher_outlives_its_question(large):
    records(large, RecordsQuery(where="n = 1"), secret=SECRET)
    until = time.monotonic() + 300
    while (alive := [t for t in threading.enumerate() if t.name == "query-deadline"]) and time.monotonic() < until:
        time.sleep(0.01)
    assert not alive


def test_what_the_engine_says_about_a_value_is_not_passed_on(release):
    def build(relation):
        return relation.project(FunctionExpression("error", ColumnExpression("구")))

    with pytest.raises(QueryError) as caught:
        engine_for(release).answer(release, build, 5)
    assert (caught.value.code, caught.value.__cause__) == ("release_unreadable", None)
    assert "강" not in caught.value.message


def test_rows_out_of_file_order_are_refused_rather_than_paged_wrongly(release, monkeypatch):
    answer = Engine.answer
    monkeypatch.setattr(Engine, "answer", lambda *args: answer(*args).take(pa.array([1, 0])))
    with pytest.raises(QueryError) as caught:
        records(release, RecordsQuery(where="id >= 0"), secret=SECRET)
    assert caught.value.code == "release_unreadable"


# --- many at once ---------------------------------------------------------------------------------------------------


def test_twenty_threads_get_the_answers_that_one_gets(release):
    questions = [RecordsQuery(where=f"N = {i % 3}", order_by="구", offset=i, limit=30) for i in range(20)]
    questions += [RecordsQuery(offset=i * 13, limit=40) for i in range(20)]
    alone = [records(release, question, secret=SECRET).rows for question in questions]
    with ThreadPoolExecutor(20) as pool:
        together = list(pool.map(lambda question: records(release, question, secret=SECRET).rows, questions))
    assert together == alone


def test_a_forked_worker_opens_its_own_engine(release):
    records(release, RecordsQuery(where="n = 1"), secret=SECRET)
    child = os.fork()
    if child == 0:
        try:
            found = records(release, RecordsQuery(where="id = 7"), secret=SECRET).rows
            plain = records(release, RecordsQuery(offset=7, limit=1), secret=SECRET).rows
            os._exit(0 if found == plain and found[0]["id"] == 7 else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# --- files ----------------------------------------------------------------------------------------------------------


def test_decoded_columns_are_kept_within_a_bound_of_bytes(release, monkeypatch):
    monkeypatch.setattr(files, "_columns", files._Columns(4_000))
    for offset in range(0, 400, 50):
        records(release, RecordsQuery(offset=offset, limit=50), secret=SECRET)
        kept = files._columns
        assert kept.bytes <= 4_000
        assert kept.bytes == sum(array.nbytes for array in kept._kept.values())
    assert kept.bytes > 0


def test_only_the_columns_asked_for_are_decoded(release, fresh_caches):
    records(release, RecordsQuery(select="id, flag", limit=5), secret=SECRET)
    assert {name for _, _, name in files._columns._kept} == {"id", "flag"}


def test_a_page_across_row_groups_is_read_whole(release):
    found = records(release, RecordsQuery(offset=60, limit=140), secret=SECRET).rows
    assert [row["id"] for row in found] == list(range(60, 200))


def test_a_withdrawn_file_can_be_forgotten(release, fresh_caches):
    records(release, RecordsQuery(), secret=SECRET)
    assert files._columns.bytes > 0
    forget(release.sha256)
    assert (files._columns.bytes, len(files._columns._kept), len(files._files._open)) == (0, 0, 0)


def test_no_more_than_a_few_files_are_held_open(release, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_files", files._Files(3))
    for i in range(6):
        other = ReleaseFile(release.path, str(i) * 64, release.schema)
        records(other, RecordsQuery(limit=1), secret=SECRET)
    assert len(files._files._open) == 3


@pytest.mark.parametrize("question", [{}, {"where": "id = 1"}, {"count": True}])
def test_a_file_that_is_gone_or_broken_is_our_fault(release, tmp_path, question):
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(release.path.read_bytes()[:-100])
    for path in (broken, tmp_path / "gone.parquet"):
        with pytest.raises(QueryError) as caught:
            records(ReleaseFile(path, "f" * 64, release.schema), RecordsQuery(**question), secret=SECRET)
        assert (caught.value.code, caught.value.status, caught.value.who) == ("release_unreadable", 503, "us")
        assert str(tmp_path) not in caught.value.message


def test_a_file_that_does_not_fit_its_schema_is_not_served(tmp_path):
    wrong = write_release(tmp_path / "a.parquet", pa.table({"n": ["text"]}), (ReleaseColumn("n", "integer"),))
    missing = write_release(tmp_path / "b.parquet", pa.table({"m": [1]}), (ReleaseColumn("n", "integer"),))
    for release in (wrong, missing):
        with pytest.raises(QueryError) as caught:
            records(release, RecordsQuery(), secret=SECRET)
        assert caught.value.code == "release_unreadable"


def test_columns_of_the_file_that_the_schema_does_not_name_stay_unseen(tmp_path):
    table = pa.table({"secret": [1], "n": [2]})
    release = write_release(tmp_path / "a.parquet", table, (ReleaseColumn("n", "integer"),))
    assert records(release, RecordsQuery(), secret=SECRET).rows == [{"n": 2}]
    with pytest.raises(QueryError):
        records(release, RecordsQuery(where="secret = 1"), secret=SECRET)
