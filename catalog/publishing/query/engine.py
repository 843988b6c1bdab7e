"""DuckDB as it serves the public: one connection per process, locked in, and a deadline on every question.

It can read below one folder and nothing else: no network, no extensions, no other file, and its settings are locked.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias, TypeVar

import duckdb
import pyarrow as pa

from catalog.publishing.query.errors import QueryError
from catalog.publishing.query.files import unreadable
from catalog.publishing.query.schema import ReleaseFile

MEMORY_LIMIT = "256MB"
SPILL_LIMIT = "4GB"
MAX_RELATIONS = 16  # prepared per thread
Relation: TypeAlias = duckdb.DuckDBPyRelation
_Answer = TypeVar("_Answer")


class _Session:
    """A cursor and the relations prepared on it; used by one thread at a time."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.cursor = connection.cursor()
        self._relations: OrderedDict[tuple[str, Path], Relation] = OrderedDict()

    def relation(self, release: ReleaseFile) -> Relation:
        key = (release.sha256, release.path)
        found = self._relations.get(key)
        if found is None:
            path = str(release.path.resolve())
            found = self._relations[key] = self.cursor.read_parquet(path, file_row_number=True)
        self._relations.move_to_end(key)
        if len(self._relations) > MAX_RELATIONS:
            self._relations.popitem(last=False)
        return found


class Engine:
    """DuckDB over the files below ``root``."""

    def __init__(self, root: Path) -> None:
        self.connection = duckdb.connect(":memory:", config={"threads": "1", "memory_limit": MEMORY_LIMIT})
        settings = {
            "temp_directory": str(Path(tempfile.gettempdir()) / f"query-spill-{os.getpid()}"),
            "max_temp_directory_size": SPILL_LIMIT,
            "preserve_insertion_order": True,
            "parquet_metadata_cache": True,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "allowed_directories": [f"{root}{os.sep}"],
            "enable_external_access": False,
            "lock_configuration": True,  # last: from here on no setting can be changed
        }
        for name, value in settings.items():
            self.connection.execute(f"SET GLOBAL {name} = ?", [value])  # global: cursors do not inherit the rest
        self._threads = threading.local()

    def answer(self, release: ReleaseFile, build: Callable[[Relation], Relation], timeout_s: float) -> pa.Table:
        """Run what ``build`` makes of the file's relation, within ``timeout_s`` seconds; the whole answer at once."""
        session: _Session = getattr(self._threads, "session", None) or _Session(self.connection)
        self._threads.session = None  # given back only after a clean end: an interrupt may still be on its way
        with _errors(), deadline(session.cursor, timeout_s) as fired:
            table = build(session.relation(release)).to_arrow_table()
        if not fired.is_set():
            self._threads.session = session
        return table

    def stream(
        self, release: ReleaseFile, build: Callable[[Relation], Relation], *, batch_rows: int, timeout_s: float
    ) -> Iterator[pa.RecordBatch]:
        """The answer in batches, in bounded memory; ``timeout_s`` is for each batch: a slow reader is not cut."""
        session = _Session(self.connection)
        with _errors(), deadline(session.cursor, timeout_s):
            reader = build(session.relation(release)).to_arrow_reader(batch_rows)
        while (batch := self._next(session, reader, timeout_s)) is not None:
            yield batch

    def _next(self, session: _Session, reader: pa.RecordBatchReader, timeout_s: float) -> pa.RecordBatch | None:
        with _errors(), deadline(session.cursor, timeout_s):
            try:
                return reader.read_next_batch()
            except StopIteration:
                return None


@contextmanager
def deadline(cursor: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[threading.Event]:
    """Interrupt what runs on ``cursor`` after ``seconds``; gives the event that is set when that was done.

    It interrupts again and again until the block ends, because DuckDB forgets an interrupt that comes between two of
    the statements of one question.
    """
    done, fired = threading.Event(), threading.Event()

    def watch() -> None:
        pause = seconds
        while not done.wait(pause):
            fired.set()
            cursor.interrupt()
            pause = 0.02

    watcher = threading.Thread(target=watch, daemon=True, name="query-deadline")
    watcher.start()
    try:
        yield fired
    finally:
        done.set()


@contextmanager
def _errors() -> Iterator[None]:
    """DuckDB's errors in our words. Its own may hold values, so they are not passed on, not even as the cause."""
    try:
        yield
    except duckdb.InterruptException:
        message = "the question took too long: narrow the filter, order by less, or fetch an export"
        raise QueryError("query_timeout", message, status=503) from None
    except duckdb.OutOfMemoryException:
        message = "the question needs too much memory: narrow the filter, group by less, or fetch an export"
        raise QueryError("query_too_large", message) from None
    except (duckdb.OutOfRangeException, duckdb.ConversionException):
        raise QueryError("numeric_overflow", "a sum is too large for its type", pointer="select") from None
    except (duckdb.Error, pa.ArrowException) as error:
        if "INTERRUPT" in str(error):  # as Arrow words it, in the middle of a stream
            raise QueryError("query_timeout", "the question took too long: narrow it", status=503) from None
        raise unreadable() from None


_engines: dict[Path, Engine] = {}
_left_to_the_parent: list[dict[Path, Engine]] = []
_engines_lock = threading.Lock()


def engine_for(release: ReleaseFile) -> Engine:
    """The process's engine for the folder that the release lies in."""
    root = release.root
    found = _engines.get(root)
    if found is None:
        with _engines_lock:
            found = _engines.get(root) or _engines.setdefault(root, Engine(root))
    return found


def close_engines() -> None:
    """Forget all engines of this process; the next question opens a new one."""
    with _engines_lock:
        _engines.clear()


def _start_afresh() -> None:
    """DuckDB does not survive a fork, not even to be closed: the child leaves the parent's alone and opens its own."""
    global _engines, _engines_lock
    _left_to_the_parent.append(_engines)
    _engines, _engines_lock = {}, threading.Lock()


os.register_at_fork(after_in_child=_start_afresh)
