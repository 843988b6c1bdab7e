"""Values of quasi-identifiers as codes, in the table engine, and labels back into rows.

A small dictionary a column joins values with whole-number codes; joins on values never meet a null (null has a code
of its own), and class keys are whole numbers, so that null cannot act as a wildcard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from anonymize.columns import hierarchies
from anonymize.columns.hierarchies import Ladder
from anonymize.columns.hierarchy_values import TOP
from anonymize.microdata.lattice import CodedLadder, Integers, Node, code
from anonymize.recipe import DRAWN_FROM_DATA, Hierarchy
from anonymize.tables.base import Frame, TableEngine, distinct


@dataclass(frozen=True)
class Dictionary:
    """One quasi-identifier: its distinct values, null last, where there is one; the place of a value is its code.

    ``known``: the values but null as the table engine has them, in their own type.
    """

    column: str
    values: list[Any]
    known: pd.Series[Any]
    ladder: Ladder
    coded: CodedLadder


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


def dictionary(
    engine: TableEngine,
    frame: Frame,
    column: str,
    hierarchy: Hierarchy | None,
    folder: Path | None,
    names: Names,
    person_key: str | None = None,
) -> Dictionary:
    """Read the distinct values of a column and build its ladder. Codes follow the values' order, not the engine's.

    A ladder that is drawn from the data is told how many distinct persons have each value, rows where there is no key.
    """
    value, persons = names.of("value"), names.of("persons")
    drawn = isinstance(hierarchy, DRAWN_FROM_DATA)
    rows = engine.collect(_counted(frame, column, person_key if drawn else None, value, persons))
    found = list(pa.array(rows[value]).to_pylist())
    # an engine may list distinct values in any order; sorted, the same input gives the same codes
    order = sorted((i for i, entry in enumerate(found) if entry is not None), key=lambda i: hierarchies.as_text(found[i]))
    null = [None] if len(order) < len(found) else []
    values = [found[i] for i in order] + null
    held = [int(count) for count in rows[persons].iloc[order]] + [0] * len(null) if drawn else None
    ladder = hierarchies.build(column, hierarchy, values, folder, held)
    return Dictionary(column, values, rows[value].iloc[order].reset_index(drop=True), ladder, code(ladder, values))


def _counted(frame: Frame, column: str, person_key: str | None, value: str, persons: str) -> Frame:
    """Every value with its distinct persons (rows without a key)."""
    held = frame if person_key is None else distinct(frame.select(column, person_key))
    return held.select(nw.col(column).alias(value)).group_by(value).agg(nw.len().alias(persons))


def with_codes(engine: TableEngine, frame: Frame, dictionaries: Sequence[Dictionary], names: Names) -> Frame:
    """Add one column of leaf codes a quasi-identifier: ``names.of("code", i)``."""
    for i, entry in enumerate(dictionaries):
        frame = _look_up(engine, frame, entry, names, whole={names.of("code", i): list(range(len(entry.values)))})
    return frame


def with_labels(
    engine: TableEngine, frame: Frame, dictionaries: Sequence[Dictionary], node: Node, names: Names
) -> Frame:
    """Add ``names.of("group", i)`` and ``names.of("label", i)`` a quasi-identifier: label code and label at ``node``.

    At level 0 the label is the value itself, in its own type; above it is text.
    """
    for i, (entry, level) in enumerate(zip(dictionaries, node, strict=True)):
        group, label = names.of("group", i), names.of("label", i)
        if level == entry.ladder.top:
            frame = frame.with_columns(nw.lit(0).cast(nw.Int64()).alias(group), nw.lit(TOP).alias(label))
            continue
        groups = {group: [int(number) for number in entry.coded.groups[level]]}
        if level > 0:
            texts = {label: entry.ladder.labels(level, entry.values)}
            frame = _look_up(engine, frame, entry, names, whole=groups, text=texts)
        else:
            frame = _look_up(engine, frame, entry, names, whole=groups)
            frame = frame.with_columns(nw.col(entry.column).alias(label))
    return frame


def with_recoding(
    engine: TableEngine, coded: Frame, dictionaries: Sequence[Dictionary], codes: Integers, levels: Integers, names: Names
) -> Frame:
    """Add ``names.of("label", i)`` a quasi-identifier to a frame with codes: its label at the combination's own level.

    ``codes`` and ``levels``: (combination, column). A column at level 0 everywhere keeps its type and values, any other
    becomes text.
    """
    columns: dict[str, pd.Series[Any]] = {}
    place = _place(dictionaries, names)
    for i in range(len(dictionaries)) if place is None else ():
        columns[names.of("code", i)] = pd.Series(codes[:, i].astype("int64"), dtype="int64[pyarrow]")
    if place is not None:
        coded = coded.with_columns(place.alias(names.of("place")))
        columns[names.of("place")] = pd.Series(_places(dictionaries, codes), dtype="int64[pyarrow]")
    on = list(columns)
    for i, entry in enumerate(dictionaries):
        if levels[:, i].any():
            columns[names.of("label", i)] = _texts(entry, codes[:, i], levels[:, i])
    recoded = coded.join(engine.from_pandas(pd.DataFrame(columns)), on=on, how="inner") if len(columns) > len(on) else coded
    kept = [i for i in range(len(dictionaries)) if not levels[:, i].any()]
    return recoded.with_columns(*(nw.col(dictionaries[i].column).alias(names.of("label", i)) for i in kept)) if kept else recoded


def _place(dictionaries: Sequence[Dictionary], names: Names) -> nw.Expr | None:
    """One whole number for a combination of codes; ``None`` where there are more than 64 bits can tell apart."""
    room, place = 1, nw.lit(0).cast(nw.Int64())
    for i, entry in enumerate(dictionaries):
        size = max(len(entry.values), 1)
        room, place = room * size, place * size + nw.col(names.of("code", i))
    return place if room < 1 << 62 else None


def _places(dictionaries: Sequence[Dictionary], codes: Integers) -> Integers:
    place: Integers = np.zeros(len(codes), dtype=np.int64)
    for i, entry in enumerate(dictionaries):
        place = place * max(len(entry.values), 1) + codes[:, i]
    return place


def _texts(entry: Dictionary, codes: Integers, levels: Integers) -> pd.Series[Any]:
    """The label of each combination in one column."""
    texts = [label for level in range(entry.ladder.levels) for label in entry.ladder.labels(level, entry.values)]
    every = pa.array(texts, pa.string())
    found = every.take(pa.array(levels.astype(np.int64) * len(entry.values) + codes))
    return pd.Series(pd.arrays.ArrowExtensionArray(found))


def _look_up(
    engine: TableEngine,
    frame: Frame,
    entry: Dictionary,
    names: Names,
    *,
    whole: Mapping[str, list[int]],
    text: Mapping[str, list[str | None]] | None = None,
) -> Frame:
    """Look up columns by value, one entry a code. A null value gets the last whole number, and null for a text."""
    value, known = names.of("value"), len(entry.known)
    columns = {value: entry.known}
    columns |= {name: _series(column[:known], "int64[pyarrow]") for name, column in whole.items()}
    columns |= {name: _series(column[:known], "string[pyarrow]") for name, column in (text or {}).items()}
    keys = engine.from_pandas(pd.DataFrame(columns))
    joined = frame.join(keys, left_on=entry.column, right_on=value, how="left")
    if len(entry.values) == known:
        return joined
    return joined.with_columns(*(nw.col(name).fill_null(column[-1]) for name, column in whole.items()))


def _series(column: Sequence[Any], kind: str) -> pd.Series[Any]:
    return pd.Series(list(column), dtype=kind)
