"""Why two classes of a local recoding are apart: every pair that overlaps, and in which columns one may have left the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anonymize.risk.arrays import Integers, Lists, dense
from anonymize.risk.covering import Tree
from anonymize.risk.parts import Parts, overlapping


@dataclass(frozen=True)
class Reasons:
    """``pair``: (reason,) the pair of classes, below ``pairs``, that it is a reason for; ``slots``: the slots it would close.

    All slots of a reason are parts of one label of one class, ``site``: (reason,) class · columns + column.
    """

    pairs: int
    pair: Integers
    site: Integers
    slots: Lists

    @cached_property
    def owner(self) -> Integers:
        """(member of ``slots``,) the reason it belongs to."""
        return np.repeat(np.arange(len(self.pair)), self.slots.sizes)


def overlapping_pairs(parts: Sequence[Parts], labels: Integers, most: int) -> tuple[Integers, Integers, bool]:
    """(pair,) two classes that overlap in every column, the lower number first; and whether some were left out."""
    ones, others, found = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], 0
    for one, other in Tree(labels).blocks([overlapping(part.column) for part in parts], labels):
        if found >= most:
            return np.concatenate(ones), np.concatenate(others), True
        ones.append(one[one < other])
        others.append(other[one < other])
        found += len(ones[-1])
    return np.concatenate(ones), np.concatenate(others), False


def reasons_of(parts: Sequence[Parts], labels: Integers, first: Integers, one: Integers, other: Integers) -> Reasons:
    """The reasons of some pairs of classes. ``first``: (class, column) the first slot of the label there.

    A reason is a column in which the label of one class lies strictly within that of the other: the part of the wider one that
    the narrower one is in went. Where two labels overlap and neither lies within the other, nothing can be said of the pair.
    """
    known = [_Relations(part, labels[one, j], labels[other, j]) for j, part in enumerate(parts)]
    clear = ~np.any([relation.crossing for relation in known], axis=0)
    found: list[tuple[Integers, Integers, Lists]] = []
    for j, relation in enumerate(known):
        for turn, (rest, finer) in enumerate(((one, relation.other_finer), (other, relation.one_finer))):
            at = np.flatnonzero(finer & clear)
            closing = relation.closing(at, turn)
            slots = np.repeat(first[rest[at], j], closing.sizes) + closing.members
            found.append((at, rest[at] * len(parts) + j, Lists(closing.starts, slots)))
    pair, site = np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
    starts = np.concatenate([[0], np.cumsum(np.concatenate([f[2].sizes for f in found]))]).astype(np.int64)
    return Reasons(len(one), pair, site, Lists(starts, np.concatenate([f[2].members for f in found])))


class _Relations:
    """How the labels of pairs of classes lie to each other in one column: (pair,) for each."""

    def __init__(self, parts: Parts, one: Integers, other: Integers) -> None:
        self.parts, column = parts, parts.column
        self.of, keys = dense(one * max(column.labels, 1) + other)  # few different pairs of labels
        left, right = keys // max(column.labels, 1), keys % max(column.labels, 1)
        self.left, self.right = left, right
        less, more = column.sizes[left], column.sizes[right]
        owner, leaves = column.covers.joined(np.where(less <= more, left, right))  # the smaller one, leaf by leaf
        shared = np.bincount(owner[parts.at(np.where(less <= more, right, left)[owner], leaves) >= 0], minlength=len(keys))
        self.crossing = ((shared < less) & (shared < more))[self.of]
        self.one_finer = ((shared == less) & (less < more))[self.of]
        self.other_finer = ((shared == more) & (more < less))[self.of]

    def closing(self, at: Integers, turn: int) -> Lists:
        """The parts of the coarser label (``turn`` 0: of the one's) that the finer one's leaves are in, for some pairs."""
        coarse, fine = (self.left, self.right) if turn == 0 else (self.right, self.left)
        used, back = np.unique(self.of[at], return_inverse=True)
        owner, leaves = self.parts.column.covers.joined(fine[used])
        part = self.parts.at(coarse[used][owner], leaves)
        room = int(self.parts.count.max(initial=0)) + 1
        keys = dense(owner * room + part)[1]
        lists = Lists.grouped(keys // room, keys % room, len(used))
        which, parts = lists.joined(back)
        return Lists.grouped(which, parts, len(at))
