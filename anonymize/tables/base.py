"""What the engine asks of the place where rows live. Only the adapters beside this file know which one it is.

Frames are narwhals ``LazyFrame``\\ s: relational work is written once, as narwhals expressions. Column names are a
user's and are only ever used through expression objects, never pasted into a query text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

import narwhals as nw

from anonymize.errors import InputError
from anonymize.recipe import Bucket

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Frame: TypeAlias = nw.LazyFrame[Any]

ORDER_BITS = 60  # of the SHA-256 in a random order: fits an int64, ties among 10^6 rows have a chance of 4·10^-7
SALT_BYTES = 16
PLACES = 9  # decimal places that whole units are computed from
NO_PARQUET = "there is no readable Parquet file at the place given"


class TableEngine(Protocol):
    """Holds tables and runs narwhals expressions on them.

    Collected frames have pandas' Arrow dtypes (``int64[pyarrow]``, ``decimal128…``): nulls are ``NA`` in every type,
    and integers and decimals stay exact. Row order carries no meaning except after an explicit sort.
    """

    library: str
    """The name under which what it computes with was installed; reports give the version."""
    failures: tuple[type[Exception], ...]
    """What its frames raise of their own, also while expressions are put together; such an error's text may quote a value."""

    def scan_parquet(self, path: Path) -> Frame:
        """The rows of a Parquet file; nothing is read yet. Raises InputError when there is no such readable file."""
        ...

    def from_pandas(self, frame: pd.DataFrame) -> Frame:
        """The rows of a DataFrame, its index left out; NaN in a float column becomes null."""
        ...

    def persist(self, frame: Frame) -> Frame:
        """Compute once and keep, so that what was chosen at random is not chosen again on the next reading.

        Does not keep row order.
        """
        ...

    def with_row_number(self, frame: Frame, name: str) -> Frame:
        """Add an int64 column ``name`` that numbers the rows, each once. Persisted: the numbers stay."""
        ...

    def with_random_order(self, frame: Frame, name: str, by: Sequence[str]) -> Frame:
        """Add an int64 column ``name`` in [0, 2^60): a keyed hash of the columns ``by``, for choosing at random.

        SHA-256 of a fresh secret 128-bit salt and an unambiguous encoding of the values: equal ``by``, equal number
        within one call; two calls have nothing to do with each other. Whoever lacks the salt cannot tell the order
        from a uniformly random one.
        """
        ...

    def with_scattered_order(self, frame: Frame, name: str, by: Sequence[str]) -> Frame:
        """The same without cryptography, and much quicker: for choosing among what is never seen.

        Also keyed with a fresh secret, and as even, but whoever saw many numbers beside their values could find out more.
        Contribution bounding chooses by it: which rows it chose shows only through the noise, and its proof needs no
        more than that a person's choice depends on that person alone.
        """
        ...

    def forget(self, frame: Frame) -> None:
        """Let go of what ``persist`` kept; the frame, and what was made of it, cannot be read any more."""
        ...

    def part(self, frame: Frame, column: str, part: int, parts: int) -> Frame:
        """The rows whose ``column`` hashes to ``part`` of 0 … ``parts`` - 1: equal values always lie together."""
        ...

    def in_parts(self, frame: Frame, column: str, parts: int) -> Iterator[Frame]:
        """All parts, one after the other; many of them without reading the whole frame for each.

        A part can be read until the next one is asked for.
        """
        ...

    def smallest_of_each(self, frame: Frame, order: str, n: int, by: Sequence[str]) -> Frame:
        """Among the rows that agree in ``by``, which holds no nulls, the ``n`` whose int64 ``order`` is smallest.

        Never more than ``n``; where rows tie for the last place, fewer. The frame may be read twice: ``persist`` what is
        costly, or chosen at random.
        """
        ...

    def with_time_bucket(self, frame: Frame, column: str, name: str, *, bucket: Bucket, time_zone: str) -> Frame:
        """Add ``name``: the bucket of local time that a date or timestamp falls in; null stays null.

        A timestamp with a zone is converted to ``time_zone`` (IANA); one without, and a date, are local already.
        Types: hour → timestamp without zone; day, week (its Monday), month, quarter, year → date, the first day;
        hour_of_day (0-23) and day_of_week (1 Monday - 7 Sunday, ISO 8601) → int64.
        """
        ...

    def with_microseconds(self, frame: Frame, column: str, name: str) -> Frame:
        """Add int64 ``name``: a date or timestamp in microseconds since 1970-01-01 00:00, of UTC where it has a zone and of
        its own clock where it has none; null stays null."""
        ...

    def with_moment(self, frame: Frame, column: str, name: str, *, like: str) -> Frame:
        """Add ``name``: what ``with_microseconds`` made int64 ``column`` of, in the type of the column ``like``.

        A date is the day that the moment lies in. Null stays null. ``column`` counts moments of the years 1 to 9999.
        """
        ...

    def with_whole_units(
        self, frame: Frame, column: str, name: str, *, lower: int, upper: int, unit: Decimal
    ) -> Frame:
        """Add int64 ``name``: a numeric column counted in ``unit``, rounded half to even, within [lower, upper].

        ``lower`` and ``upper`` count units; together with ``unit`` they stay within ±10^15, ``unit`` has at most nine
        decimal places (:data:`PLACES`). Exact for integers and decimals of up to nine places; a float is taken for
        the shortest decimal that names it. Null, NaN and infinities give null.
        """
        ...

    def widened(self, frame: Frame, columns: Sequence[str]) -> Frame:
        """The int64 columns in a type whose sums do not overflow. A sum cast back to int64 that does not fit is an error."""
        ...

    def collect(self, frame: Frame) -> pd.DataFrame:
        """All rows, in memory; in the frame's order when it ends in a sort."""
        ...

    def rows(self, frame: Frame) -> int:
        """The exact number of rows."""
        ...

    def schema(self, frame: Frame) -> pa.Schema:
        """Arrow schema of the frame, also when it has no rows."""
        ...

    def batches(self, frame: Frame, size: int) -> Iterator[pa.RecordBatch]:
        """The rows in frame order, at most ``size`` at a time, in bounded memory.

        Exhaust or close the iterator before asking the same engine anything else.
        """
        ...

    def close(self) -> None:
        """Let go of all tables. May be called twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def ranked(frame: Frame, order: str, n: int, by: Sequence[str]) -> Frame:
    """``smallest_of_each`` for any engine: every row is sorted."""
    return frame.filter(nw.col(order).rank("ordinal").over(*by) <= n)


def distinct(frame: Frame) -> Frame:
    """The rows, each once. narwhals' own ``unique`` has DuckDB number the rows of every value: ten times slower."""
    names = frame.collect_schema().names()
    rows = "rows".ljust(max(map(len, names)) + 1, "_")  # longer than any of them
    return frame.group_by(*names).agg(nw.len().alias(rows)).select(*names)


def refuse_taken(frame: Frame, name: str) -> None:
    """A new column may not shadow one of the user's; names that differ only in case are one name to DuckDB."""
    if name.casefold() in {column.casefold() for column in frame.collect_schema().names()}:
        raise InputError(f"the table already has a column {name!r}, a name that the engine needs: rename it")


def refuse_lookalikes(names: Sequence[str]) -> None:
    """Raise when two columns have the same name but for case: no engine here could tell them apart reliably."""
    if len({name.casefold() for name in names}) != len(names):
        raise InputError("two columns have the same name, or differ only in upper and lower case: rename one")
