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

With privacy models beside k (:mod:`anonymize.microdata.models` and :mod:`anonymize.microdata.population_models` say which
are what, and why), 1 and 2 stay true of the rows that break k or an *absorbing* model (distinct l-diversity, k-map): the
bounds use those rows alone. The other models are monotone only when nothing may be suppressed and no person is in two
combinations: then a node at which any class fails rules out all below it. (So it is where a model speaks of everybody in
a population: it lets nothing be suppressed.) With a suppression limit they are not (a bad class may spoil a good one, and
may be suppressed once it is apart), so a node at which they fail says nothing about finer ones and nothing is pruned by it.

The search first counts the nodes of least penalty for the bits they keep (:mod:`anonymize.microdata.information`), then
their neighbours, and so has a good node early; then it closes one open node after the other, by counting it or a coarser
one that breaks the limit, and ends when none is left. It looks at the nodes in an order that depends on the table's
counts alone: same input, same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from anonymize.errors import PrivacyNotMet, RecipeError
from anonymize.microdata.bounds import Bounds
from anonymize.microdata.classes import Classes, Combinations, Grouping
from anonymize.microdata.information import UNIT, Information, Witnesses, near
from anonymize.microdata.judge import Judge, Rules
from anonymize.microdata.lattice import Booleans, CodedLadder, Node
from anonymize.microdata.losses import UNKNOWN, measure_of
from anonymize.microdata.population_models import PopulationRules
from anonymize.recipe import Loss

MAX_NODES = 8_000_000  # larger lattices are not laid out in memory: guesses and their neighbours alone, and it says so
WORK = 10_000_000_000  # combinations looked at, all nodes together: below two minutes; counted, so deterministic

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
    lattice.guess()
    lattice.climb()
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
        self.counted: dict[Node, Outcome | None] = {}
        self.hopeless: list[Node] = []  # and all that is finer than one of them
        self.work_left = work
        self.bounds: Bounds | None = None

    @property
    def evaluated(self) -> int:
        """How many nodes were counted."""
        return len(self.counted)

    def lay_out(self) -> None:
        """A lower bound for every node, where they are few enough to be held in memory."""
        if self.nodes <= MAX_NODES:
            self.bounds = Bounds(self.loss, self.shape)

    def evaluate(self, node: Node) -> Outcome | None:
        """Count the classes of a node; remember it if it is the best so far. ``None``: it breaks the limit."""
        self.counted[node] = None
        self.work_left -= len(self.table) + len(self.table.visitor) + 8 * self.judge.effort + 5000
        classes = self.grouping.classes(node)
        lasting = failing(classes, self.judge, absorbing_only=True)
        bad = lasting if self.judge.absorbing else lasting | failing(classes, self.judge)
        rows = int(classes.rows[bad].sum())
        kept = self._enough_left(rows) and not (self.judge.complete and bad[classes.of].any())
        hopeless = not self._enough_left(int(classes.rows[lasting].sum())) or (self.one_fails_all_below and not kept)
        if hopeless:
            self.hopeless.append(node)
        weight = UNKNOWN if hopeless and self.loss.adds else self.loss.weigh(node, classes, bad, lasting)
        if self.bounds is not None:
            self.bounds.bound(node, np.inf if hopeless else weight.below, weight.above)
        if not kept:
            return None
        outcome = Outcome(round(weight.loss, self.loss.digits) + 0.0, node, rows)
        self.counted[node] = outcome
        self.best = outcome if self.best is None else min(self.best, outcome)
        return outcome

    def _enough_left(self, gone: int) -> bool:
        return gone <= self.limit and gone < self.table.total_rows

    def guess(self) -> None:
        """From ``*`` everywhere: halve the range of bits in which the least penalised nodes turn from kept to broken."""
        if self.evaluate(self.top) is None:
            return
        information = Information(self.grouping)
        low, high = 0.0, information.most
        while high - low > 1 / UNIT and self.work_left > 0:
            bits = (low + high) / 2
            node = information.cheapest(bits)
            outcome = self.counted[node] if node in self.counted else self.evaluate(node)
            low, high = (low, bits) if outcome is None else (bits, high)

    def climb(self) -> None:
        """Count what is near the best node, until nothing near it is better."""
        before = None
        while self.best is not None and self.best is not before:
            before = self.best
            for node in near(before.node, self.top):
                if self._may_be_better(node) and self.work_left > 0:
                    self.evaluate(node)

    def _may_be_better(self, node: Node) -> bool:
        if self.bounds is not None:
            return self.bounds.is_open(node, self.best)
        finer = np.array(self.hopeless, dtype=np.int16).reshape(-1, len(node)) >= np.array(node)
        return node not in self.counted and not finer.all(axis=1).any() and (self.best is None or self.loss.floor(node) < self.best.loss)

    def exhaust(self, progress: Progress) -> bool:
        """Count until no open node can be better. True when that was reached: the best is the optimum."""
        if self.bounds is None:
            return False
        witnesses = Witnesses(Information(self.grouping), self.bounds, self.best)
        while (node := self.bounds.next(self.best)) is not None:
            for witness in witnesses.of(node, self.best):
                if not self.work_left > 0:
                    return False
                self.evaluate(witness)
                witnesses.learn(witness)
                if not self.bounds.is_open(node, self.best):
                    break
            progress(self.bounds.passed)
        return True


def _product(shape: tuple[int, ...]) -> int:
    nodes = 1
    for levels in shape:  # Python integers: forty columns leave 64 bits
        nodes *= levels
    return nodes
