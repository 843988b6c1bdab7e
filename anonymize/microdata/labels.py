"""From classes back to rows: a row learns the number of its class, and a small table says what every class is called.

Labels are looked up when rows are written, so that no text of theirs goes through a join.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from anonymize.microdata.encode import Dictionary, Names
from anonymize.microdata.lattice import Booleans, Integers
from anonymize.tables.base import Frame, TableEngine

BITS = 62  # of a key
Keys: TypeAlias = tuple[list[nw.Expr], list[Integers]]


def numbers(of: Integers, kept: Booleans) -> tuple[Integers, Integers]:
    """Whole numbers from 0 for the classes that stay: (combination,) its class or -1, and (class,) a combination in it."""
    number = np.full(len(of), -1, dtype=np.int64)
    number[kept], known = pd.factorize(of[kept])
    member = np.zeros(len(known), dtype=np.int64)
    member[number[kept]] = np.flatnonzero(kept)
    return number, member


def with_numbers(
    engine: TableEngine, coded: Frame, dictionaries: Sequence[Dictionary], codes: Integers, number: Integers, names: Names
) -> Frame:
    """The rows whose class stays, with its number as ``names.of("class")``.

    ``coded``: rows with a code for every quasi-identifier. ``codes``: (combination, column); ``number``: (combination,).
    """
    expressions, keys = _keys(dictionaries, codes, names)
    on = [names.of("key", i) for i in range(len(keys))]
    stay = number >= 0
    table = pd.DataFrame({name: _series(key[stay], "int64[pyarrow]") for name, key in zip(on, keys, strict=True)})
    table[names.of("class")] = _series(number[stay], "int32[pyarrow]")
    keyed = coded.with_columns(*(expression.alias(name) for expression, name in zip(expressions, on, strict=True)))
    return keyed.join(engine.from_pandas(table), on=on, how="inner")


def _keys(dictionaries: Sequence[Dictionary], codes: Integers, names: Names) -> Keys:
    """What tells combinations apart, of rows and of combinations: one whole number, or more where its bits are too few."""
    expressions: list[nw.Expr] = []
    keys: list[Integers] = []
    room = 1 << BITS
    for i, entry in enumerate(dictionaries):
        size, own = max(len(entry.values), 1), nw.col(names.of("code", i))
        if room * size >= 1 << BITS:
            expressions, keys, room = [*expressions, own], [*keys, codes[:, i].astype(np.int64)], size
        else:
            expressions[-1], keys[-1], room = expressions[-1] * size + own, keys[-1] * size + codes[:, i], room * size
    return expressions, keys


def _series(values: Integers, kind: str) -> pd.Series[int]:
    return pd.Series(values, dtype=kind)


def labels(dictionaries: Sequence[Dictionary], codes: Integers, levels: Integers) -> pa.Table:
    """What each class is called: (class, column). ``codes``, ``levels``: (class, column), of a combination in it.

    A column at level 0 everywhere keeps its type and values, any other becomes text.
    """
    columns = {entry.column: _called(entry, codes[:, i], levels[:, i]) for i, entry in enumerate(dictionaries)}
    return pa.table(columns)


def _called(entry: Dictionary, codes: Integers, levels: Integers) -> pa.Array:
    if not levels.any():
        beyond = len(entry.found.known)  # null
        return entry.found.known.take(pa.array(codes, mask=codes == beyond))
    texts = [label for level in range(entry.ladder.levels) for label in entry.ladder.labels(level, entry.values)]
    return pa.array(texts, pa.string()).take(pa.array(levels.astype(np.int64) * len(entry.values) + codes))


def with_labels(engine: TableEngine, numbered: Frame, called: pa.Table, order: Sequence[str], names: Names) -> Frame:
    """The rows with labels in place of values, their columns in an order."""
    table = called.to_pandas(types_mapper=pd.ArrowDtype)
    table[names.of("class")] = _series(np.arange(called.num_rows), "int32[pyarrow]")
    rest = numbered.select(*(name for name in order if name not in called.column_names), names.of("class"))
    return rest.join(engine.from_pandas(table), on=names.of("class"), how="inner").select(*order)
