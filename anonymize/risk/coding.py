"""An original and its release read as numbers.

A label of the release is the value itself, a level of its hierarchy, an interval ``[a, b)``, or ``*``. Values are compared
as text, as :func:`anonymize.columns.hierarchies.as_text` spells them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from anonymize.columns import hierarchies
from anonymize.errors import InputError
from anonymize.recipe import Hierarchy
from anonymize.risk.arrays import Floats, Integers, unique
from anonymize.risk.coded import Coded, CodedColumn

_INTERVAL = re.compile(r"^[\[(]\s*([^,\s]+)\s*,\s*([^,\s]+)\s*([\])])$")


def code_tables(
    original: pa.Table,
    release: pa.Table,
    *,
    quasi_identifiers: Mapping[str, Hierarchy | None],
    others: Sequence[str] = (),
    folder: Path | None = None,
    holdout: pa.Table | None = None,
    person_key: str | None = None,
    times: str | None = None,
) -> Coded:
    """Code the quasi-identifiers first, then ``others`` (columns that the release shows as they are).

    ``person_key``: whose each row of the original, and of the held-out file, is; ``None``: every row is a person.
    ``times``: a column of all tables (where nobody has two rows, else of the release alone) that says how many equal rows each stands for.
    Raises :class:`InputError` when a column is missing, or when the release holds a label of a quasi-identifier that
    neither its hierarchy nor the original knows. No error names a value.
    """
    names = [*quasi_identifiers, *others]
    keys = [] if person_key is None else [person_key]
    for table, what, needed in (
        (original, "original", names + keys), (release, "release", names), (holdout, "held-out file", names + keys),
    ):  # fmt: skip
        missing = [name for name in needed if table is not None and name not in table.column_names]
        if missing:
            raise InputError(f"the {what} has no column {missing[0]!r}")
    persons = _persons(original, person_key)
    often = _times(original, times)
    coded = [_column(name, original, release, holdout, (persons, often), quasi_identifiers, folder) for name in names]
    columns = tuple(column for column, *_ in coded)
    stacked = [np.column_stack(part) if part else np.zeros((0, 0), dtype=np.int64) for part in zip(*(c[1:3] for c in coded), strict=True)]
    held = None if holdout is None else np.column_stack([c[3] for c in coded])
    return Coded(
        columns, stacked[0], stacked[1], held, persons, None if holdout is None else _persons(holdout, person_key),
        often, _times(release, times), None if holdout is None else _times(holdout, times),
    )  # fmt: skip


def _times(table: pa.Table, name: str | None) -> Integers | None:
    return table[name].to_numpy().astype(np.int64) if name is not None and name in table.column_names else None


def _persons(table: pa.Table, key: str | None) -> Integers | None:
    """(row,) a number for the person of each row; ``None`` where nobody has two."""
    if key is None:
        return None
    codes = _codes(table[key], {}, [])
    return codes if int(codes.max(initial=-1)) + 1 < len(codes) else None


def _column(
    name: str,
    original: pa.Table,
    release: pa.Table,
    holdout: pa.Table | None,
    whose: tuple[Integers | None, Integers | None],
    quasi_identifiers: Mapping[str, Hierarchy | None],
    folder: Path | None,
) -> tuple[CodedColumn, Integers, Integers, Integers]:
    of_leaf: dict[str | None, int] = {}
    values: list[Any] = []
    row_leaves = _codes(original[name], of_leaf, values)
    held_leaves = _codes(holdout[name], of_leaf, values) if holdout is not None else np.zeros(0, dtype=np.int64)
    of_label: dict[str | None, int] = {}
    row_labels = _codes(release[name], of_label, [])
    ladder = None
    if name in quasi_identifiers:
        ladder = hierarchies.build(name, quasi_identifiers[name], values, folder, _held(row_leaves, *whose, len(values)))
    known, parents = _known_labels(ladder, values, list(of_label))
    covers, losses, levels = [], [], []
    for label in of_label:
        leaves, loss, level = _meaning(name, label, of_leaf, values, known, ladder)
        covers.append(np.sort(leaves))
        losses.append(loss)
        levels.append(level)
    starts = np.concatenate([[0], np.cumsum([len(c) for c in covers])]).astype(np.int64)
    members = np.concatenate(covers).astype(np.int64) if covers else np.zeros(0, dtype=np.int64)
    column = CodedColumn(
        name, len(values), starts, members, np.array(losses, dtype=np.float64), np.array(levels, dtype=np.int64), _numbers(values), parents
    )
    return column, row_leaves, row_labels, held_leaves


def _held(leaves: Integers, persons: Integers | None, times: Integers | None, count: int) -> list[int]:
    """(leaf,) how many distinct persons of the original have it: what hierarchies drawn from the data were drawn from."""
    if persons is not None:
        room = int(persons.max(initial=0)) + 1
        leaves = unique(leaves * room + persons) // room
    return [int(held) for held in np.bincount(leaves, None if persons is not None else times, count)]


def _codes(column: pa.ChunkedArray, known: dict[str | None, int], values: list[Any]) -> Integers:
    """A code for every row, the same for equal text; fills ``known`` and ``values`` with what is new."""
    encoded = column.dictionary_encode(null_encoding="encode").combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], pa.string()).dictionary_encode()
    found = []
    for value in encoded.dictionary.to_pylist():
        text = None if value is None else hierarchies.as_text(value)
        if text not in known:
            known[text] = len(known)
            values.append(value)
        found.append(known[text])
    codes = np.array(found, dtype=np.int64)[encoded.indices.to_numpy(zero_copy_only=False)] if len(encoded) else []
    return np.asarray(codes, dtype=np.int64)


Meaning: TypeAlias = tuple[Integers, float, int]
"""(leaves, loss, level) of a label."""
Known: TypeAlias = dict[str | None, Meaning]


def _known_labels(ladder: hierarchies.Ladder | None, values: list[Any], used: Sequence[str | None]) -> tuple[Known, tuple[Integers, ...]]:
    """What the labels of a ladder mean, and the group of each leaf at every level.

    One text may be a label of several levels (the prefixes of a short code). Where a single level explains all ``used``
    labels it is the one that was meant; otherwise a label stands for all that it may stand for.
    """
    if ladder is None:
        return {}, ()
    found = [_level(ladder, level, values) for level in range(ladder.levels)]
    for known, _ in found:
        if all(label in known for label in used):
            return known, tuple(groups for _, groups in found)
    widest: Known = {}
    for known, _ in found:
        for label, meaning in known.items():
            if label not in widest or len(meaning[0]) > len(widest[label][0]):
                widest[label] = meaning
    return widest, tuple(groups for _, groups in found)


def _level(ladder: hierarchies.Ladder, level: int, values: list[Any]) -> tuple[Known, Integers]:
    order: dict[str | None, int] = {}
    texts = [hierarchies.as_text(value) if value is not None else None for value in values] if level == 0 else ladder.labels(level, values)
    groups = np.array([order.setdefault(text, len(order)) for text in texts], dtype=np.int64)
    ends = np.cumsum(np.bincount(groups, minlength=len(order)))
    leaves = np.split(np.argsort(groups, kind="stable"), ends[:-1]) if order else []
    between = ladder.leaves_per_label(level) if 0 < level < ladder.top else {}

    def loss(label: str | None) -> float:
        if level == ladder.top:
            return 1.0
        return (between.get(label or "", 1) - 1) / max(ladder.domain - 1, 1)

    return {label: (leaves[group], loss(label), level) for label, group in order.items()}, groups


def _meaning(
    name: str, label: str | None, of_leaf: dict[str | None, int], values: list[Any], known: Known, ladder: hierarchies.Ladder | None
) -> Meaning:
    if label in known:
        return known[label]
    if ladder is None:
        leaf = of_leaf.get(label)
        return np.array([] if leaf is None else [leaf], dtype=np.int64), 0.0, 0
    inside = _interval(label, values)
    if inside is None:
        raise InputError(f"column {name!r} of the release holds a label that neither its hierarchy nor the original knows")
    return inside, min(max(len(inside) - 1, 0) / max(ladder.domain - 1, 1), 1.0), 1


def _interval(label: str | None, values: list[Any]) -> Integers | None:
    """The leaves within ``[a, b)`` (or another pair of brackets), for numbers and dates."""
    match = _INTERVAL.match(label or "")
    numbers = _numbers(values)
    if match is None or numbers is None:
        return None
    low, high = _number(match[1]), _number(match[2])
    if low is None or high is None:
        return None
    left = numbers >= low if (label or "").startswith("[") else numbers > low
    return np.flatnonzero(left & (numbers <= high if match[3] == "]" else numbers < high))


def _numbers(values: Sequence[Any]) -> Floats | None:
    found = [np.nan if value is None else _number(value) for value in values]
    return None if any(number is None for number in found) else np.array(found, dtype=np.float64)


def _number(value: Any) -> float | None:
    """A number, or a date or time as days; ``None`` for what is neither. Text counts only where it is an interval's end."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float, Decimal)):
        return float(value)
    if isinstance(value, dt.datetime):
        return value.toordinal() + (value.hour * 3600 + value.minute * 60 + value.second) / 86400
    if isinstance(value, dt.date):
        return float(value.toordinal())
    return _number_in_words(value) if isinstance(value, str) and value[:1] in "-+0123456789" and value else None


def _number_in_words(text: str) -> float | None:
    try:
        return float(Decimal(text))
    except InvalidOperation:
        pass
    try:
        return _number(dt.datetime.fromisoformat(text))
    except ValueError:
        return None
