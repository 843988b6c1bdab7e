"""Column types: what every value of a column says, over the whole file, and the typed Parquet file.

A value is put into one *kind* by an ordered list of patterns; a type accepts a set of kinds. Both are data. Column
names in the query texts of this file are our own stand-ins (c0, c1, …), never a user's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from anonymize.errors import InputError, Problem
from anonymize.tables.limits import Limits
from anonymize.tables.shapes import shape
from anonymize.tables.staging import ROW_GROUP, Staged, quietly, write_batches

MAX_SCALE = 10  # digits behind the point that a decimal column keeps
MOSTLY = 0.995  # a column of which so many values, of at least MOSTLY_OF, have a type should have it throughout
MOSTLY_OF = 200
_SAMPLE = 2000  # rows by which a column is judged to have few distinct values
_MAX_BATCH_ROWS = 122_880
_MIN_BATCH_ROWS = 256

_INTEGER = r"-?(0|[1-9][0-9]*)"
_DATE = r"[0-9]{4}(-[0-9]{2}-[0-9]{2}|/[0-9]{2}/[0-9]{2}|\.[0-9]{2}\.[0-9]{2})"
_TIME = r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_ZONE = r" ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)"


def _iso(value: str) -> str:
    """A date or time stamp with its date part written with hyphens."""
    return rf"regexp_replace({value}, '^([0-9]{{4}})[./]([0-9]{{2}})[./]', '\1-\2-')"


# v is the trimmed text. The first condition that holds names the kind.
KINDS: tuple[tuple[str, str], ...] = (
    ("other", "NOT contains('-.0123456789tTfF', left(v, 1))"),  # most text, told at a glance
    ("integer", f"regexp_full_match(v, '{_INTEGER}') AND try_cast(v AS BIGINT) IS NOT NULL"),
    ("big", f"regexp_full_match(v, '{_INTEGER}')"),
    ("code", "regexp_full_match(v, '[0-9]+')"),  # leading zeros: a code, not a number
    ("decimal", rf"regexp_full_match(v, '-?(0|[1-9][0-9]{{0,27}})?\.[0-9]{{1,{MAX_SCALE}}}')"),
    (
        "number",
        r"regexp_full_match(v, '-?(0|[1-9][0-9]*)?(\.[0-9]+)?([eE][+-]?[0-9]+)?') AND isfinite(try_cast(v AS DOUBLE))",
    ),
    ("date", f"regexp_full_match(v, '{_DATE}') AND try_cast({_iso('v')} AS DATE) IS NOT NULL"),
    ("timestamp", f"regexp_full_match(v, '{_DATE}{_TIME}') AND try_cast({_iso('v')} AS TIMESTAMP) IS NOT NULL"),
    (
        "timestamptz",
        f"regexp_full_match(v, '{_DATE}{_TIME}{_ZONE}') AND try_cast({_iso('v')} AS TIMESTAMP WITH TIME ZONE) IS NOT NULL",
    ),
    ("boolean", "lower(v) IN ('true', 'false')"),
)

# From narrow to wide: the first that accepts every kind found is the column's type.
ACCEPTS: Mapping[str, frozenset[str]] = {
    "integer": frozenset({"integer"}),
    "decimal": frozenset({"integer", "decimal"}),
    "number": frozenset({"integer", "decimal", "number"}),
    "date": frozenset({"date"}),
    "timestamp": frozenset({"date", "timestamp"}),
    "timestamptz": frozenset({"timestamptz"}),
    "boolean": frozenset({"boolean"}),
}
# Whoever declares a type means it: leading zeros are then just zeros.
_DECLARED_TOO: Mapping[str, frozenset[str]] = {
    "integer": frozenset({"code"}),
    "decimal": frozenset({"code"}),
    "number": frozenset({"code", "big"}),
}
_DIGITS = frozenset({"integer", "big", "code"})

_WRITTEN: Mapping[str, Callable[[str], str]] = {
    "integer": lambda v: f"CAST({v} AS BIGINT)",
    "number": lambda v: f"CAST({v} AS DOUBLE)",
    "date": lambda v: f"CAST({_iso(v)} AS DATE)",
    "timestamp": lambda v: f"CAST({_iso(v)} AS TIMESTAMP)",
    "timestamptz": lambda v: f"CAST({_iso(v)} AS TIMESTAMP WITH TIME ZONE)",
    "boolean": lambda v: f"CAST(lower({v}) AS BOOLEAN)",
}


@dataclass(frozen=True, slots=True)
class Kinds:
    """How many values of a column are of each kind (nulls in none), and the most digits behind a decimal point."""

    counts: Mapping[str, int]
    scale: int

    @property
    def values(self) -> int:
        """Values that are not null."""
        return sum(self.counts.values())

    def fitting(self, accepted: frozenset[str]) -> int:
        """Values whose kind is accepted."""
        return sum(count for kind, count in self.counts.items() if kind in accepted)


@dataclass(frozen=True, slots=True)
class Choice:
    """A column's type; ``mostly`` is the type that nearly all values have when a few do not; ``note`` for a reader."""

    type: str
    mostly: str | None = None
    note: str | None = None


