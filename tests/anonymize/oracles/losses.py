"""The losses of a generalisation by their papers' definitions, row by row, in plain Python.

``leaves`` and ``labels``: a tuple a row, before and after; ``kept``: whether the row stays.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from fractions import Fraction

Row = tuple[Hashable, ...]


def discernibility(labels: Sequence[Row], kept: Sequence[bool]) -> int:
    """Rows that each row cannot be told from; one that was left out, from any."""
    return sum(labels.count(label) if stays else len(labels) for label, stays in zip(labels, kept, strict=True))


def average_class_size(labels: Sequence[Row], kept: Sequence[bool], k: int) -> Fraction:
    """Rows that stay, a class, in multiples of k."""
    there = [label for label, stays in zip(labels, kept, strict=True) if stays]
    return Fraction(len(there), len(set(there)) * k)


def entropy(leaves: Sequence[Row], labels: Sequence[Row], kept: Sequence[bool]) -> float:
    """Mean over columns of the bits lost, as a share of the bits that one label for all would lose."""
    columns = [
        _bits([row[i] for row in leaves], [row[i] for row in labels], kept) for i in range(len(leaves[0]))
    ]
    return sum(columns) / len(columns)


def _bits(leaves: Sequence[Hashable], labels: Sequence[Hashable], kept: Sequence[bool]) -> float:
    lost = whole = 0.0
    for leaf, label, stays in zip(leaves, labels, kept, strict=True):
        star = -math.log2(leaves.count(leaf) / len(leaves))
        lost += -math.log2(leaves.count(leaf) / labels.count(label)) if stays else star
        whole += star
    return lost / whole if whole else 0.0


def granularity_lost(penalties: Sequence[Sequence[float]], kept: Sequence[bool]) -> float:
    """Mean over cells of their penalties, 1 for one of a row that was left out. ``penalties``: a row, a column."""
    cells = [penalty if stays else 1.0 for row, stays in zip(penalties, kept, strict=True) for penalty in row]
    return sum(cells) / len(cells)
