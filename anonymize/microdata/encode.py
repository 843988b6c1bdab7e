"""Values of quasi-identifiers as codes: read with their combinations in one pass, and given to rows in the table engine.

A small dictionary a column joins values with whole-number codes; joins on values never meet a null (null has a code
of its own), and class keys are whole numbers, so that null cannot act as a wildcard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from anonymize.columns import hierarchies
from anonymize.columns.hierarchies import Ladder
from anonymize.microdata.lattice import CodedLadder, Integers, code
from anonymize.recipe import DRAWN_FROM_DATA, Hierarchy
from anonymize.tables.base import Frame, TableEngine, distinct

_BATCH = 250_000


class Names:
    """Names for our own columns, none of which any column of the user starts with."""

    def __init__(self, taken: Sequence[str]) -> None:
        self.prefix = "q_"
        while any(name.casefold().startswith(self.prefix) for name in taken):
            self.prefix = "q" + self.prefix

    def of(self, what: str, number: int = 0) -> str:
        return f"{self.prefix}{what}_{number}"


def one_zero(frame: Frame, columns: Sequence[str]) -> Frame:
    """-0.0 becomes 0.0: equal for grouping, yet they would be told apart in the published file."""
    schema = frame.collect_schema()
    floats = [column for column in columns if schema[column].is_float()]
    return frame.with_columns(*(nw.col(column) + 0.0 for column in floats)) if floats else frame


# --- what is there ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Values:
    """The distinct values of a column, null last, where there is one; the place of a value is its code.

    ``known``: all but null, in the column's own type, in the order of their texts: the same input gives the same codes,
    whatever order an engine lists values in.
    """

    column: str
    known: pa.Array
    has_null: bool

    @property
    def listed(self) -> list[Any]:
        return [*self.known.to_pylist(), *([None] if self.has_null else [])]


@dataclass(frozen=True)
class Leaves:
    """The distinct combinations of some columns. ``codes``: (combination, column); ``rows``: (combination,)."""

    values: tuple[Values, ...]
    codes: Integers
    rows: Integers


def leaves(engine: TableEngine, frame: Frame, columns: Sequence[str], names: Names) -> Leaves:
    """Read the combinations of ``columns`` in one pass over the rows; their values come as codes, a batch at a time."""
    rows = names.of("rows")
    grouped = frame.group_by(*columns).agg(nw.len().alias(rows))
    nothing = pa.table({field.name: pa.array([], field.type) for field in engine.schema(grouped)})
    parts = [_coded(nothing, columns), *(_coded(pa.table(batch), columns) for batch in engine.batches(grouped, _BATCH))]
    table = pa.concat_tables(parts).unify_dictionaries().combine_chunks()
    values, codes = zip(*(_in_order(column, table.column(column).combine_chunks()) for column in columns), strict=True)
    return Leaves(values, np.stack(codes).T, table.column(rows).to_numpy().astype(np.int64))


def _coded(part: pa.Table, columns: Sequence[str]) -> pa.Table:
    return pa.table({name: c.dictionary_encode() if name in columns else c for name, c in zip(part.column_names, part.columns, strict=True)})


def _in_order(column: str, found: pa.DictionaryArray) -> tuple[Values, Integers]:
    """The values of a column, and the code of each entry."""
    listed = found.dictionary.to_pylist()
    order = sorted(range(len(listed)), key=lambda i: hierarchies.as_text(listed[i]))
    place = np.empty(len(listed) + 1, dtype=np.int32)
    place[[*order, len(listed)]] = np.arange(len(listed) + 1)  # null comes after all
    codes = place[found.indices.fill_null(len(listed)).to_numpy(zero_copy_only=False)]
    return Values(column, found.dictionary.take(pa.array(order, pa.int64())), found.null_count > 0), codes


# --- with a ladder ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dictionary:
    """One column: its values and their ladder."""

    found: Values
    values: list[Any]
    ladder: Ladder
    coded: CodedLadder

    @property
    def column(self) -> str:
        return self.found.column


def dictionary(
    engine: TableEngine,
    frame: Frame,
    found: Values,
    hierarchy: Hierarchy | None,
    folder: Path | None,
    names: Names,
    person_key: str | None = None,
) -> Dictionary:
    """Build the ladder of a column's values.

    A ladder that is drawn from the data is told how many distinct persons have each value, rows where there is no key.
    """
    values = found.listed
    held = _held(engine, frame, found, person_key, names) if isinstance(hierarchy, DRAWN_FROM_DATA) else None
    ladder = hierarchies.build(found.column, hierarchy, values, folder, held)
    return Dictionary(found, values, ladder, code(ladder, values))


def _held(engine: TableEngine, frame: Frame, found: Values, person_key: str | None, names: Names) -> list[int]:
    """Distinct persons of every value (rows without a key); of null none."""
    value, persons = names.of("value"), names.of("persons")
    held = frame if person_key is None else distinct(frame.select(found.column, person_key))
    counted = engine.collect(held.select(nw.col(found.column).alias(value)).group_by(value).agg(nw.len().alias(persons)))
    known = dict(zip(pa.array(counted[value]).to_pylist(), counted[persons].to_list(), strict=True))
    return [0 if entry is None else int(known[entry]) for entry in found.listed]


def with_codes(engine: TableEngine, frame: Frame, dictionaries: Sequence[Dictionary], names: Names) -> Frame:
    """Add one column of leaf codes a dictionary: ``names.of("code", i)``."""
    for i, entry in enumerate(dictionaries):
        value, number, found = names.of("value"), names.of("code", i), entry.found
        codes = pd.Series(np.arange(len(found.known)), dtype="int64[pyarrow]")
        known = pd.Series(pd.arrays.ArrowExtensionArray(found.known))
        frame = frame.join(engine.from_pandas(pd.DataFrame({value: known, number: codes})), left_on=entry.column, right_on=value, how="left")
        if found.has_null:
            frame = frame.with_columns(nw.col(number).fill_null(len(found.known)))
    return frame
