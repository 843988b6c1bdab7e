"""What a full-domain search may minimise, and what of each loss it may prune by.

All are counted in rows of the input; a row that is left out is charged for (or not) as each says. r: rows of a class
that stays, N: all rows, S: rows left out. *Finer* and *coarser* compare nodes level by level; every class at a coarser
node is a union of classes at a finer one. Two facts hold of every loss here:

(a) Going finer, the rows that break k or an absorbing model only grow in number (:mod:`anonymize.microdata.full_domain`
    says why, also where one person has rows in many classes). ``lasting`` below are the classes that break these.
(b) Going coarser, classes only merge: the class of a row only grows, and the number of classes only falls.

A loss gives three lower bounds, each of every node at once: ``floors``, known before any class is counted; ``below``, of
all nodes finer than one that was counted; ``above``, of all coarser ones.

=====================  =========================================  ===============================================
loss                   monotone?                                  pruned by
=====================  =========================================  ===============================================
granularity, entropy   per cell, up the ladder. What suppression  floor(finer) + extra(counted)
                       adds grows going finer: (a)
discernibility         with nothing suppressed, going coarser: a  below: by (a) a row of ``lasting`` costs N there
                       row costs its class (b). With suppression  too, and any other at least k. Above: by (b)
                       not: a finer node has smaller classes and  every row costs at least its class as it is
                       more rows at N
average_class_size     only with nothing suppressed, going        below: no more classes of k persons fit than
                       coarser (b). Rows left out cost nothing    ⌊r / k⌋ into each that is there. Above: no more
                       and take their small classes along, so a   classes than there are now. In both at least
                       node may beat finer and coarser ones       N - limit rows stay. Nothing else is pruned
=====================  =========================================  ===============================================

Models beside k that are not absorbing say nothing of finer nodes: their classes are in no ``lasting`` set, so no bound
uses them. Counting persons instead of rows would break the second half of (b) for sums over classes (a person in two
classes counts once when they merge): no loss here counts persons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from anonymize.microdata.classes import Classes, Grouping
from anonymize.microdata.lattice import Booleans, Floats, Integers, Node
from anonymize.recipe import Loss

TITLES: dict[Loss, str] = {
    "granularity": "1 - granularity",
    "discernibility": "discernibility",
    "average_class_size": "normalised average class size",
    "entropy": "non-uniform entropy",
}
NOT_KEPT = float("inf")


@dataclass(frozen=True)
class Weight:
    """Of a counted node: its own loss, and lower bounds of that of every finer and every coarser node."""

    loss: float
    below: float
    above: float


UNKNOWN = Weight(NOT_KEPT, 0.0, 0.0)

class Measure(Protocol):
    """A loss over one table.

    ``digits``: what it is rounded to. ``tie``: losses closer than that count as equal when nodes are ruled out by their
    bounds. ``adds``: whether ``below`` comes on top of a node's floor.
    """

    @property
    def digits(self) -> int: ...

    @property
    def tie(self) -> float: ...

    @property
    def adds(self) -> bool: ...

    def floor(self, node: Node) -> float:
        """A lower bound of the loss at ``node``, with no class counted."""

    def floors(self, shape: tuple[int, ...]) -> Floats:
        """:meth:`floor` of all nodes: (level of the first column, …)."""

    def weigh(self, node: Node, classes: Classes, gone: Booleans, lasting: Booleans) -> Weight:
        """``gone``: (class,) those left out; ``lasting``: those of them that no finer node is without."""


class CellLoss:
    """A mean over columns and rows of what one cell loses, from 0 (the value itself) to ``full[column]`` (``*``).

    ``penalties[column][level]``: (label,); a row left out loses ``full`` in every cell.
    """

    digits, tie, adds = 12, 1e-10, True

    def __init__(self, grouping: Grouping, penalties: Sequence[Sequence[Floats]], full: Sequence[float]) -> None:
        self.grouping, self.penalties, self.full = grouping, penalties, full
        everything = np.arange(len(grouping.table))
        self.cells = grouping.table.total_rows * len(full)
        self.columns = [
            np.array([self._sum(column, level, everything) for level in range(len(levels))]) / self.cells
            for column, levels in enumerate(penalties)
        ]

    def _sum(self, column: int, level: int, which: Integers) -> float:
        """Summed penalty of the rows of some combinations. From whole counts a label, so that row order cannot matter."""
        penalty = self.penalties[column][level]
        labels = self.grouping.labels(column, level)[which]
        return float(np.bincount(labels, weights=self.grouping.table.rows[which], minlength=len(penalty)) @ penalty)

    def floor(self, node: Node) -> float:
        """The loss of the labels as if no row were left out."""
        return float(sum(self.columns[column][level] for column, level in enumerate(node)))

    def floors(self, shape: tuple[int, ...]) -> Floats:
        every = np.zeros(shape)
        for column, loss in enumerate(self.columns):
            every += _along(loss, column, len(shape))
        return every

    def weigh(self, node: Node, classes: Classes, gone: Booleans, lasting: Booleans) -> Weight:
        extra = self._extra(node, classes, gone)
        below = extra if lasting is gone else self._extra(node, classes, lasting)
        return Weight(self.floor(node) + extra, below, 0.0)

    def _extra(self, node: Node, classes: Classes, gone: Booleans) -> float:
        """What leaving classes out adds: full - penalty for every cell of their rows."""
        which = np.flatnonzero(gone[classes.of])
        rows = int(self.grouping.table.rows[which].sum())
        if not rows:
            return 0.0
        return sum(rows * self.full[column] - self._sum(column, level, which) for column, level in enumerate(node)) / self.cells


def granularity(grouping: Grouping) -> CellLoss:
    """1 - granularity, the normalised certainty penalty (Xu et al., KDD 2006): mean over cells, in [0, 1], no unit.

    A label that stands for n of the d leaves of its column loses (n - 1) / (d - 1); a row left out loses 1 a cell.
    """
    penalties = [[ladder.penalties[level] for level in range(ladder.levels)] for ladder in grouping.ladders]
    return CellLoss(grouping, penalties, [1.0] * len(penalties))


def entropy(grouping: Grouping) -> CellLoss:
    """Non-uniform entropy (De Waal & Willenborg 1999): mean over columns, in [0, 1], a share of bits.

    Of a column: Σ log₂(rows with the label / rows with the leaf) over rows ÷ the same with one label for all; a row left
    out counts as if it had that label. Both are frequencies of the input. A column of one value loses 0.
    """
    penalties, full = zip(*(_bits(grouping, column) for column in range(len(grouping.ladders))), strict=True)
    return CellLoss(grouping, penalties, full)


def _bits(grouping: Grouping, column: int) -> tuple[list[Floats], float]:
    """Penalties of one column by level and label, and of ``*``; shifted by what is the same for all, its leaves' bits."""
    table, ladder = grouping.table, grouping.ladders[column]
    rows = [np.bincount(grouping.labels(column, i), table.rows, ladder.sizes[i]) for i in range(ladder.levels)]
    bits = [np.log2(np.maximum(counted, 1)) for counted in rows]
    leaves = float(rows[0] @ bits[0]) / table.total_rows
    whole = np.log2(table.total_rows) - leaves  # bits a row, of the column
    if not whole > 0:
        return [np.zeros(size) for size in ladder.sizes], 0.0
    return [(found - leaves) / whole for found in bits], 1.0


