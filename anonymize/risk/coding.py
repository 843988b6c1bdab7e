"""An original and its release as numbers: what every released label can stand for.

A *leaf* is a distinct value of the original (of the held-out people too); null is one. A *label* is what the release says
in its place: the value itself, a level of its hierarchy, an interval ``[a, b)``, or ``*``. Values are compared as text,
as :func:`anonymize.columns.hierarchies.as_text` spells them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from anonymize.columns import hierarchies
from anonymize.errors import InputError
from anonymize.recipe import Hierarchy

Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Booleans: TypeAlias = npt.NDArray[np.bool_]

_INTERVAL = re.compile(r"^[\[(]\s*([^,\s]+)\s*,\s*([^,\s]+)\s*([\])])$")


@dataclass(frozen=True)
class CodedColumn:
    """One column. ``starts`` (label + 1,) and ``members`` say which leaves each label covers: compressed rows.

    ``loss``: (label,) normalised certainty penalty, in [0, 1]. ``numbers``: (leaf,) the leaves as numbers where all of
    them are numbers or dates, NaN for null; otherwise ``None``. ``level``: (label,) the hierarchy level, 0 for a value.
    """

    name: str
    leaves: int
    starts: Integers
    members: Integers
    loss: Floats
    level: Integers
    numbers: Floats | None
    parents: tuple[Integers, ...] = ()
    """(level 0 … top) → (leaf,) group of each leaf at that level; empty for a column without a ladder."""

    @property
    def labels(self) -> int:
        return len(self.starts) - 1

    def covered(self, label: int) -> Integers:
        """The leaves of a label, ascending."""
        return self.members[self.starts[label] : self.starts[label + 1]]

    @property
    def sizes(self) -> Integers:
        """(label,) leaves covered."""
        return np.diff(self.starts)

    def cover(self, leaves: Integers) -> Booleans:
        """(len(leaves), label): does the label cover the leaf?"""
        place = np.full(self.leaves, -1)
        distinct, back = np.unique(leaves, return_inverse=True)
        place[distinct] = np.arange(len(distinct))
        rows, labels = place[self.members], np.repeat(np.arange(self.labels), self.sizes)
        found = np.zeros((len(distinct), self.labels), dtype=bool)
        found[rows[rows >= 0], labels[rows >= 0]] = True
        return found[back]

    def distance(self, leaves: Integers) -> npt.NDArray[np.float32]:
        """(len(leaves), label): 0 where the label covers the leaf; else 1, or for numbers the gap over the range (Gower), ≥ 1e-4."""
        apart = (~self.cover(leaves)).astype(np.float32)
        if self.numbers is None or not np.isfinite(self.numbers).any():
            return apart
        low, high = self._reach(np.fmin, np.inf), self._reach(np.fmax, -np.inf)
        x = self.numbers[leaves][:, None]
        span = max(float(np.nanmax(self.numbers) - np.nanmin(self.numbers)), 1e-300)
        gap = np.maximum(np.maximum(low - x, x - high), 0) / span
        return np.where(np.isfinite(gap), np.clip(gap, 1e-4, 1) * apart, apart).astype(np.float32)

    def _reach(self, best: np.ufunc, nothing: float) -> Floats:
        reach = np.full(self.labels, nothing)
        best.at(reach, np.repeat(np.arange(self.labels), self.sizes), np.asarray(self.numbers)[self.members])
        return reach

    def spread(self, blocks: Integers) -> Floats:
        """(label, block): each label as equal shares of the leaves it covers; rows sum to 1, or to 0 for an unknown label.

        ``blocks``: (leaf,) numbers from 0, see :func:`blocks`.
        """
        shares = np.zeros((self.labels, int(blocks.max(initial=-1)) + 1))
        rows = np.repeat(np.arange(self.labels), self.sizes)
        np.add.at(shares, (rows, blocks[self.members]), 1 / np.maximum(self.sizes, 1)[rows])
        return shares


def distinct_rows(codes: Integers) -> tuple[Integers, Integers, Integers]:
    """(distinct row, column), (row,) its distinct row, (distinct row,) how many: ``np.unique(axis=0)``, quicker."""
    of = np.zeros(len(codes), dtype=np.int64)
    for column in codes.T:
        of = np.unique(of * (int(column.max(initial=0)) + 1) + column, return_inverse=True)[1]
    counts = np.bincount(of)
    first = np.zeros(len(counts), dtype=np.int64)
    first[of] = np.arange(len(codes))
    return codes[first], of, counts


def blocks(column: CodedColumn, leaves: Integers, most: int = 100) -> Integers:
    """(leaf,) a block for each leaf, at most ``most``: leaves in order of their numbers, or the commonest and the rest.

    ``leaves``: (row,) the original's. A column with few leaves has a block for each. For tables of two columns that must
    stay small; distances between coarser tables are never larger than between the finer ones.
    """
    if column.leaves <= most:
        return np.arange(column.leaves)
    counts = np.bincount(leaves, minlength=column.leaves)
    if column.numbers is None:
        place = np.argsort(np.argsort(-counts, kind="stable"), kind="stable")
        return np.minimum(place, most - 1)
    order = np.argsort(column.numbers, kind="stable")  # NaN, the null, comes last
    found = np.empty(column.leaves, dtype=np.int64)
    before = np.concatenate([[0], np.cumsum(counts[order])[:-1]])
    found[order] = before * most // max(int(counts.sum()), 1)
    return np.asarray(np.unique(np.minimum(found, most - 1), return_inverse=True)[1], dtype=np.int64)


@dataclass(frozen=True)
class Coded:
    """``original``: (row, column) leaf codes; ``release``: (row, column) label codes; ``holdout``: as ``original``."""

    columns: tuple[CodedColumn, ...]
    original: Integers
    release: Integers
    holdout: Integers | None = None

    def only(self, places: Sequence[int]) -> Coded:
        """The same rows with some of the columns."""
        kept = list(places)
        held = None if self.holdout is None else self.holdout[:, kept]
        return Coded(tuple(self.columns[i] for i in kept), self.original[:, kept], self.release[:, kept], held)

    def place(self, name: str) -> int:
        return next(i for i, column in enumerate(self.columns) if column.name == name)


def code_tables(
    original: pa.Table,
    release: pa.Table,
    *,
    quasi_identifiers: Mapping[str, Hierarchy | None],
    others: Sequence[str] = (),
    folder: Path | None = None,
    holdout: pa.Table | None = None,
) -> Coded:
    """Code the quasi-identifiers first, then ``others`` (columns that the release shows as they are).

    Raises :class:`InputError` when a column is missing, or when the release holds a label of a quasi-identifier that
    neither its hierarchy nor the original knows. No error names a value.
    """
    names = [*quasi_identifiers, *others]
    for table, what in ((original, "original"), (release, "release"), (holdout, "held-out file")):
        missing = [name for name in names if table is not None and name not in table.column_names]
        if missing:
            raise InputError(f"the {what} has no column {missing[0]!r}")
    coded = [
        _column(name, original[name], release[name], None if holdout is None else holdout[name], quasi_identifiers, folder)
        for name in names
    ]
    columns = tuple(column for column, *_ in coded)
    stacked = [np.column_stack(part) if part else np.zeros((0, 0), dtype=np.int64) for part in zip(*(c[1:3] for c in coded), strict=True)]
    held = None if holdout is None else np.column_stack([c[3] for c in coded])
    return Coded(columns, stacked[0], stacked[1], held)


def _column(
    name: str,
    original: pa.ChunkedArray,
    release: pa.ChunkedArray,
    holdout: pa.ChunkedArray | None,
    quasi_identifiers: Mapping[str, Hierarchy | None],
    folder: Path | None,
) -> tuple[CodedColumn, Integers, Integers, Integers]:
    of_leaf: dict[str | None, int] = {}
    values: list[Any] = []
    row_leaves = _codes(original, of_leaf, values)
    held_leaves = _codes(holdout, of_leaf, values) if holdout is not None else np.zeros(0, dtype=np.int64)
    of_label: dict[str | None, int] = {}
    row_labels = _codes(release, of_label, [])
    is_quasi = name in quasi_identifiers
    ladder = hierarchies.build(name, quasi_identifiers[name], values, folder) if is_quasi else None
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
