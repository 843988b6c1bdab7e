"""The generalisation lattice as numbers: ladders as arrays of codes, a node as one level a column.

Granularity follows the normalised certainty penalty (Xu et al. 2006): a cell whose label stands for n of the d leaves
of its column loses (n - 1) / (d - 1), between 0 (the value itself) and 1 (``*``). Null is a value of its own: it loses
nothing below the top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from anonymize.columns.hierarchies import Ladder

Integers: TypeAlias = npt.NDArray[np.integer[Any]]
Booleans: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]
Node: TypeAlias = tuple[int, ...]
"""One level a column, in the order of the columns. Compares as the tie break does: lexicographically."""


@dataclass(frozen=True)
class CodedLadder:
    """A ladder over leaf codes 0 … n - 1.

    ``groups[level][leaf]`` is the code of the leaf's label, below ``sizes[level]``; ``penalties[level][group]`` the
    loss of a cell with that label, in [0, 1].
    """

    column: str
    groups: tuple[Integers, ...]
    sizes: tuple[int, ...]
    penalties: tuple[Floats, ...]

    @property
    def levels(self) -> int:
        return len(self.groups)


def code(ladder: Ladder, values: Sequence[Any]) -> CodedLadder:
    """Code a ladder for distinct ``values``; the position of a value is its leaf code, ``None`` may be one of them."""
    leaf_level = (np.arange(len(values)), len(values), np.zeros(len(values)))
    between = [_level(ladder, level, values) for level in range(1, ladder.top)]
    top = (np.zeros(len(values), dtype=np.int64), 1, np.ones(1))
    groups, sizes, penalties = zip(leaf_level, *between, top, strict=True)
    return CodedLadder(ladder.column, tuple(map(_narrow, groups)), sizes, penalties)


def _level(ladder: Ladder, level: int, values: Sequence[Any]) -> tuple[Integers, int, Floats]:
    known: dict[str | None, int] = {}
    groups = np.array([known.setdefault(label, len(known)) for label in ladder.labels(level, values)], dtype=np.int64)
    stands_for = ladder.leaves_per_label(level)
    leaves = np.array([1 if label is None else stands_for[label] for label in known], dtype=np.float64)
    return groups, len(known), (leaves - 1) / max(ladder.domain - 1, 1)


def longer(coded: CodedLadder, ladder: Ladder, values: Sequence[Any], more: Sequence[Any]) -> CodedLadder:
    """``coded``, the ladder of ``values``, with ``more`` values after them; codes stay. The new ones weigh nothing: no row
    has them, and what a label stands for is counted without them."""
    if not more:
        return coded
    leaves = np.arange(len(values) + len(more))
    between = [_longer_level(coded, ladder, level, values, more) for level in range(1, coded.levels - 1)]
    groups = [leaves, *between, np.zeros(len(leaves), dtype=np.int64)]
    sizes = [int(codes.max()) + 1 for codes in groups]
    penalties = [np.append(known, np.zeros(size - len(known))) for known, size in zip(coded.penalties, sizes, strict=True)]
    return CodedLadder(coded.column, tuple(map(_narrow, groups)), tuple(sizes), tuple(penalties))


def _longer_level(coded: CodedLadder, ladder: Ladder, level: int, values: Sequence[Any], more: Sequence[Any]) -> Integers:
    known = dict(zip(ladder.labels(level, values), coded.groups[level].tolist(), strict=True))
    added = [known.setdefault(label, len(known)) for label in ladder.labels(level, more)]
    return np.append(coded.groups[level].astype(np.int64), added)


def _narrow(codes: Integers) -> Integers:
    """The smallest type that holds the codes: the search reads them over and over."""
    largest = int(codes.max(initial=0))
    return codes.astype(np.min_scalar_type(largest))
