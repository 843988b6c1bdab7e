"""The written file, counted again by code that shares nothing with the search.

Reads the artefact's quasi-identifiers as they were written and counts distinct persons in every class. Null is a value;
so is every spelling of one. What cannot be checked counts as failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anonymize.errors import PrivacyNotMet


@dataclass(frozen=True, slots=True)
class Recheck:
    """What was counted in the file."""

    classes: int
    smallest_class_persons: int
    rows: int


def recheck(artefact: Path, persons: Path | None, quasi_identifiers: Sequence[str], k: int) -> Recheck:
    """Count the classes of a written Parquet file.

    ``persons``: a Parquet file of one column, the person of each row of ``artefact`` in the same order; without it every
    row is a person. Raises :class:`PrivacyNotMet` when a class has fewer than ``k`` distinct persons, when there is no
    row, and when anything of this cannot be read.
    """
    if not k >= 2:
        raise PrivacyNotMet("re-check: k must be at least 2")
    table = columns_of(artefact, quasi_identifiers)
    person = persons_of(persons, table.num_rows)
    classes = pd.DataFrame({str(i): coded(table.column(i)) for i in range(table.num_columns)})
    sizes = person.groupby([classes[name] for name in classes.columns], sort=False).nunique()
    smallest = int(sizes.min()) if len(sizes) else 0
    if not smallest >= k:
        raise PrivacyNotMet(f"re-check: the file written has a class of {smallest} person(s), fewer than k = {k}")
    return Recheck(len(sizes), smallest, table.num_rows)


def columns_of(artefact: Path, columns: Sequence[str]) -> pa.Table:
    """Some columns of the written file, in that order. Raises :class:`PrivacyNotMet` when they cannot be read."""
    try:
        file = pq.ParquetFile(artefact)
        missing = [column for column in columns if column not in file.schema_arrow.names]
        table = None if missing else file.read(columns=list(columns)).select(list(columns))
    except (OSError, pa.ArrowException):
        raise PrivacyNotMet("re-check: the file written cannot be read") from None
    if table is None or not columns:
        raise PrivacyNotMet("re-check: the file written lacks a quasi-identifier")
    return table


def coded(column: pa.ChunkedArray) -> pd.Series[int]:
    """A number for every distinct value as it is spelled; null has one of its own."""
    encoded = column.dictionary_encode(null_encoding="encode").combine_chunks()
    return pd.Series(encoded.indices.to_numpy(zero_copy_only=False))


def persons_of(persons: Path | None, rows: int) -> pd.Series[int]:
    """(row,) a number for the person whose row it is. Raises :class:`PrivacyNotMet` when that is not known of every row."""
    if persons is None:
        return pd.Series(range(rows))
    try:
        column = pq.ParquetFile(persons).read().column(0)
    except (OSError, IndexError, pa.ArrowException):
        raise PrivacyNotMet("re-check: the list of persons cannot be read") from None
    if len(column) != rows or column.null_count:
        raise PrivacyNotMet("re-check: the list of persons does not match the rows of the file")
    return coded(column)


def spelled(value: Any) -> Any:
    """A value as something that can be looked up and is equal to itself; null is None, -0.0 is 0.0."""
    if value is None or value is pd.NA or value is pd.NaT or value != value:  # NaN alone
        return None
    return value + 0.0 if isinstance(value, float) else value
