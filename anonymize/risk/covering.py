"""Which rows of labels agree with which rows of values in every column? An index, so that no pair is looked at in vain.

A tree of the distinct rows, a column a floor. A question goes down all branches that agree with it, so that it costs what
it finds and not the whole table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from anonymize.risk.coded import Integers, Lists, dense

CHUNK = 8192
"""Questions that go down the tree together."""


class Tree:
    """The distinct rows ``codes``: (row, column)."""

    def __init__(self, codes: Integers) -> None:
        self.columns = codes.shape[1]
        self.rooms: list[int] = []
        self.branches: list[Integers] = []  # ascending: branch above · room + code
        above = np.zeros(len(codes), dtype=np.int64)
        for column in codes.T:
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
        found = [self._match(agreeing, asked[i : i + CHUNK], i) for i in range(0, len(asked), CHUNK)]
        if not found:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        return np.concatenate([pair[0] for pair in found]), np.concatenate([pair[1] for pair in found])

    def _match(self, agreeing: Sequence[Lists], asked: Integers, first: int) -> tuple[Integers, Integers]:
        question = np.arange(len(asked))
        at = np.zeros(len(asked), dtype=np.int64)
        for j in range(self.columns):
            owner, code = agreeing[j].joined(asked[question, j])
            branch, there = self._branch(j, at[owner], code)
            question, at = question[owner[there]], branch[there]
        return question + first, self.row[at] if len(self.row) else at[:0]

    def _branch(self, j: int, above: Integers, code: Integers) -> tuple[Integers, Integers]:
        """The branch under another with a code, and which of them exist."""
        branches, room = self.branches[j], self.rooms[j]
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
