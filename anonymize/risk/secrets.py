"""What the rows of a release say about one column, for an attacker who knows which of them may be somebody's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anonymize.risk.arrays import Floats, Integers, Lists, dense
from anonymize.risk.coded import Coded
from anonymize.risk.nearest import Known


class Secret:
    """The labels of the column ``place`` in the rows of every known row. Held as lists: a column may have very many labels."""

    def __init__(self, tables: Coded, seen: Known, place: int) -> None:
        self.column, self.place = tables.columns[place], place
        self.rows = Lists.grouped(seen.of, np.arange(len(seen.of)), len(seen.codes))
        self.labels, self.times = tables.released.codes[:, place], tables.released.counts

    def among(self, known: Integers) -> tuple[Integers, Floats]:
        """The distinct labels in the rows of some known rows, ascending, and how many rows have each."""
        rows = self.rows.joined(known)[1]
        of, labels = dense(self.labels[rows])
        return labels, np.bincount(of, weights=self.times[rows], minlength=len(labels)).astype(np.float64)

    def guessed(self, known: Integers, truth: int) -> float:
        """Chance, in [0, 1], that the commonest label (at random among equally common ones) is right about the leaf ``truth``.

        A label that stands for n leaves counts 1/n when the truth is among them. 0 where there are no rows.
        """
        labels, rows = self.among(known)
        return self.worth(labels[rows == rows.max(initial=0)], truth) if len(labels) else 0.0

    def worth(self, labels: Integers, truth: int) -> float:
        """Chance to be right with one of some labels at random."""
        right = np.isin(labels, self.column.covering.of(truth))
        return float((right / np.maximum(self.column.sizes[labels], 1)).mean())

    def commonest(self) -> Integers:
        """The commonest label of the whole release; the first on a tie."""
        return np.array([int(np.bincount(self.labels, weights=self.times, minlength=1).argmax())])

    def pinned(self, known: Integers) -> bool:
        """Do all rows have one label?"""
        return len(self.among(known)[0]) == 1


def guesses(secret: Secret, known: Sequence[Integers], people: Integers) -> float:
    """Expected right guesses about some people, each with the known rows that may be theirs; people without any are left out."""
    return sum((secret.guessed(rows, int(leaf)) for rows, leaf in zip(known, people[:, secret.place], strict=True) if len(rows)), 0.0)
