"""The published columns of a release: all that a question may name."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

ColumnType = Literal["integer", "decimal", "number", "text", "boolean", "date", "timestamp", "timestamptz"]
NUMERIC: frozenset[str] = frozenset({"integer", "decimal", "number"})
NOT_ADDED = frozenset({"mean", "variance", "quantile", "median"})  # measures whose cells cannot be added up
ROW_NUMBER = "file_row_number"  # the name DuckDB gives a Parquet row's place; compared without regard to case


class SchemaError(ValueError):
    """A release's schema that cannot be served; the publisher must refuse it."""


@dataclass(frozen=True, slots=True)
class ReleaseColumn:
    """One published column. ``lower`` and ``upper`` name the columns that hold its 95 % interval, if it is noisy.

    ``kind``: what a measure is. Cells of means, variances and quantiles cannot be added up or averaged.
    ``level``: it says how coarse a row is, in a table that holds totals beside its cells.
    """

    name: str
    type: ColumnType
    measure: bool = False
    lower: str | None = None
    upper: str | None = None
    title: str = ""
    kind: str = ""
    level: bool = False

    def __post_init__(self) -> None:
        if not self.name:
            raise SchemaError("a column has no name")
        if self.type not in get_args(ColumnType):
            raise SchemaError(f"column {self.name!r} has an unknown type")
        if (self.lower is None) != (self.upper is None):
            raise SchemaError(f"column {self.name!r} names one end of its interval without the other")

    @property
    def numeric(self) -> bool:
        return self.type in NUMERIC

    @property
    def additive(self) -> bool:
        return self.kind not in NOT_ADDED

    @property
    def noisy(self) -> bool:
        return self.lower is not None


class ReleaseSchema:
    """The columns in file order, found by name. Immutable; equal when the columns are."""

    __slots__ = ("_by_name", "columns")

    def __init__(self, columns: tuple[ReleaseColumn, ...]) -> None:
        if not columns:
            raise SchemaError("a release has at least one column")
        self.columns = tuple(columns)
        self._by_name = {column.name: column for column in self.columns}
        if len(self._by_name) != len(self.columns):
            raise SchemaError("two columns have the same name")
        for column in self.columns:
            self._check(column)

    def _check(self, column: ReleaseColumn) -> None:
        if column.name.casefold() == ROW_NUMBER:
            raise SchemaError(f"a published column cannot be called {ROW_NUMBER}: rename it in the recipe")
        for end in (column.lower, column.upper):
            if end is None:
                continue
            known = self._by_name.get(end)
            if known is None or not known.numeric or not column.numeric:
                raise SchemaError(f"the interval of {column.name!r} names {end!r}, which is no numeric column")

    @property
    def levels(self) -> tuple[ReleaseColumn, ...]:
        """The columns that tell rows of different coarseness apart."""
        return tuple(column for column in self.columns if column.level)

    def get(self, name: str) -> ReleaseColumn | None:
        return self._by_name.get(name)

    def __getitem__(self, name: str) -> ReleaseColumn:
        return self._by_name[name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ReleaseSchema) and self.columns == other.columns

    def __hash__(self) -> int:
        return hash(self.columns)

    def near(self, name: str) -> str | None:
        """The names most like ``name``, joined for a hint; null when none is near."""
        return near(name, [column.name for column in self.columns])


def near(name: str, names: list[str]) -> str | None:
    """Up to three of ``names`` that look like ``name``, nearest first."""
    folded = {known.casefold(): known for known in names}
    found = difflib.get_close_matches(name.casefold()[:200], list(folded), n=3, cutoff=0.6)
    return ", ".join(folded[key] for key in found) or None


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A published Parquet file: where it lies, which bytes it has, what it holds.

    ``store`` is the folder below which the query engine may read at all (by default the file's own folder).
    """

    path: Path
    sha256: str
    schema: ReleaseSchema
    store: Path | None = None

    @property
    def root(self) -> Path:
        return (self.store or self.path.parent).resolve()
