"""The parts of generalised labels: what a method would have told apart one level further down."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anonymize.risk.arrays import Booleans, Floats, Integers, Lists, dense
from anonymize.risk.coded import CodedColumn


@dataclass(frozen=True)
class Parts:
    """The parts of every label of one column: the labels one level below on its ladder, or its leaves where it is on none.

    ``count``: (label,) parts, 1 for a single leaf, 0 for a label that covers nothing; ``of``: (member of the column,) the part of
    its label that it is in; ``ladder``: (label,) do the parts come from the ladder?
    """

    column: CodedColumn
    count: Integers
    of: Integers
    ladder: Booleans

    @staticmethod
    def of_column(column: CodedColumn) -> Parts:
        owner, ladder = np.repeat(np.arange(column.labels), column.sizes), np.zeros(column.labels, dtype=bool)
        below = column.members.copy()
        for level in range(len(column.parents)):
            at = on_ladder(column, level) & (column.level == level)
            ladder |= at
            if level > 0:
                inside = at[owner]
                below[inside] = column.parents[level - 1][column.members[inside]]
        room = int(below.max(initial=0)) + 1
        rank, distinct = dense(owner * room + below)
        count = np.bincount(distinct // room, minlength=column.labels)
        return Parts(column, count, rank - (np.cumsum(count) - count)[owner], ladder)

    def at(self, labels: Integers, leaves: Integers) -> Integers:
        """(i,) the part of ``labels[i]`` that has ``leaves[i]``, -1 where the label does not cover the leaf."""
        if not len(self._keys):
            return np.full(len(labels), -1)
        asked = labels * self.column.leaves + leaves
        place = np.minimum(np.searchsorted(self._keys, asked), len(self._keys) - 1)
        return np.where(self._keys[place] == asked, self.of[place], -1)

    @cached_property
    def _keys(self) -> Integers:
        """(member,) its label and itself as one number, ascending."""
        return np.repeat(np.arange(self.column.labels), self.column.sizes) * self.column.leaves + self.column.members

    @cached_property
    def starts(self) -> Integers:
        """(label + 1,) where the parts of each label start, among all parts of all labels."""
        return np.concatenate([[0], np.cumsum(self.count)]).astype(np.int64)

    def shares(self, weights: Floats) -> Floats:
        """(part of all labels,) its share of its label's weight, equal shares where that is 0; ``weights``: (leaf,)."""
        column = self.column
        owner = np.repeat(np.arange(column.labels), column.sizes)
        sums = np.bincount(self.starts[owner] + self.of, weights=weights[column.members], minlength=int(self.starts[-1]))
        label = np.repeat(np.arange(column.labels), self.count)
        whole = np.bincount(label, weights=sums, minlength=column.labels)[label]
        return np.where(whole > 0, sums / np.where(whole > 0, whole, 1), 1 / np.maximum(self.count[label], 1))


def on_ladder(column: CodedColumn, level: int) -> Booleans:
    """(label,): does the label cover exactly one whole group of the level?"""
    owner = np.repeat(np.arange(column.labels), column.sizes)
    groups = column.parents[level]
    own, sizes = groups[column.members], np.bincount(groups)
    least, most = np.full(column.labels, len(sizes)), np.full(column.labels, -1)
    np.minimum.at(least, owner, own)
    np.maximum.at(most, owner, own)
    return np.asarray((least == most) & (column.sizes == np.append(sizes, 0)[least]))


def overlapping(column: CodedColumn) -> Lists:
    """The labels that share a leaf with each label, itself among them."""
    owner, label = column.covering.joined(column.members)  # every member with every label that covers it
    of = np.repeat(np.arange(column.labels), column.sizes)[owner]
    pairs = dense(of * max(column.labels, 1) + label)[1]
    return Lists.grouped(pairs // max(column.labels, 1), pairs % max(column.labels, 1), column.labels)