def choose(kinds: Kinds) -> Choice:
    """The type that the values of a column say (pure)."""
    found = {kind for kind, count in kinds.counts.items() if count}
    if not found:
        return Choice("text", note="has no values at all: kept as text")
    for name, accepted in ACCEPTS.items():
        if found <= accepted:
            return Choice(name)
    if found <= _DIGITS:
        why = "has leading zeros: kept as text, as a code" if "code" in found else "has numbers beyond 64 bits: kept as text"
        return Choice("text", note=why)
    best = max(ACCEPTS, key=lambda name: kinds.fitting(ACCEPTS[name]))
    enough = kinds.values >= MOSTLY_OF and kinds.fitting(ACCEPTS[best]) >= MOSTLY * kinds.values
    return Choice("text", mostly=best if enough else None)


def accepted_when_declared(name: str) -> frozenset[str]:
    """The kinds that a declared type takes."""
    return ACCEPTS[name] | _DECLARED_TOO.get(name, frozenset())


class TypedFile:
    """Counts kinds and writes types with a DuckDB of its own; close it, and what it spilt is gone."""

    def __init__(self, staged: Staged, scratch: Path, limits: Limits) -> None:
        self._staged = staged
        self._limits = limits
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": limits.memory,
                "temp_directory": str(scratch / "spill"),
                "temp_file_encryption": "true",
                "preserve_insertion_order": "true",
                "autoload_known_extensions": "false",
                "autoinstall_known_extensions": "false",
            },
        )
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("SET parquet_metadata_cache = true")  # the staged file is read once per column

    def close(self) -> None:
        """Let go of all memory and files."""
        self._connection.close()

    def kinds(self, column: int) -> Kinds:
        """Count the kinds of a column over the whole file; where values come often, each distinct one is looked at once."""
        values = f"SELECT c{column}, count(*) AS n FROM {self._source()} GROUP BY c{column}"  # noqa: S608
        if not self._repeat[column]:
            values = f"SELECT c{column}, 1 AS n FROM {self._source()}"  # noqa: S608
        rows = self._ask(
            f"SELECT kind, sum(n), max(CASE WHEN kind = 'decimal' THEN length(v) - position('.' IN v) ELSE 0 END) "  # noqa: S608
            f"FROM ({_kinds_of(column, values, 'n')}) WHERE v IS NOT NULL GROUP BY kind"
        )
        return Kinds({kind: int(count) for kind, count, _ in rows}, max((scale for *_, scale in rows), default=0))

    @cached_property
    def _repeat(self) -> list[bool]:
        """Whether each column's values come more than twice on average, in the first rows of a table that is worth asking."""
        if self._staged.rows < 10 * _SAMPLE:
            return [False] * len(self._staged.names)
        first = next(pq.ParquetFile(self._staged.path).iter_batches(batch_size=_SAMPLE))
        return [2 * len(column.unique()) < first.num_rows for column in first.columns]

    def misfits(self, column: int, accepted: frozenset[str]) -> tuple[list[tuple[int, str]], int]:
        """Row numbers (from 0) and shapes of the first values that are not accepted, and how many there are."""
        listed = ", ".join(f"'{kind}'" for kind in sorted(accepted))  # kinds are ours
        values = f"SELECT * FROM {self._source()}"  # noqa: S608
        wrong = f"FROM ({_kinds_of(column, values, 'file_row_number')}) WHERE v IS NOT NULL AND kind NOT IN ({listed})"
        rows = self._ask(f"SELECT file_row_number, v {wrong} ORDER BY file_row_number LIMIT {self._limits.problems}")
        total = self._ask(f"SELECT count(*) {wrong}")[0][0]
        return [(int(row), shape(value)) for row, value in rows], int(total)

    def write(self, expressions: Sequence[tuple[str, str]], target: Path) -> None:
        """Write (expression over c0…, user's name) as Parquet. The name is an alias object, never query text."""
        chosen = [duckdb.SQLExpression(text).alias(name) for text, name in expressions]
        relation = self._connection.read_parquet(str(self._staged.path)).select(*chosen)
        quietly(
            lambda: write_parquet(relation, target, self._batch_rows()),
            (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException),
            "the rows cannot be written with the types found: declare the columns as text",
        )

    def _batch_rows(self) -> int:
        """Rows of about ROW_GROUP bytes, judged by the staged file's own row groups."""
        metadata = pq.read_metadata(self._staged.path)
        size = sum(int(metadata.row_group(i).total_byte_size) for i in range(metadata.num_row_groups))
        wide = max(size // max(self._staged.rows, 1), 16 * len(self._staged.names))
        return min(max(ROW_GROUP // max(wide, 1), _MIN_BATCH_ROWS), _MAX_BATCH_ROWS)

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, [str(self._staged.path)]).fetchall()

    def _source(self) -> str:
        return "read_parquet($1, file_row_number = true)"


def _kinds_of(column: int, values: str, beside: str) -> str:
    """``values``: a query for a column of the staged file and for another one, ``beside``."""
    cases = " ".join(f"WHEN {condition} THEN '{kind}'" for kind, condition in KINDS)
    inner = f"SELECT {beside}, {_trimmed(column)} AS v FROM ({values})"  # noqa: S608
    return f"SELECT {beside}, v, CASE {cases} ELSE 'other' END AS kind FROM ({inner})"  # noqa: S608


def write_parquet(relation: duckdb.DuckDBPyRelation, target: Path, batch_rows: int) -> None:
    """Stream a relation into a Parquet file. DuckDB's own writer needs too much memory for a thousand columns."""
    reader = relation.to_arrow_reader(batch_rows)
    try:
        write_batches(target, reader.schema, reader)
    finally:
        reader.close()


def written(column: int, name: str, scale: int) -> str:
    """The expression that turns staged text into the type; text stays untouched, blank text is no number."""
    if name == "text":
        return f"CAST(c{column} AS VARCHAR)"
    value = _trimmed(column)
    return f"CAST({value} AS DECIMAL(38, {scale}))" if name == "decimal" else _WRITTEN[name](value)


def _trimmed(column: int) -> str:
    return f"nullif(trim(CAST(c{column} AS VARCHAR)), '')"


def misfit_error(staged: Staged, column: int, name: str, found: list[tuple[int, str]], total: int, declared: bool) -> InputError:
    """Values that do not fit: line, column and shape of the first, and what to do."""
    title = staged.names[column]
    lines = staged.lines([row for row, _ in found])
    message = f"not a value of type {name}"
    problems = tuple(
        Problem("misfit", message, line=line, column=title, shape=form)
        for line, (_, form) in zip(lines, found, strict=True)
    )
    why = f"is declared as {name}" if declared else f"holds values of type {name}"
    hint = "mend them, or declare the column as text"
    return InputError(
        f"column {title!r} {why}, but {total:,} values do not fit, the first at line {lines[0]:,}: {hint}", problems=problems
    )
