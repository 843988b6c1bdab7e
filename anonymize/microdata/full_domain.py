"""Full-domain generalisation: every row at the same level of each column; the best node of the lattice.

Loss of a node = 1 - granularity over all input rows, a suppressed row counting as fully general. It splits into
``floor + extra``: the floor is the loss of the labels as if no row were suppressed (a sum over columns, so it is known
for every node before any class is counted), the extra is what suppression adds.

What makes pruning right. Every class at a coarser node is a union of classes at a finer one. So a row in a class of at
least k distinct persons stays in one when the node gets coarser, also when a person has rows in several classes: a
union of classes has at least the persons of each part. Hence, going finer,

1. the suppressed rows only grow: a node below one that breaks the limit breaks it too (Samarati 2001; LeFevre et al.
   2005, here with suppression and with persons), and
2. the extra only grows: each suppressed row adds 1 - its penalty, and a finer label has no larger penalty. So
   ``floor(finer) + extra(coarser)`` is a lower bound of the loss of the finer node, far sharper than its floor.

With privacy models beside k (:mod:`anonymize.microdata.models` says which are what, and why), 1 and 2 stay true of the
rows that break k or an *absorbing* model (distinct l-diversity): the bounds use those rows alone. The other models are
monotone only when nothing may be suppressed and no person is in two combinations: then a node at which any class fails
rules out all below it. With a suppression limit they are not (a bad class may spoil a good one, and may be suppressed
once it is apart), so a node at which they fail says nothing about finer ones and nothing is pruned by it.

The search evaluates the coarsest node that may still beat the best one, bounds everything below it, and ends when no
node is left. It looks at the nodes in an order that depends on the table's counts alone: same input, same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from anonymize.errors import PrivacyNotMet, RecipeError
from anonymize.microdata.classes import Classes, Combinations, Grouping
from anonymize.microdata.judge import Judge, Rules
from anonymize.microdata.lattice import Booleans, CodedLadder, Floats, Integers, Node

LOSS = "1 - granularity"
MAX_NODES = 8_000_000  # larger lattices are not laid out in memory: the greedy walk alone, and it says so
WORK = 2_000_000_000  # combinations looked at, all evaluations together: about two minutes; counted, so deterministic
CHUNK = 4096
TIE = 1e-10  # losses closer than this are compared exactly, by evaluation
DIGITS = 12

Progress = Callable[[float], None]


@dataclass(frozen=True, order=True)
class Outcome:
    """A node that keeps its promise; orders by loss in [0, 1], then by levels."""

    loss: float
    node: Node
    suppressed_rows: int


@dataclass(frozen=True)
class Found:
    """The answer of a search. ``proven_optimal`` is false when the budget ended it, or the lattice was too large."""

    best: Outcome
    nodes: int
    evaluated: int
    proven_optimal: bool

    @property
    def node(self) -> Node:
        return self.best.node


def too_small(classes: Classes, k: int) -> Booleans:
    """Which classes are held by fewer than ``k`` distinct persons."""
    return classes.persons < k


def search(
    table: Combinations,
    ladders: Sequence[CodedLadder],
    k: int,
    max_suppressed_rows: int,
    *,
    rules: Rules = (),
    work: int = WORK,
    progress: Progress = lambda share: None,
) -> Found:
    """The node of least loss whose classes all have ``k`` distinct persons once at most ``max_suppressed_rows`` go.

    ``rules``: what must hold of sensitive columns as well. At least one row is kept. Ties go to the lexicographically smallest levels. Raises :class:`PrivacyNotMet` when there
    are fewer than ``k`` persons: then no node can do it, not even ``*`` everywhere.
    """
    if not (k >= 1 and max_suppressed_rows >= 0):
        raise RecipeError("k must be at least 1 and the suppression limit at least 0 rows")
    if not table.total_persons >= k:
        raise PrivacyNotMet(f"k = {k} asks for more persons than the table holds")
    lattice = Search(table, ladders, Judge(k, tuple(rules)), max_suppressed_rows, work)
    lattice.lay_out()
    lattice.walk_down()
    proven = lattice.exhaust(progress)
    if lattice.best is None:
        also = " that hold the other models" if rules else ""
        raise PrivacyNotMet(f"no generalisation gives classes of {k} persons{also} within the suppression limit")
    progress(1.0)
    return Found(lattice.best, lattice.nodes, lattice.evaluated, proven)


def failing(classes: Classes, judge: Judge, *, absorbing_only: bool = False) -> Booleans:
    """Which classes do not keep every promise: (class,)."""
    small = too_small(classes, judge.k)
    return small | ~judge.keeps_models(classes, absorbing_only=absorbing_only) if judge.rules else small


class Search:
    """The state of one search."""

    def __init__(
        self, table: Combinations, ladders: Sequence[CodedLadder], judge: Judge, max_suppressed_rows: int, work: int
    ) -> None:
        self.table, self.ladders, self.judge, self.limit = table, tuple(ladders), judge, max_suppressed_rows
        self.one_fails_all_below = max_suppressed_rows == 0 and judge.monotone(table)
        self.grouping = Grouping(table, ladders)
        self.shape = tuple(ladder.levels for ladder in ladders)
        self.top: Node = tuple(levels - 1 for levels in self.shape)
        self.nodes = _product(self.shape)
        self.floors = [self._floors(column) for column in range(len(ladders))]
        self.best: Outcome | None = None
        self.evaluated = 0
        self.work_left = work
        self.open: _Open | None = None

    def lay_out(self) -> None:
        """A lower bound for every node, where they are few enough to be held in memory."""
        if self.nodes <= MAX_NODES:
            self.open = _Open(self.floors, self.shape)

    def _floors(self, column: int) -> Floats:
        """Loss of one column at each level, as its share of the whole loss. (level,)"""
        ladder = self.ladders[column]
        loss = np.zeros(ladder.levels)
        for level in range(ladder.levels):
            loss[level] = self._penalty(column, level, np.arange(len(self.table)))
        return loss / (self.table.total_rows * len(self.ladders))

    def _penalty(self, column: int, level: int, which: Integers) -> float:
        """Summed penalty of the rows of some combinations. From whole counts a label, so that row order cannot matter."""
        ladder = self.ladders[column]
        labels = self.grouping.labels(column, level)[which]
        rows = np.bincount(labels, weights=self.table.rows[which], minlength=ladder.sizes[level])
        return float(rows @ ladder.penalties[level])

    def floor(self, node: Node) -> float:
        return float(sum(self.floors[column][level] for column, level in enumerate(node)))

    def evaluate(self, node: Node) -> Outcome | None:
        """Count the classes of a node; remember it if it is the best so far. ``None``: it breaks the limit."""
        self.evaluated += 1
        self.work_left -= len(self.table) + len(self.table.visitor) + 8 * self.judge.effort + 5000
        classes = self.grouping.classes(node)
        lasting = failing(classes, self.judge, absorbing_only=True)
        bad = lasting if self.judge.absorbing else lasting | failing(classes, self.judge)
        suppressed = np.flatnonzero(bad[classes.of])
        rows = int(self.table.rows[suppressed].sum())
        kept = rows <= self.limit and rows < self.table.total_rows
        extra = self._extra(node, suppressed, rows) if kept else np.inf
        self._bound(node, extra if self.judge.absorbing else self._lasting_extra(node, lasting[classes.of], kept))
        if not kept:
            return None
        outcome = Outcome(round(self.floor(node) + extra, DIGITS), node, rows)
        self.best = outcome if self.best is None else min(self.best, outcome)
        return outcome

    def _lasting_extra(self, node: Node, gone: Booleans, kept: bool) -> float:
        """The extra that no finer node is without, where some models are not absorbing. ``gone``: (combination,)."""
        suppressed = np.flatnonzero(gone)
        rows = int(self.table.rows[suppressed].sum())
        hopeless = not (rows <= self.limit and rows < self.table.total_rows)
        if hopeless or (self.one_fails_all_below and not kept):
            return np.inf
        return self._extra(node, suppressed, rows)

    def _extra(self, node: Node, suppressed: Integers, rows: int) -> float:
        """What suppression adds to the loss: 1 - penalty for every cell of every suppressed row."""
        if not rows:
            return 0.0
        kept = sum(rows - self._penalty(column, level, suppressed) for column, level in enumerate(node))
        return kept / (self.table.total_rows * len(node))

    def _bound(self, node: Node, extra: float) -> None:
        if self.open is not None:
            self.open.bound(node, extra)

    def walk_down(self) -> None:
        """Greedy: from ``*`` everywhere, step to the best finer neighbour while one keeps the promise."""
        here: Node | None = self.top
        self.evaluate(self.top)
        while here is not None and self.work_left > 0:
            steps = [outcome for node in self._finer(here) if (outcome := self.evaluate(node)) is not None]
            here = min(steps).node if steps else None

    def _finer(self, node: Node) -> Iterator[Node]:
        for column, level in enumerate(node):
            finer = (*node[:column], level - 1, *node[column + 1 :])
            if level > 0 and (self.best is None or self.floor(finer) < self.best.loss):
                yield finer

    def exhaust(self, progress: Progress) -> bool:
        """Evaluate until no open node can be better. True when that was reached: the best is the optimum."""
        if self.open is None:
            return False
        while (node := self.open.next(self.best)) is not None:
            if not self.work_left > 0:
                return False
            self.evaluate(node)
            progress(self.open.passed)
        return True


class _Open:
    """A lower bound of the loss of every node of the lattice, and a pointer down the nodes by falling floor.

    Bounds only rise and the best only falls, so a node that was passed never has to be looked at again.
    """

    def __init__(self, floors: Sequence[Floats], shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.floor = np.zeros(shape)
        for column, loss in enumerate(floors):
            self.floor += loss.reshape([-1 if i == column else 1 for i in range(len(shape))])
        self.bounds = self.floor.copy()
        self.seen = np.zeros(self.floor.size, dtype=bool)
        self.order = np.argsort(-self.floor, axis=None, kind="stable")
        self.pointer = 0

    @property
    def passed(self) -> float:
        """Share of the lattice that is settled."""
        return self.pointer / len(self.order)

    def bound(self, node: Node, extra: float) -> None:
        """``node`` was evaluated: no node at or below it has a smaller extra."""
        below = tuple(slice(0, level + 1) for level in node)
        self.bounds[below] = np.maximum(self.bounds[below], self.floor[below] + extra)
        self.seen[np.ravel_multi_index(node, self.shape)] = True

    def next(self, best: Outcome | None) -> Node | None:
        """The open node of the highest floor: whatever it shows holds for the most nodes below it."""
        bounds = self.bounds.reshape(-1)
        while self.pointer < len(self.order):
            chunk = self.order[self.pointer : self.pointer + CHUNK]
            may_win = np.flatnonzero(~self.seen[chunk] & self._may_win(chunk, bounds[chunk], best))
            if len(may_win):
                self.pointer += int(may_win[0])
                return tuple(int(level) for level in np.unravel_index(self.order[self.pointer], self.shape))
            self.pointer += len(chunk)
        return None

    def _may_win(self, chunk: Integers, bounds: Floats, best: Outcome | None) -> Booleans:
        if best is None:
            return np.isfinite(bounds)
        smaller_levels = chunk < np.ravel_multi_index(best.node, self.shape)
        return (bounds < best.loss - TIE) | ((bounds <= best.loss + TIE) & smaller_levels)


def _product(shape: tuple[int, ...]) -> int:
    nodes = 1
    for levels in shape:  # Python integers: forty columns leave 64 bits
        nodes *= levels
    return nodes
