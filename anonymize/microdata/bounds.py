"""What is known of every node of a lattice before it is counted: a lower bound of its loss, and which are still open.

A node is *open* while it may be better than the best found and has not been counted. Bounds only rise and the best only
falls, so a node that was closed once stays closed.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from anonymize.microdata.lattice import Booleans, Floats, Integers, Node
from anonymize.microdata.losses import Measure

CHUNK = 4096


class Best(Protocol):
    """What the bounds compare with: the best node so far."""

    @property
    def loss(self) -> float: ...

    @property
    def node(self) -> Node: ...


class Bounds:
    """A lower bound of the loss of every node, and a pointer down the nodes by falling floor."""

    def __init__(self, loss: Measure, shape: tuple[int, ...]) -> None:
        self.shape, self.tie, self.adds = shape, loss.tie, loss.adds
        self.floor = loss.floors(shape)
        self.lower = self.floor.copy()
        self.seen = np.zeros(self.floor.size, dtype=bool)
        self.order = np.argsort(-self.floor, axis=None, kind="stable").astype(np.int32)
        self.pointer = 0

    @property
    def passed(self) -> float:
        """Share of the lattice that is settled."""
        return self.pointer / len(self.order)

    def bound(self, node: Node, finer: float, coarser: float) -> None:
        """``node`` was counted: a lower bound (beside the floor, where the loss adds) at or below it, and one above."""
        below = tuple(slice(0, level + 1) for level in node)
        if finer == np.inf:
            self.lower[below] = np.inf
        elif finer > 0:
            self.lower[below] = np.maximum(self.lower[below], self.floor[below] + finer if self.adds else finer)
        if coarser > 0:
            above = tuple(slice(level, None) for level in node)
            self.lower[above] = np.maximum(self.lower[above], coarser)
        self.seen[self._place(node)] = True

    def counted(self, node: Node) -> bool:
        """Whether the node has been counted."""
        return bool(self.seen[self._place(node)])

    def hopeless(self, node: Node) -> bool:
        """Whether the node is known to break what was asked, whatever its loss."""
        return bool(self.lower[node] == np.inf)

    def is_open(self, node: Node, best: Best | None) -> bool:
        """Whether the node has not been counted and may still be better than ``best``."""
        place = np.array([self._place(node)])
        return bool(self._open(place, best)[0])

    def next(self, best: Best | None) -> Node | None:
        """The open node of the highest floor; ``None`` when all are closed."""
        while self.pointer < len(self.order):
            chunk = self.order[self.pointer : self.pointer + CHUNK]
            found = np.flatnonzero(self._open(chunk, best))
            if len(found):
                self.pointer += int(found[0])
                return self.node(int(self.order[self.pointer]))
            self.pointer += len(chunk)
        return None

    def sample(self, best: Best | None, most: int) -> Integers:
        """At most ``most`` of the open nodes, evenly taken from all: (node, column) → level."""
        places = np.flatnonzero(self._open(slice(None), best))
        chosen = places[:: -(-len(places) // most) or 1]
        return np.stack(np.unravel_index(chosen, self.shape), axis=1).astype(np.int16)

    def node(self, place: int) -> Node:
        """The node at a place of the flat lattice."""
        return tuple(int(level) for level in np.unravel_index(place, self.shape))

    def _place(self, node: Node) -> int:
        return int(np.ravel_multi_index(node, self.shape))

    def _open(self, places: Integers | slice, best: Best | None) -> Booleans:
        """Whether each place of the flat lattice is open. A tie goes to the smaller levels."""
        lower: Floats = self.lower.reshape(-1)[places]
        if best is None:
            return np.isfinite(lower) & ~self.seen[places]
        may_win = lower <= best.loss + self.tie
        close = np.flatnonzero(may_win & (lower >= best.loss - self.tie))
        at = close if isinstance(places, slice) else places[close]
        may_win[close] = at < self._place(best.node)
        return np.asarray(may_win & ~self.seen[places])
