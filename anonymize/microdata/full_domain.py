"""Full-domain generalisation: every row at the same level of each column; the best node of the lattice.

The loss is the one that the recipe names (:mod:`anonymize.microdata.losses`). The default, 1 - granularity over all input
rows, a suppressed row counting as fully general, splits into ``floor + extra``: the floor is the loss of the labels as if
no row were suppressed (a sum over columns, so it is known for every node before any class is counted), the extra is what
suppression adds.

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
rules out all below it. (So it is where a model speaks of everybody in a population: it lets nothing be suppressed.) With a suppression limit they are not (a bad class may spoil a good one, and may be suppressed
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
from anonymize.microdata.losses import UNKNOWN, Measure, measure_of
from anonymize.microdata.population_models import PopulationRules
from anonymize.recipe import Loss

MAX_NODES = 8_000_000  # larger lattices are not laid out in memory: the greedy walk alone, and it says so
WORK = 2_000_000_000  # combinations looked at, all evaluations together: about two minutes; counted, so deterministic
CHUNK = 4096

Progress = Callable[[float], None]


@dataclass(frozen=True, order=True)
class Outcome:
    """A node that keeps its promise; orders by loss, then by levels."""

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
    populations: PopulationRules = (),
    loss: Loss = "granularity",
    work: int = WORK,
    progress: Progress = lambda share: None,
) -> Found:
    """The node of least loss whose classes all have ``k`` distinct persons once at most ``max_suppressed_rows`` go.

    ``rules``, ``populations``: what must hold beside k. ``loss``: what is minimised. At least one row is kept. Ties go to the
    lexicographically smallest levels. Raises :class:`PrivacyNotMet` when there are fewer than ``k`` persons: then no node
    can do it, not even ``*`` everywhere.
    """
    if not (k >= 1 and max_suppressed_rows >= 0):
        raise RecipeError("k must be at least 1 and the suppression limit at least 0 rows")
    if not table.total_persons >= k:
        raise PrivacyNotMet(f"k = {k} asks for more persons than the table holds")
    lattice = Search(table, ladders, Judge(k, tuple(rules), tuple(populations)), max_suppressed_rows, work, loss)
    lattice.lay_out()
    lattice.walk_down()
    proven = lattice.exhaust(progress)
    if lattice.best is None:
        also = "" if lattice.judge.plain else " that hold the other models"
        raise PrivacyNotMet(f"no generalisation gives classes of {k} persons{also} within the suppression limit")
    progress(1.0)
    return Found(lattice.best, lattice.nodes, lattice.evaluated, proven)


def failing(classes: Classes, judge: Judge, *, absorbing_only: bool = False) -> Booleans:
    """Which classes do not keep every promise: (class,)."""
    small = too_small(classes, judge.k)
    return small | ~judge.keeps_models(classes, absorbing_only=absorbing_only) if not judge.plain else small


class Search:
    """The state of one search."""

    def __init__(
        self,
        table: Combinations,
        ladders: Sequence[CodedLadder],
        judge: Judge,
        max_suppressed_rows: int,
        work: int,
        loss: Loss = "granularity",
    ) -> None:
        self.table, self.ladders, self.judge, self.limit = table, tuple(ladders), judge, max_suppressed_rows
        self.one_fails_all_below = (max_suppressed_rows == 0 or judge.complete) and judge.monotone(table)
        self.grouping = Grouping(table, ladders)
        self.shape = tuple(ladder.levels for ladder in ladders)
        self.top: Node = tuple(levels - 1 for levels in self.shape)
        self.nodes = _product(self.shape)
        self.loss = measure_of(loss, self.grouping, judge.k, max_suppressed_rows)
        self.best: Outcome | None = None
        self.evaluated = 0
        self.work_left = work
        self.open: _Open | None = None

    def lay_out(self) -> None:
        """A lower bound for every node, where they are few enough to be held in memory."""
        if self.nodes <= MAX_NODES:
            self.open = _Open(self.loss, self.shape)

    def evaluate(self, node: Node) -> Outcome | None:
        """Count the classes of a node; remember it if it is the best so far. ``None``: it breaks the limit."""
        self.evaluated += 1
        self.work_left -= len(self.table) + len(self.table.visitor) + 8 * self.judge.effort + 5000
        classes = self.grouping.classes(node)
        lasting = failing(classes, self.judge, absorbing_only=True)
        bad = lasting if self.judge.absorbing else lasting | failing(classes, self.judge)
        rows = self._rows(bad[classes.of])
        kept = self._enough_left(rows) and not (self.judge.complete and bad[classes.of].any())
        hopeless = not self._enough_left(self._rows(lasting[classes.of])) or (self.one_fails_all_below and not kept)
        weight = UNKNOWN if hopeless and self.loss.adds else self.loss.weigh(node, classes, bad, lasting)
        if self.open is not None:
            self.open.bound(node, np.inf if hopeless else weight.below, weight.above)
        if not kept:
            return None
        outcome = Outcome(round(weight.loss, self.loss.digits) + 0.0, node, rows)
        self.best = outcome if self.best is None else min(self.best, outcome)
        return outcome

    def _rows(self, gone: Booleans) -> int:
        """``gone``: (combination,)."""
        return int(self.table.rows[gone].sum())

    def _enough_left(self, gone: int) -> bool:
        return gone <= self.limit and gone < self.table.total_rows

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
            if level > 0 and (self.best is None or self.loss.floor(finer) < self.best.loss):
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

    def __init__(self, loss: Measure, shape: tuple[int, ...]) -> None:
        self.shape, self.tie, self.adds = shape, loss.tie, loss.adds
        self.floor = loss.floors(shape)
        self.bounds = self.floor.copy()
        self.seen = np.zeros(self.floor.size, dtype=bool)
        self.order = np.argsort(-self.floor, axis=None, kind="stable")
        self.pointer = 0

    @property
    def passed(self) -> float:
        """Share of the lattice that is settled."""
        return self.pointer / len(self.order)

    def bound(self, node: Node, finer: float, coarser: float) -> None:
        """``node`` was evaluated: a lower bound (beside the floor, where the loss adds) at or below it, and one above."""
        below = tuple(slice(0, level + 1) for level in node)
        self.bounds[below] = np.maximum(self.bounds[below], self.floor[below] + finer if self.adds else finer)
        if coarser > 0:
            above = tuple(slice(level, None) for level in node)
            self.bounds[above] = np.maximum(self.bounds[above], coarser)
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
        return (bounds < best.loss - self.tie) | ((bounds <= best.loss + self.tie) & smaller_levels)


def _product(shape: tuple[int, ...]) -> int:
    nodes = 1
    for levels in shape:  # Python integers: forty columns leave 64 bits
        nodes *= levels
    return nodes
