"""Which parts of a class's labels can hold rows, by linear programs over all that is known of the class at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

from anonymize.risk.arrays import Integers, Lists, dense

NEARLY = 1 - 1e-6
"""A solver's 1."""


@dataclass(frozen=True)
class Program:
    """0 ≤ o ≤ 1 for every slot, o = 1: it holds a row of the class.

    ``rows`` · o ≤ ``limits``: Σ (1 - o) ≥ 1 over the reasons of each pair (a reason of several slots counts their mean o, since it
    is true only where all are empty), and Σ o ≥ ``least`` over the slots of each label. ``asked``: the slots that reasons speak of.
    """

    rows: csr_array
    limits: Integers
    asked: Integers

    @staticmethod
    def of_class(pairs: Integers, slots: Lists, labels: Integers, least: int) -> Program:
        """``pairs``: (reason,) its pair; ``slots``: the slots of each reason; ``labels``: (slot,) the label whose part it is."""
        owner = np.repeat(np.arange(len(pairs)), slots.sizes)
        pair, label = dense(pairs)[0], dense(labels)[0]
        limits = np.bincount(pair) - 1
        count = np.arange(len(labels))
        row = np.concatenate([pair[owner], len(limits) + label])
        column = np.concatenate([slots.members, count])
        value = np.concatenate([1 / slots.sizes[owner], -np.ones(len(labels))])
        shape = (len(limits) + int(label.max()) + 1, len(labels))
        bounds = np.concatenate([limits, np.full(shape[0] - len(limits), -least)])
        return Program(csr_array((value, (row, column)), shape=shape), bounds, np.unique(slots.members))

    def empty(self, most: int) -> tuple[list[int], int]:
        """The slots whose largest o is below 1, of those ``asked``, and how many programs that took: at most ``most``.

        A slot that an answer puts at 1 needs no program of its own. HiGHS; an answer that is not an optimum says nothing.
        """
        possible, found, taken = np.zeros(self.rows.shape[1], dtype=bool), [], 0
        reach = np.ones(self.rows.shape[1])
        for slot in self.asked:
            if possible[slot] or taken >= most:
                continue
            taken += 1
            aim = np.zeros(len(reach))
            aim[slot] = -1
            answer = linprog(aim, A_ub=self.rows, b_ub=self.limits, bounds=np.column_stack([np.zeros(len(reach)), reach]), method="highs")
            if answer.status != 0:
                continue
            possible |= answer.x > NEARLY
            if -answer.fun < NEARLY:
                found.append(int(slot))
                reach[slot] = 0.0
        return found, taken
