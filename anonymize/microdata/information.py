"""How much a node still says, in bits, and the nodes that this makes worth counting.

The entropy of a column's labels at a level is known without counting classes. Were columns independent, the entropies of
a node's columns would add up to that of its classes, and rows would be alone in their class in step with it. They are
not independent, yet nodes of about the same sum of bits keep or break k-anonymity together: a good guess of where to
look, and only that. What is found this way is counted like every other node, and proves nothing by being guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from anonymize.microdata.bounds import Best, Bounds
from anonymize.microdata.classes import Grouping
from anonymize.microdata.lattice import Floats, Integers, Node

UNIT = 32  # parts of a bit in the knapsack
SAMPLE = 20_000  # open nodes that a witness is chosen by
RENEWED = 50  # choices between two samples
STEP_UP, STEP_DOWN = 0.15, 0.03  # bits: after a witness that says nothing of finer nodes, and after one that does
MARGIN = 1.0  # bits above the best node at which the first witnesses are looked for
LEAST = 1e-6  # bits


class Information:
    """Bits and penalty of every column at every level: (level,) a column; rows are the weights."""

    def __init__(self, grouping: Grouping) -> None:
        rows = grouping.table.rows
        counts = [
            [np.bincount(grouping.labels(c, level), rows, ladder.sizes[level]) for level in range(ladder.levels)]
            for c, ladder in enumerate(grouping.ladders)
        ]
        self.bits = [np.array([_entropy(level) for level in column]) for column in counts]
        self.penalty = [
            np.array([float(level @ ladder.penalties[i]) for i, level in enumerate(column)]) / max(int(rows.sum()), 1)
            for column, ladder in zip(counts, grouping.ladders, strict=True)
        ]
        self.top: Node = tuple(ladder.levels - 1 for ladder in grouping.ladders)

    def of(self, node: Node) -> float:
        """Bits of a node, its columns taken for independent."""
        return float(sum(self.bits[column][level] for column, level in enumerate(node)))

    @property
    def most(self) -> float:
        """Bits of the values themselves."""
        return self.of((0,) * len(self.top))

    def cheapest(self, bits: float) -> Node:
        """The node of least penalty among those of at most so many bits (a knapsack: one level a column, to 1/32 bit)."""
        room = int(bits * UNIT)
        least = np.zeros(room + 1)  # penalty of the columns so far, by bits that may be used
        chosen: list[Integers] = []
        weights = [np.ceil(column * UNIT).astype(int) for column in self.bits]
        for penalty, weight in zip(self.penalty, weights, strict=True):
            offers = np.full((len(penalty), room + 1), np.inf)  # (level, bits)
            for level, used in enumerate(weight):
                offers[level, used:] = least[: max(room + 1 - used, 0)] + penalty[level]
            chosen.append(offers.argmin(axis=0))
            least = offers.min(axis=0)
        node: list[int] = []
        for levels, weight in zip(reversed(chosen), reversed(weights), strict=True):
            node.append(int(levels[room]))
            room -= int(weight[node[-1]])
        return tuple(reversed(node))


class Witnesses:
    """Chooses a coarser node to count in place of an open one: what breaks the limit there breaks it in all finer nodes.

    A node far below the limit says something of itself only; the coarsest that still breaks it, of all nodes below. Where
    that is, is learnt on the way, in bits.
    """

    def __init__(self, information: Information, bounds: Bounds, best: Best | None) -> None:
        self.information, self.bounds = information, bounds
        self.edge = (information.of(best.node) if best is not None else 0.0) + MARGIN
        self.open: Integers = np.zeros((0, len(information.top)), dtype=np.int16)
        self.chosen = 0

    def learn(self, node: Node) -> None:
        """``node`` was counted."""
        self.edge += -STEP_DOWN if self.bounds.hopeless(node) else STEP_UP

    def of(self, node: Node, best: Best | None) -> Iterator[Node]:
        """Nodes at or above an open one that have not been counted: first the likely one, then finer, itself last."""
        if self.chosen % RENEWED == 0:
            self.open = self.bounds.sample(best, SAMPLE)
        self.chosen += 1
        chain = self._chain(node)
        place, tried = len(chain) - 1, 0
        while place > 0:
            if not self.bounds.counted(chain[place]):
                yield chain[place]
                tried += 1
            place = place // 2 if tried > 1 else place - 1
        yield node

    def _chain(self, node: Node) -> list[Node]:
        """From ``node`` up to the edge: a level more in the column that takes in most open nodes for the bits it costs."""
        information, here = self.information, np.array(node, dtype=np.int16)
        above = (self.open > here).sum(axis=1)  # columns in which an open node is coarser
        bits, chain = information.of(node), [node]
        while True:
            worth = self._worth(here, self.open[above == 1])
            column = int(worth.argmax())
            if not worth[column] > 0:
                return chain
            bits -= information.bits[column][here[column]] - information.bits[column][here[column] + 1]
            if not bits >= self.edge:
                return chain
            here[column] += 1
            above -= self.open[:, column] == here[column]
            chain.append(tuple(int(level) for level in here))

    def _worth(self, here: Integers, within_one: Integers) -> Floats:
        """(column,); 0 at its top. A column that takes in none counts a little, by the share of the lattice."""
        worth = np.zeros(len(here))
        for column, level in enumerate(here):
            if level < self.information.top[column]:
                bits = self.information.bits[column]
                taken = np.count_nonzero(within_one[:, column] == level + 1) + 1e-3 * np.log((level + 2) / (level + 1))
                worth[column] = taken / max(bits[level] - bits[level + 1], LEAST)
        return worth


def _entropy(counts: Floats | Integers) -> float:
    share = counts[counts > 0] / max(float(counts.sum()), 1.0)
    return float(-(share * np.log2(share)).sum())


def near(node: Node, top: Sequence[int]) -> Iterator[Node]:
    """Nodes a step away, in every column and between every two: finer by up to two levels, coarser by up to two."""
    for i in range(len(node)):
        for step in (-2, -1, 1):
            yield from _moved(node, top, {i: step})
    for i in range(len(node)):
        for j in range(len(node)):
            for down, up in ((-1, 1), (-2, 1), (-1, 2)) if i != j else ():
                yield from _moved(node, top, {i: down, j: up})


def _moved(node: Node, top: Sequence[int], steps: dict[int, int]) -> Iterator[Node]:
    moved = tuple(level + steps.get(column, 0) for column, level in enumerate(node))
    if all(0 <= level <= highest for level, highest in zip(moved, top, strict=True)):
        yield moved
