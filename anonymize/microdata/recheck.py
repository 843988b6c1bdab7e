"""The written file, counted again by code that shares nothing with the search.

Reads the artefact's quasi-identifiers as they were written and counts distinct persons in every class. Null is a value;
so is every spelling of one. What cannot be checked counts as failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anonymize.ahead import ahead
from anonymize.errors import PrivacyNotMet

_BLOCK = 500_000  # rows that are read at once

Integers: TypeAlias = np.ndarray[Any, np.dtype[np.integer[Any]]]


@dataclass(frozen=True, slots=True, eq=False)
class Recheck:
    """What was counted in the file: distinct persons and rows of every class, (class,)."""

    persons_of_class: Integers
    rows_of_class: Integers

    @property
    def classes(self) -> int:
        return len(self.rows_of_class)

    @property
    def smallest_class_persons(self) -> int:
        return int(self.persons_of_class.min()) if self.classes else 0

    @property
    def rows(self) -> int:
        return int(self.rows_of_class.sum())


def recheck(artefact: Path, persons: Path | None, quasi_identifiers: Sequence[str], k: int) -> Recheck:
    """Count the classes of a written Parquet file.

    ``persons``: a Parquet file of one column, the person of each row of ``artefact`` in the same order; without it every
    row is a person. Raises :class:`PrivacyNotMet` when a class has fewer than ``k`` distinct persons, when there is no
    row, and when anything of this cannot be read.
    """
    if not k >= 2:
        raise PrivacyNotMet("re-check: k must be at least 2")
    of, classes = classes_of(artefact, quasi_identifiers)
    rows = np.bincount(of, minlength=classes)
    found = Recheck(rows if persons is None else _distinct(of, classes, persons_of(persons, len(of))), rows)
    if not found.smallest_class_persons >= k:
        raise PrivacyNotMet(
            f"re-check: the file written has a class of {found.smallest_class_persons} person(s), fewer than k = {k}"
        )
    return found


def _distinct(of: Integers, classes: int, person: pd.Series[int]) -> Integers:
    """(class,) distinct persons."""
    persons = int(person.max()) + 1 if len(person) else 1
    met = pd.unique(of.astype(np.int64) * persons + person.to_numpy())
    return np.bincount(met // persons, minlength=classes)


def classes_of(artefact: Path, columns: Sequence[str]) -> tuple[Integers, int]:
    """(row,) the number of its class, and how many classes there are: rows equal in all columns as they are spelled.

    The file is read a block of rows at a time. Raises :class:`PrivacyNotMet` when it cannot be read.
    """
    known: list[dict[str, int]] = [{} for _ in columns]  # spelling → number
    places: list[Integers] = []  # (row of a block,) → class of the block
    spelled_as: list[Integers] = []  # (class of a block, column) → number of the spelling
    for numbers in ahead(_numbered(artefact, columns, known)):
        place, first = _grouped(numbers, [len(names) for names in known])
        places.append(place.astype(np.int32) + sum(map(len, spelled_as)))
        spelled_as.append(np.stack([number[first] for number in numbers], axis=1))
    if not places:
        return np.zeros(0, dtype=np.int32), 0
    together = np.concatenate(spelled_as)
    number, first = _grouped(list(together.T), [len(names) for names in known])
    return number.astype(np.int32)[np.concatenate(places)], len(first)


def _numbered(artefact: Path, columns: Sequence[str], known: Sequence[dict[str, int]]) -> Iterator[list[Integers]]:
    for block in _blocks(artefact, columns):
        yield [_spelling(column, names) for column, names in zip(block.columns, known, strict=True)]


def _blocks(artefact: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    """The columns in that order, a few row groups at a time; text as dictionaries."""
    file = _opened(artefact, columns)
    groups: list[int] = []
    rows = 0
    for group in range(file.num_row_groups):
        groups.append(group)
        rows += file.metadata.row_group(group).num_rows
        if rows >= _BLOCK or group == file.num_row_groups - 1:
            try:
                yield file.read_row_groups(groups, columns=list(columns)).select(list(columns))
            except (OSError, pa.ArrowException):
                raise PrivacyNotMet("re-check: the file written cannot be read") from None
            groups, rows = [], 0


def _spelling(column: pa.ChunkedArray, known: dict[str, int]) -> Integers:
    """(row,) a number for the value as it is spelled, the same in every block; null has one of its own."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    whole = encoded.unify_dictionaries().combine_chunks()
    values = [*map(repr, whole.dictionary.to_pylist()), "null"]  # a text has quotes in its repr
    numbers = np.array([known.setdefault(value, len(known)) for value in values], dtype=np.int32)
    place: Integers = whole.indices.fill_null(len(values) - 1).to_numpy(zero_copy_only=False)
    return np.asarray(numbers[place])


def _grouped(numbers: Sequence[Integers], sizes: Sequence[int]) -> tuple[Integers, Integers]:
    """(row,) the number of each distinct row, in the order of appearance, and (distinct row,) where it stands first."""
    key, room = np.zeros(len(numbers[0]), dtype=np.int64), 1
    for number, size in zip(numbers, sizes, strict=True):
        if room * size >= 1 << 62:
            key, found = pd.factorize(key)
            room = len(found)
        key, room = key * size + number, room * size
    place, found = pd.factorize(key)
    first = np.zeros(len(found), dtype=np.int64)
    first[place[::-1]] = np.arange(len(place))[::-1]
    return place, first


def _opened(artefact: Path, columns: Sequence[str]) -> pq.ParquetFile:
    try:
        schema = pq.read_schema(artefact)
        texts = [field.name for field in schema if pa.types.is_string(field.type)]
        file = pq.ParquetFile(artefact, read_dictionary=texts)
    except (OSError, pa.ArrowException):
        raise PrivacyNotMet("re-check: the file written cannot be read") from None
    if not columns or any(column not in schema.names for column in columns):
        raise PrivacyNotMet("re-check: the file written lacks a quasi-identifier")
    return file


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