class _ClassLoss:
    """A loss of classes, whatever their labels."""

    adds = False

    def __init__(self, grouping: Grouping, k: int, limit: int) -> None:
        self.grouping, self.table, self.k = grouping, grouping.table, k
        self.total = self.table.total_rows
        self.stay = max(self.total - limit, 1)  # rows that stay at least
        self.labels = [self._labels_with_rows(column) for column in range(len(grouping.ladders))]

    def _labels_with_rows(self, column: int) -> Floats:
        counted = [np.bincount(self.grouping.labels(column, i), self.table.rows) for i in range(self.grouping.ladders[column].levels)]
        return np.array([np.count_nonzero(rows) for rows in counted], dtype=np.float64)

    def _most_classes(self, node: Node) -> float:
        """No node has more classes than combinations of its labels, or than combinations of values."""
        return float(min(np.prod([self.labels[c][level] for c, level in enumerate(node)]), len(self.table)))

    def _all_most_classes(self, shape: tuple[int, ...]) -> Floats:
        most = np.ones(shape)
        for column, labels in enumerate(self.labels):
            most *= _along(labels, column, len(shape))
        return np.minimum(most, len(self.table))


class Discernibility(_ClassLoss):
    """Σ r² + S·N: pairs of rows that cannot be told apart (Bayardo & Agrawal, ICDE 2005), from N to N², in pairs.

    A row left out cannot be told from any. Whole numbers, exact below 2⁵³.
    """

    digits, tie = 0, 0.5

    def floor(self, node: Node) -> float:
        return self.total**2 / self._most_classes(node)  # Σ r² over m classes is least when all are equal: N² / m

    def floors(self, shape: tuple[int, ...]) -> Floats:
        return np.asarray(self.total**2 / self._all_most_classes(shape))

    def weigh(self, node: Node, classes: Classes, gone: Booleans, lasting: Booleans) -> Weight:
        rows, size = self.table.rows, classes.rows[classes.of]
        out, lost = gone[classes.of], lasting[classes.of]
        loss = float((rows * np.where(out, self.total, size)).sum())
        below = float((rows * np.where(lost, self.total, self.k)).sum())
        return Weight(loss, below, float((rows * size).sum()))


class AverageClassSize(_ClassLoss):
    """(N - S) / classes / k: rows of a class on average, in multiples of k (LeFevre et al., ICDE 2006); 1 is the least.

    A row left out costs nothing: the suppression limit alone bounds how many go.
    """

    digits, tie = 12, 1e-11

    def floor(self, node: Node) -> float:
        return self.stay / self._most_classes(node) / self.k

    def floors(self, shape: tuple[int, ...]) -> Floats:
        return np.asarray(self.stay / self._all_most_classes(shape) / self.k)

    def weigh(self, node: Node, classes: Classes, gone: Booleans, lasting: Booleans) -> Weight:
        there = classes.rows > 0
        kept, may_last = classes.rows[there & ~gone], classes.rows[there & ~lasting]
        loss = float(kept.sum()) / len(kept) / self.k if len(kept) else NOT_KEPT
        fit = int((may_last // self.k).sum())  # a class of k persons has k rows at least
        below = self.stay / fit / self.k if fit else NOT_KEPT
        return Weight(loss, below, self.stay / int(there.sum()) / self.k)


def _along(values: Floats, column: int, columns: int) -> Floats:
    return values.reshape([-1 if i == column else 1 for i in range(columns)])


def measure_of(loss: Loss, grouping: Grouping, k: int, limit: int) -> Measure:
    """The loss that a recipe names. ``limit``: rows that may be left out."""
    match loss:
        case "granularity":
            return granularity(grouping)
        case "entropy":
            return entropy(grouping)
        case "discernibility":
            return Discernibility(grouping, k, limit)
        case "average_class_size":
            return AverageClassSize(grouping, k, limit)
