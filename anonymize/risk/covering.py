"""Which rows of labels agree with which rows of values in every column? An index, so that no pair is looked at in vain.

A tree of the distinct rows, a column a floor. A question goes down all branches that agree with it, so that it costs what
it finds and not the whole table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from anonymize.risk.arrays import Integers, Lists, dense

CHUNK = 8192
"""Questions that go down the tree together."""
FRONT = 2_000_000
"""Branches that are tried together: what a search holds in memory, however much it finds."""


class Tree:
    """The distinct rows ``codes``: (row, column). Columns of few codes are the upper floors: there, few ways part."""

    def __init__(self, codes: Integers) -> None:
        self.order: list[int] = np.argsort(codes.max(axis=0, initial=0), kind="stable").tolist()
        self.rooms: list[int] = []
        self.branches: list[Integers] = []  # ascending: branch above · room + code
        above = np.zeros(len(codes), dtype=np.int64)
        for column in codes.T[self.order]:
            room = int(column.max(initial=0)) + 1
            above, branches = dense(above * room + column)
            self.rooms.append(room)
            self.branches.append(branches)
        self.row = np.zeros(len(self.branches[-1]) if self.branches else min(len(codes), 1), dtype=np.int64)
        self.row[above] = np.arange(len(codes))

    def match(self, agreeing: Sequence[Lists], asked: Integers) -> tuple[Integers, Integers]:
        """(pair,) the question and the row that agrees with it, by question.

        ``asked``: (question, column) keys of ``agreeing[column]``, which lists the codes that agree with each key.
        """
        none = np.zeros(0, dtype=np.int64)
        found = [(none, none), *self.blocks(agreeing, asked)]
        return np.concatenate([pair[0] for pair in found]), np.concatenate([pair[1] for pair in found])

    def blocks(self, agreeing: Sequence[Lists], asked: Integers) -> Iterator[tuple[Integers, Integers]]:
        """What :meth:`match` finds, a part after the other, so that not all of it has to be held."""
        for first in range(0, len(asked), CHUNK):
            questions = np.arange(first, min(first + CHUNK, len(asked)))
            yield from self._down(agreeing, asked, 0, questions, np.zeros(len(questions), dtype=np.int64))

    def _down(
        self, agreeing: Sequence[Lists], asked: Integers, floor: int, question: Integers, at: Integers
    ) -> Iterator[tuple[Integers, Integers]]:
        """From the branches ``at`` above a floor on; a front that is too wide goes down in two parts."""
        if floor == len(self.order):
            yield question, self.row[at] if len(self.row) else at[:0]
            return
        j = self.order[floor]
        if len(question) > 1 and int(agreeing[j].sizes[asked[question, j]].sum()) > FRONT:
            half = len(question) // 2
            yield from self._down(agreeing, asked, floor, question[:half], at[:half])
            yield from self._down(agreeing, asked, floor, question[half:], at[half:])
            return
        owner, code = agreeing[j].joined(asked[question, j])
        branch, there = self._branch(floor, at[owner], code)
        if len(there):
            yield from self._down(agreeing, asked, floor + 1, question[owner[there]], branch[there])

    def _branch(self, floor: int, above: Integers, code: Integers) -> tuple[Integers, Integers]:
        """The branch under another with a code, and which of them exist."""
        branches, room = self.branches[floor], self.rooms[floor]
        if not len(branches):
            return above, np.zeros(0, dtype=np.int64)
        key = above * room + code
        place = np.minimum(np.searchsorted(branches, key), len(branches) - 1)
        return place, np.flatnonzero((branches[place] == key) & (code < room))


def by_question(question: Integers, row: Integers, count: int) -> Iterator[Integers]:
    """The rows of each question 0 … count - 1, from pairs by question."""
    ends = np.searchsorted(question, np.arange(count + 1))
    for i in range(count):
        yield row[ends[i] : ends[i + 1]]
