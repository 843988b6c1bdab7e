"""Local recoding: top-down refinement, classes at different levels.

Begin with everything in one class and split classes as long as every part keeps all promises (Mondrian, LeFevre et al.
2006; top-down specialisation, Fung et al. 2005). One split takes one column one level down the ladder: a part for each
label below. Parts that do not hold on their own stay together at the old label; if even together they do not hold, the
part that gains least joins them. So one rare value does not keep a column coarse for everybody. After each split every
column of a class falls to the lowest label that all its values share.

Of the splits that a class allows, the one with the greatest gain of granularity for what it uses up is taken: the gain
over the entropy of the parts' sizes (as the gain ratio of Quinlan's C4.5 does). Rows within a class stay equal, every
label is one of the ladder's, nothing is suppressed. All classes are refined together, a round at a time, on arrays of
the distinct combinations in an order of their own: same input, same answer.

Combinations that only a population has (:mod:`anonymize.microdata.population`) go along as members without rows. A part of
such members alone stays at the old label: no row has it, so it need not hold, unless a model speaks of everybody.

A split is never taken back, so the result is no optimum; and because it follows the data closely, what it tells an
attacker beyond the classes is to be measured (combinatorial refinement, arXiv 2509.03350): see ``method: fixed``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from anonymize.errors import PrivacyNotMet
from anonymize.microdata.classes import Combinations, Grouping
from anonymize.microdata.judge import Judge
from anonymize.microdata.lattice import Booleans, CodedLadder, Floats, Integers

TIE = 1e-12
CELLS = 1 << 25  # (class, label) pairs counted at once; a column with more than that is not split in that round

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Recoding:
    """``levels``: (combination, column); ``of``: (combination,) the class below ``classes``; ``loss`` as in full domain."""

    levels: Integers
    of: Integers
    classes: int
    loss: float
    rounds: int


def search(
    table: Combinations, ladders: Sequence[CodedLadder], judge: Judge, *, progress: Progress = lambda share: None
) -> Recoding:
    """Refine one class of everything. Raises :class:`PrivacyNotMet` when not even that keeps the promises."""
    grouping = Grouping(table, ladders)
    everything = grouping.group(np.zeros(len(table), dtype=np.int64), 1)
    if not judge.holds(everything).all():
        raise PrivacyNotMet("the table as a whole, with '*' everywhere, does not hold what is asked, and local recoding starts from there")
    refinement = _Refinement(grouping, judge)
    while len(refinement.members):
        refinement.round()
        progress(1 - len(refinement.members) / len(table))
    return refinement.result()


class _Column:
    """One ladder as tables by (level, leaf)."""

    def __init__(self, ladder: CodedLadder) -> None:
        self.top = ladder.levels - 1
        self.labels = np.stack([group.astype(np.int32) for group in ladder.groups])
        self.penalty = np.stack([ladder.penalties[i][group] for i, group in enumerate(ladder.groups)])
        self.child = np.zeros_like(self.labels)  # number of the label among those with the same label above
        for level in range(self.top):
            self.child[level] = _numbered(self.labels[level + 1], self.labels[level])
        self.fan = int(self.child.max(initial=0)) + 1
        # (level, label above, child): what stepping down to it saves; the same for all leaves of a label
        self.saving = np.zeros((self.top, int(self.labels.max(initial=0)) + 1, self.fan))
        for level in range(self.top):
            self.saving[level, self.labels[level + 1], self.child[level]] = self.penalty[level + 1] - self.penalty[level]


def _numbered(above: Integers, labels: Integers) -> Integers:
    pairs = np.unique(np.stack([above, labels]), axis=1)
    number = np.zeros(int(labels.max(initial=0)) + 1, dtype=np.int32)
    number[pairs[1]] = np.arange(pairs.shape[1]) - np.searchsorted(pairs[0], pairs[0])
    return number[labels]


@dataclass(frozen=True)
class _Split:
    """What one column offers: a score a class (0: nothing), and which parts stand on their own, (``number[class]``, part)."""

    score: Floats
    stands: Booleans
    number: Integers


class _Refinement:
    """The classes that may still be split. Members are ordered by class; ``levels`` and ``dead`` are (class, column).

    ``dead``: no split of that column can come, also not in any part of the class, while its level stays: true where
    promises are absorbing, since a part of what does not hold does not hold. Not where combinations have no row: what
    stands in the way of a split in the class may be absent from a part of it.
    """

    def __init__(self, grouping: Grouping, judge: Judge) -> None:
        self.table, self.judge, self.grouping = grouping.table, judge, grouping
        self.columns = [_Column(ladder) for ladder in grouping.ladders]
        # counts add up only where nobody is in two combinations; then classes are judged from the counts of parts
        self.additive = not self.table.visitors and judge.plain
        self.padded = bool((self.table.rows == 0).any())  # with combinations that only a population has
        self.final = judge.absorbing and not self.padded
        order = _canonical(self.table.codes, [ladder.sizes[0] for ladder in grouping.ladders])
        self.members: Integers = order
        self.codes = [_short(self.table.codes[:, c], ladder.sizes[0])[order] for c, ladder in enumerate(grouping.ladders)]
        self.rows = self.table.rows[order].astype(np.float64)
        same = self.table.settled is self.table.rows  # every row is a person
        self.persons = self.rows if same else self.table.settled[order].astype(np.float64)
        self.of: Integers = np.zeros(len(order), dtype=np.int32)
        self.starts: Integers = np.zeros(1, dtype=np.int64)  # of every class among the members
        self.levels = np.array([[column.top for column in self.columns]], dtype=np.int32)
        self.dead = np.zeros(self.levels.shape, dtype=bool)
        self.final_levels = np.zeros((len(order), len(self.columns)), dtype=np.int8)
        self.final_class = np.zeros(len(order), dtype=np.int64)
        self.finished = 0
        self.rounds = 0

    @property
    def count(self) -> int:
        return len(self.levels)

    def round(self) -> None:
        """Tighten every class, find each one's best split, put aside those without one, split the others."""
        self.rounds += 1
        self._tighten()
        column, splits = self._best()
        self._finish(column < 0)
        if len(self.members):
            self._split(column, splits)

    def _tighten(self) -> None:
        starts, ends = self.starts, np.append(self.starts[1:], len(self.of))
        for c, column in enumerate(self.columns):
            which = np.flatnonzero(self.levels[:, c] > 0)
            while len(which):
                one = self._one_label(column, self.codes[c], which, c, starts, ends)
                which = which[one]
                self.levels[which, c] -= 1
                self.dead[which, c] = False
                which = which[self.levels[which, c] > 0]

    def _one_label(
        self, column: _Column, codes: Integers, which: Integers, c: int, starts: Integers, ends: Integers
    ) -> Booleans:
        """Whether all members of each class have one label a level below."""
        first, last = starts[which], ends[which] - 1
        below = self.levels[which, c] - 1
        one: Booleans = column.labels[below, codes[first]] == column.labels[below, codes[last]]
        # the first and the last differ in most classes: only the others are looked at whole
        maybe = np.flatnonzero(one)
        if len(maybe):
            length = ends[which[maybe]] - starts[which[maybe]]
            place = np.repeat(starts[which[maybe]] - np.append(0, np.cumsum(length)[:-1]), length) + np.arange(length.sum())
            label = column.labels[np.repeat(below[maybe], length), codes[place]]
            begin = np.append(0, np.cumsum(length)[:-1])
            one[maybe] = np.minimum.reduceat(label, begin) == np.maximum.reduceat(label, begin)
        return one

    def _best(self) -> tuple[Integers, list[_Split | None]]:
        """The column of the best split of each class (-1: none; the first on a tie), and what every column offers."""
        self.lengths = np.diff(self.starts, append=len(self.of))
        persons = np.add.reduceat(self.persons, self.starts)
        self.large_enough = (persons >= 2 * self.judge.k) | (not self.additive)
        splits = [self._offer(c) for c in range(len(self.columns))]
        best, column = np.zeros(self.count), np.full(self.count, -1)
        for c, split in enumerate(splits):
            if split is not None:
                better = split.score > best + TIE
                best[better], column[better] = split.score[better], c
        return column, splits

    def _offer(self, c: int) -> _Split | None:
        column = self.columns[c]
        open_ = (self.levels[:, c] > 0) & ~self.dead[:, c] & self.large_enough
        opened = np.flatnonzero(open_)
        shape = (len(opened), column.fan)
        if not len(opened) or shape[0] * shape[1] > CELLS:
            return None
        length = self.lengths[opened]
        at = np.arange(len(self.of)) if len(opened) == self.count else np.flatnonzero(np.repeat(open_, self.lengths))
        everybody = len(at) == len(self.of)
        number = np.cumsum(open_) - 1  # of an open class among the open ones
        level, leaves = self.levels[opened, c].astype(np.intp), column.labels.shape[1]
        below = np.repeat((level - 1) * leaves, length)  # place in (level, leaf)
        below += self.codes[c] if everybody else self.codes[c][at]
        of = np.repeat(np.arange(len(opened)), length)
        cell = of * column.fan
        cell += column.child.reshape(-1).take(below)
        rows = np.bincount(cell, self.rows if everybody else self.rows[at], shape[0] * shape[1]).reshape(shape).astype(np.float64)
        saved = column.saving[level - 1, column.labels[level, self.codes[c][self.starts[opened]]]] * rows
        parts = _Parts(self, at, of, cell, shape, rows if self.persons is self.rows else None)
        present = rows > 0 if not self.padded else np.bincount(cell, minlength=rows.size).reshape(shape) > 0
        stands = parts.hold() & (rows > 0)
        least = np.where(stands, saved, np.inf).argmin(axis=1)
        join = ~parts.rest_holds(stands) & stands.any(axis=1)
        stands[join, least[join]] = False
        valid = stands.any(axis=1) & (present.sum(axis=1) > 1) & parts.rest_holds(stands)
        gain = np.where(stands, saved, 0).sum(axis=1)
        valid &= (gain > 0) | (self.padded & ((rows > 0).sum(axis=1) == 1))  # the last: it leaves behind whom no row has
        score = np.zeros(self.count)
        score[opened[valid]] = np.maximum(gain[valid] / np.maximum(_entropy(rows[valid], stands[valid]), TIE), 2 * TIE)
        if self.final:
            self.dead[opened[~valid], c] = True
        return _Split(score, stands, number)

    def _finish(self, done: Booleans) -> None:
        """Put classes aside."""
        if not done.any():
            return
        out = np.repeat(done, self.lengths)
        number = np.cumsum(done) - 1 + self.finished
        place = self.members[out]
        self.final_levels[place] = self.levels[self.of[out]]
        self.final_class[place] = number[self.of[out]]
        self.finished += int(done.sum())
        self._keep(np.flatnonzero(~out))

    def _keep(self, which: Integers) -> None:
        same = self.persons is self.rows
        self.members, self.of, self.rows = self.members[which], self.of[which], self.rows[which]
        self.persons = self.rows if same else self.persons[which]
        self.codes = [codes[which] for codes in self.codes]

    def _split(self, column: Integers, splits: Sequence[_Split | None]) -> None:
        """Cut every class along its column; parts that do not stand are one class, at the old label."""
        fan = max(column.fan for column in self.columns) + 1
        key = self.of.astype(np.int64) * fan  # and no more for the rest
        along = column[self.of]
        for c, split in enumerate(splits):
            at = np.flatnonzero(along == c)
            if split is not None and len(at):
                of, leaves = self.of[at], self.columns[c].labels.shape[1]
                place = ((self.levels[:, c] - 1) * leaves).take(of)
                place += self.codes[c][at]
                child = self.columns[c].child.reshape(-1).take(place)
                stands = split.stands.reshape(-1).take((split.number * self.columns[c].fan).take(of) + child)
                key[at] += stands * (child + 1)
        order = np.argsort(key, kind="stable")
        self._keep(order)
        key = key[order]
        new = np.diff(key, prepend=-1) != 0
        self.of = np.cumsum(new, dtype=np.int32) - 1
        self.starts = np.flatnonzero(new)
        parent, stands = key[new] // fan, key[new] % fan > 0
        self.levels, self.dead = self.levels[parent], self.dead[parent]
        went = column[parent]
        self.levels[np.flatnonzero(stands), went[stands]] -= 1
        self.dead[np.arange(len(parent)), went] = ~stands if self.final else False

    def result(self) -> Recoding:
        table = self.table
        loss = 0.0
        for c, column in enumerate(self.columns):
            cells = np.bincount(
                self.final_levels[:, c].astype(np.int64) * column.labels.shape[1] + table.codes[:, c], table.rows, column.labels.size
            )
            loss += float(cells @ column.penalty.reshape(-1))
        share = loss / (table.total_rows * len(self.columns))
        return Recoding(self.final_levels, self.final_class, self.finished, round(share, 12), self.rounds)

