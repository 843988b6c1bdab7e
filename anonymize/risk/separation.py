"""Which parts of its labels a class of a local recoding cannot hold, because of the classes that overlap it.

The method (:mod:`anonymize.microdata.local_recoding`) begins with one class and cuts classes in two or more along one column: some
parts of the label go, each to be a class of its own, and the rest stays at the old label. So of two classes that overlap, one
comes from the rest of a cut and the other from a part that went, and no row of the first lies in that part. Which column it
was can be one where the labels of the two differ: a *reason*. And since a class falls to the lowest labels that hold
it, its rows lie in two parts or more of every label that has parts. From these two facts alone:

1. a reason that would leave a label fewer than two parts is impossible;
2. where one reason is left of those for a pair, its part is *closed*: no row of the class is there; and so on, to a fixed point.

3. What single pairs leave open, a linear program over all pairs of a class may still close (combinatorial refinement,
   Chhillar et al., arXiv 2509.03350): with o = 1 for a part that holds a row of the class, o = 0 otherwise, Σ o ≥ 2 over the
   parts of a label, and Σ (1 - o) ≥ 1 over the reasons of a pair that all speak of this class. A part whose largest o in
   the relaxation 0 ≤ o ≤ 1 is below 1 is closed. Solved by HiGHS, as many programs as allowed, in an order of their own.

Nothing here looks at the original: it is what the release tells by itself. The paper's program is about another method, ARX's,
which publishes whole states one after the other; only what holds for ours is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from anonymize.risk.coded import Booleans, CodedColumn, Integers, Lists, dense
from anonymize.risk.covering import Tree
from anonymize.risk.parts import Parts, overlapping

PAIRS = 1_000_000
"""Pairs of overlapping classes that are looked at: beyond it, those of the first classes in their order."""
LEAST = 2
"""Parts of a label that hold a row of the class."""
NEARLY = 1 - 1e-6


@dataclass(frozen=True)
class Reasons:
    """Why two classes are apart. ``pair``: (reason,) below ``pairs``; ``slots``: the slots that each reason would close.

    All slots of a reason are parts of one label of one class, ``site``: (reason,) class · columns + column.
    """

    pairs: int
    pair: Integers
    site: Integers
    slots: Lists


class Separation:
    """The classes of a release, ``labels``: (class, column), and what is open to each.

    A *slot* is a part of a class's label; those of class i and column j begin at ``first[i, j]``. ``open``: (slot,) may hold rows
    of the class. ``least``: parts of a label that hold a row, 2, or 1 where labels need not fit. ``overlaps``: (class,) does another overlap it? ``bounded``: not all pairs were looked at.
    """

    def __init__(self, columns: Sequence[CodedColumn], labels: Integers, *, least: int = LEAST, most_pairs: int = PAIRS) -> None:
        self.columns, self.labels, self.least = columns, labels, least
        self.parts = [Parts.of_column(column) for column in columns]
        counts = np.column_stack([parts.count[labels[:, j]] for j, parts in enumerate(self.parts)])  # (class, column)
        self.counts = counts
        self.first = (np.cumsum(counts.reshape(-1)) - counts.reshape(-1)).reshape(counts.shape)
        self.site = np.repeat(np.arange(counts.size), counts.reshape(-1))
        self.open = np.ones(int(counts.sum()), dtype=bool)
        one, other, self.bounded = _pairs(columns, labels, most_pairs)
        self.pairs = len(one)
        self.overlaps = np.bincount(np.concatenate([one, other]), minlength=len(labels)) > 0
        self.reasons = self._reasons(one, other)
        self.programs = 0
        self.propagate()

    @property
    def left(self) -> Integers:
        """(class, column) open parts."""
        return np.bincount(self.site, weights=self.open, minlength=self.counts.size).astype(np.int64).reshape(self.counts.shape)

    def slots(self, classes: Integers, leaves: Integers) -> Integers:
        """(i, column) the slot of ``classes[i]`` that has ``leaves[i]``; -1 where its label does not cover the leaf."""
        part = np.column_stack([parts.at(self.labels[classes, j], leaves[:, j]) for j, parts in enumerate(self.parts)])
        return np.where(part < 0, -1, self.first[classes] + part)

    def may_hold(self, classes: Integers, leaves: Integers) -> Booleans:
        """(i,) can ``classes[i]`` hold a row with ``leaves[i]`` (i, column)?

        Not where one of its slots is closed, nor where every reason of a pair, all about this class, would be false.
        """
        slots = self.slots(classes, leaves)
        able = np.asarray((slots >= 0).all(axis=1) & np.append(self.open, False)[slots].all(axis=1))
        if not self.pairs:
            return able
        by_class, reasons = self._own, self.reasons
        asked, reason = by_class.joined(classes[able])
        whose = np.flatnonzero(able)[asked]
        theirs = slots[whose, reasons.site[reason] % len(self.columns)]
        lies = np.isin(reason * len(self.open) + theirs, self._reason_slots)
        pair = whose * reasons.pairs + reasons.pair[reason]
        key, distinct = dense(pair)
        false = np.bincount(key, weights=lies, minlength=len(distinct)) == np.bincount(key, minlength=len(distinct))
        able[distinct[false] // max(reasons.pairs, 1)] = False
        return able

    @property
    def _reason_slots(self) -> Integers:
        owner = np.repeat(np.arange(len(self.reasons.pair)), self.reasons.slots.sizes)
        return owner * len(self.open) + self.reasons.slots.members

    @property
    def _own(self) -> Lists:
        """The possible reasons of every class, of pairs not settled of which all possible reasons speak of this class."""
        width, reasons = len(self.columns), self.reasons
        settled, possible = self._standing(np.repeat(np.arange(len(reasons.pair)), reasons.slots.sizes))
        live = np.flatnonzero(possible & ~settled[reasons.pair])
        of_pair = reasons.site[live] // width
        least, most = np.full(reasons.pairs, len(self.labels)), np.full(reasons.pairs, -1)
        np.minimum.at(least, reasons.pair[live], of_pair)
        np.maximum.at(most, reasons.pair[live], of_pair)
        own = live[(least == most)[reasons.pair[live]]]
        return Lists.grouped(reasons.site[own] // width, own, len(self.labels))

    # --- pairs -----------------------------------------------------------------------------------------------

    def _reasons(self, one: Integers, other: Integers) -> Reasons:
        """The reasons of every pair."""
        known = [_Relations(parts, self.labels[one, j], self.labels[other, j]) for j, parts in enumerate(self.parts)]
        clear = np.ones(len(one), dtype=bool)  # labels that overlap without one being within the other: nothing can be said
        for relation in known:
            clear &= ~relation.crossing
        found: list[tuple[Integers, Integers, Lists]] = []
        for j, relation in enumerate(known):
            for turn, (rest, finer) in enumerate(((one, relation.other_finer), (other, relation.one_finer))):
                at = np.flatnonzero(finer & clear)
                closing = relation.closing(at, turn)
                slots = np.repeat(self.first[rest[at], j], closing.sizes) + closing.members
                found.append((at, rest[at] * len(self.columns) + j, Lists(closing.starts, slots)))
        pair, site = np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
        starts = np.concatenate([[0], np.cumsum(np.concatenate([f[2].sizes for f in found]))]).astype(np.int64)
        return Reasons(len(one), pair, site, Lists(starts, np.concatenate([f[2].members for f in found])))

    # --- to a fixed point ------------------------------------------------------------------------------------

    def propagate(self) -> None:
        """Rules 1 and 2, until nothing follows any more."""
        reasons = self.reasons
        owner = np.repeat(np.arange(len(reasons.pair)), reasons.slots.sizes)
        while True:
            settled, possible = self._standing(owner)
            alone = possible & (np.bincount(reasons.pair[possible], minlength=reasons.pairs)[reasons.pair] == 1) & ~settled[reasons.pair]
            if not alone.any():
                return
            self.open[reasons.slots.members[alone[owner]]] = False

    def _standing(self, owner: Integers) -> tuple[Booleans, Booleans]:
        """(pair,) is a reason of it true already, and (reason,) is it still possible?"""
        reasons = self.reasons
        would = np.bincount(owner, weights=self.open[reasons.slots.members], minlength=len(reasons.pair)).astype(np.int64)
        true = would == 0
        settled = np.bincount(reasons.pair[true], minlength=reasons.pairs) > 0
        return settled, true | (self.left.reshape(-1)[reasons.site] - would >= self.least)

    @property
    def contradictions(self) -> int:
        """Pairs for which no reason is possible: the release was not made by this method."""
        owner = np.repeat(np.arange(len(self.reasons.pair)), self.reasons.slots.sizes)
        settled, possible = self._standing(owner)
        some = np.bincount(self.reasons.pair[possible], minlength=self.reasons.pairs) > 0
        some |= np.bincount(self.reasons.pair, minlength=self.reasons.pairs) == 0
        return int((~some & ~settled).sum())

    # --- linear programs -------------------------------------------------------------------------------------

    def solve(self, classes: Iterable[int], programs: int) -> None:
        """Rule 3 for some classes, in their order, with at most so many programs; then rules 1 and 2 again."""
        by_class = self._own
        for which in classes:
            reasons = by_class.of(int(which))
            if len(reasons) and self.programs < programs:
                self._solve(reasons, programs)
        self.propagate()

    def _solve(self, reasons: Integers, programs: int) -> None:
        """The programs of one class, one for each open slot that its reasons speak of and that no answer yet showed to be possible."""
        sites = np.unique(self.reasons.site[reasons])
        slots = np.flatnonzero(np.isin(self.site, sites, kind="table") & self.open)
        place = np.full(len(self.open), -1)
        place[slots] = np.arange(len(slots))
        owner, speaks = self.reasons.slots.joined(reasons)
        owner, speaks = owner[place[speaks] >= 0], place[speaks[place[speaks] >= 0]]
        pairs = dense(self.reasons.pair[reasons])[0]
        weight = 1 / np.bincount(owner, minlength=len(reasons))[owner]  # a reason of several slots needs all of them closed
        limits = np.bincount(pairs) - 1
        upper = csr_array((weight, (pairs[owner], speaks)), shape=(len(limits), len(slots)))
        site = dense(self.site[slots])[0]
        lower = csr_array((-np.ones(len(slots)), (site, np.arange(len(slots)))), shape=(int(site.max()) + 1, len(slots)))
        rows = _stacked(upper, lower)
        bounds = np.concatenate([limits, np.full(lower.shape[0], -self.least)])
        possible = np.zeros(len(slots), dtype=bool)
        for i in np.unique(speaks):
            if possible[i] or self.programs >= programs:
                continue
            self.programs += 1
            aim = np.zeros(len(slots))
            aim[i] = -1
            answer = linprog(aim, A_ub=rows, b_ub=bounds, bounds=(0, 1), method="highs")
            if answer.status == 0 and -answer.fun < NEARLY:
                self.open[slots[i]] = False
            elif answer.status == 0:
                possible |= answer.x > NEARLY


def _stacked(upper: csr_array, lower: csr_array) -> csr_array:
    indptr = np.concatenate([upper.indptr, lower.indptr[1:] + upper.indptr[-1]])
    return csr_array(
        (np.concatenate([upper.data, lower.data]), np.concatenate([upper.indices, lower.indices]), indptr),
        shape=(upper.shape[0] + lower.shape[0], upper.shape[1]),
    )


def _pairs(columns: Sequence[CodedColumn], labels: Integers, most: int) -> tuple[Integers, Integers, bool]:
    """(pair,) two classes that overlap in every column, the lower number first; and whether some were left out."""
    ones, others, found = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], 0
    for one, other in Tree(labels).blocks([overlapping(column) for column in columns], labels):
        if found >= most:
            return np.concatenate(ones), np.concatenate(others), True
        ones.append(one[one < other])
        others.append(other[one < other])
        found += len(ones[-1])
    return np.concatenate(ones), np.concatenate(others), False


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
