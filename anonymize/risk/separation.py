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
   the relaxation 0 ≤ o ≤ 1 is below 1 is closed. Solved by HiGHS, class after class until none closes anything, with at most
   as many programs as allowed.

Nothing here looks at the original: it is what the release tells by itself. The paper's program is about another method, ARX's,
which publishes whole states one after the other; only what holds for ours is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from anonymize.risk.arrays import Booleans, Integers, Lists, dense
from anonymize.risk.coded import CodedColumn
from anonymize.risk.parts import Parts
from anonymize.risk.programs import Program
from anonymize.risk.reasons import overlapping_pairs, reasons_of

PAIRS = 1_000_000
"""Pairs of overlapping classes that are looked at: beyond it, those of the first classes in their order."""
LEAST = 2
"""Parts of a label that hold a row of the class."""

class Separation:
    """The classes of a release, ``labels``: (class, column), and what is open to each.

    A *slot* is a part of a class's label; those of class i and column j begin at ``first[i, j]``. ``open``: (slot,) may hold rows
    of the class. ``least``: parts of a label that hold a row, 2, or 1 where labels need not fit. ``overlaps``: (class,) does
    another overlap it? ``bounded``: not all pairs were looked at. ``programs``: solved so far.
    """

    def __init__(self, columns: Sequence[CodedColumn], labels: Integers, *, least: int = LEAST, most_pairs: int = PAIRS) -> None:
        self.columns, self.labels, self.least = columns, labels, least
        self.parts = [Parts.of_column(column) for column in columns]
        counts = np.column_stack([parts.count[labels[:, j]] for j, parts in enumerate(self.parts)])  # (class, column)
        self.counts = counts
        self.first = (np.cumsum(counts.reshape(-1)) - counts.reshape(-1)).reshape(counts.shape)
        self.site = np.repeat(np.arange(counts.size), counts.reshape(-1))
        self.open = np.ones(int(counts.sum()), dtype=bool)
        one, other, self.bounded = overlapping_pairs(self.parts, labels, most_pairs)
        self.pairs = len(one)
        self.overlaps = np.bincount(np.concatenate([one, other]), minlength=len(labels)) > 0
        self.reasons = reasons_of(self.parts, labels, self.first, one, other)
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
        return self.reasons.owner * len(self.open) + self.reasons.slots.members

    @property
    def _own(self) -> Lists:
        """The possible reasons of every class, of pairs not settled of which all possible reasons speak of this class."""
        width, reasons = len(self.columns), self.reasons
        settled, possible = self._standing()
        live = np.flatnonzero(possible & ~settled[reasons.pair])
        of_pair = reasons.site[live] // width
        least, most = np.full(reasons.pairs, len(self.labels)), np.full(reasons.pairs, -1)
        np.minimum.at(least, reasons.pair[live], of_pair)
        np.maximum.at(most, reasons.pair[live], of_pair)
        own = live[(least == most)[reasons.pair[live]]]
        return Lists.grouped(reasons.site[own] // width, own, len(self.labels))

    # --- to a fixed point ------------------------------------------------------------------------------------

    def propagate(self) -> None:
        """Rules 1 and 2, until nothing follows any more."""
        reasons = self.reasons
        while True:
            settled, possible = self._standing()
            alone = possible & (np.bincount(reasons.pair[possible], minlength=reasons.pairs)[reasons.pair] == 1) & ~settled[reasons.pair]
            if not alone.any():
                return
            self.open[reasons.slots.members[alone[reasons.owner]]] = False

    def _standing(self) -> tuple[Booleans, Booleans]:
        """(pair,) is a reason of it true already, and (reason,) is it still possible?"""
        reasons = self.reasons
        would = np.bincount(reasons.owner, weights=self.open[reasons.slots.members], minlength=len(reasons.pair)).astype(np.int64)
        true = would == 0
        settled = np.bincount(reasons.pair[true], minlength=reasons.pairs) > 0
        return settled, true | (self.left.reshape(-1)[reasons.site] - would >= self.least)

    @property
    def contradictions(self) -> int:
        """Pairs for which no reason is possible: the release was not made by this method."""
        settled, possible = self._standing()
        some = np.bincount(self.reasons.pair[possible], minlength=self.reasons.pairs) > 0
        some |= np.bincount(self.reasons.pair, minlength=self.reasons.pairs) == 0
        return int((~some & ~settled).sum())

    # --- linear programs -------------------------------------------------------------------------------------

    def solve(self, classes: Iterable[int], programs: int) -> None:
        """Rule 3 for some classes, in their order, then rules 1 and 2; again while that closes something and programs are left."""
        asked, before = list(classes), -1
        while before != int(self.open.sum()) and self.programs < programs:
            before = int(self.open.sum())
            self._solve_once(asked, programs)
            self.propagate()

    def _solve_once(self, classes: Iterable[int], programs: int) -> None:
        by_class = self._own
        for which in classes:
            reasons = by_class.of(int(which))
            if len(reasons) and self.programs < programs:
                slots, program = self._program(reasons)
                closed, taken = program.empty(programs - self.programs)
                self.open[slots[closed]] = False
                self.programs += taken

    def _program(self, reasons: Integers) -> tuple[Integers, Program]:
        """(slot of the program,) which of all slots it is, and the program of one class."""
        slots = np.flatnonzero(np.isin(self.site, self.reasons.site[reasons], kind="table") & self.open)
        owner, speaks = self.reasons.slots.joined(reasons)
        still = self.open[speaks]  # an empty slot counts 0 anyhow
        own = Lists.grouped(owner[still], np.searchsorted(slots, speaks[still]), len(reasons))
        return slots, Program.of_class(self.reasons.pair[reasons], own, self.site[slots], self.least)