class _Parts:
    """The parts that one column would cut the classes into, judged alone and merged."""

    def __init__(
        self,
        state: _Refinement,
        at: Integers,
        of: Integers,
        cell: Integers,
        shape: tuple[int, int],
        persons: Floats | None,
    ) -> None:
        self.state, self.at, self.of, self.cell, self.shape = state, at, of, cell, shape
        self.k = state.judge.k
        counted = persons if persons is not None or not state.additive else np.bincount(cell, state.persons[at], shape[0] * shape[1])
        self.persons = np.zeros(shape) if counted is None else counted.reshape(shape)

    def hold(self) -> Booleans:
        """(class, part): whether it keeps the promises alone."""
        if self.state.additive:
            return np.asarray(self.persons >= self.k)
        return np.asarray(self._judge(self.cell, self.shape[0] * self.shape[1]).reshape(self.shape))

    def rest_holds(self, stands: Booleans) -> Booleans:
        """(class,): whether the parts that do not stand keep the promises together, or hold no row."""
        if self.state.additive:
            rest = np.where(stands, 0, self.persons).sum(axis=1)
            return np.asarray((rest == 0) | (rest >= self.k))
        alone = stands.reshape(-1)[self.cell]
        of = np.where(alone, -1, self.of)
        matters = ~alone if self.state.judge.complete else ~alone & (self.state.rows[self.at] > 0)
        some = np.bincount(of[matters], minlength=self.shape[0]) > 0
        return np.asarray(~some | self._judge(of, self.shape[0]))

    def _judge(self, of: Integers, count: int) -> Booleans:
        everywhere = np.full(len(self.state.table), -1, dtype=np.int64)
        everywhere[self.state.members[self.at]] = of
        return self.state.judge.holds(self.state.grouping.group(everywhere, count))


def _entropy(rows: Floats, stands: Booleans) -> Floats:
    """Rows times entropy of the parts' sizes, the merged ones as one: what the split uses up. (class,)"""
    alone = np.where(stands, rows, 0)
    rest = rows.sum(axis=1) - alone.sum(axis=1)
    total = rows.sum(axis=1)
    return np.asarray(_x_log_x(total) - _x_log_x(alone).sum(axis=1) - _x_log_x(rest))


def _x_log_x(x: Floats) -> Floats:
    return np.asarray(x * np.log(np.maximum(x, 1)))


def _short(codes: Integers, count: int) -> Integers:
    """Codes below ``count`` in the smallest type: every round puts them into a new order."""
    return codes.astype(np.min_scalar_type(max(count - 1, 0)))


def _canonical(codes: Integers, sizes: Sequence[int]) -> Integers:
    """An order of the combinations that does not depend on the order they came in."""
    key, room = np.zeros(len(codes), dtype=np.int64), 1
    for c, size in enumerate(sizes):
        if room * size >= 1 << 62:
            return np.lexsort(tuple(codes[:, i] for i in reversed(range(codes.shape[1]))))
        key, room = key * size + codes[:, c], room * size
    return np.argsort(key, kind="stable")
