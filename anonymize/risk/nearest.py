"""The rows of a release that are nearest to a person of whom some columns are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from anonymize.risk.arrays import Integers, distinct_rows
from anonymize.risk.coded import Coded
from anonymize.risk.covering import Tree, by_question

CHUNK = 4_000_000
"""Cells (person × distinct row) that are held at once."""
SCANNED = 200_000_000
"""Cells (person × distinct row × column) that one question about the nearest rows may cost; see :meth:`Known.affordable`."""
TIE = 1e-6
"""Distances closer than this are equal: sums of 32-bit floats; a difference between two values is at least 1e-4."""


@dataclass(frozen=True, slots=True)
class Near:
    """The rows of a release nearest to one person, all equally near.

    ``codes``: which rows of :class:`Known` they are; ``rows``: how many rows of the release that makes; ``distance``: 0 where
    they cover the person.
    """

    codes: Integers
    rows: int
    distance: float


class Known:
    """A release as an attacker sees it who knows some columns of people.

    ``codes``: (known row, known column) distinct labels; ``of``: (distinct row of the release,) its known row; ``counts``:
    (known row,) rows of the release.
    """

    def __init__(self, tables: Coded, places: Sequence[int]) -> None:
        self.places = list(places)
        self.columns = [tables.columns[i] for i in places]
        self.codes, self.of, self.counts = distinct_rows(tables.released.codes[:, self.places], tables.released.counts)
        self.tree = Tree(self.codes)

    def affordable(self, targets: int) -> int:
        """How many of so many targets can be looked for when no row covers them: a limit on work, the same for the same release."""
        return max(min(targets, SCANNED // max(len(self.codes) * len(self.places), 1)), 1)

    def pairs(self, people: Integers) -> tuple[Integers, Integers]:
        """(pair,) the person, a row of leaf codes of all columns, and a known row that covers them; by person."""
        return self.tree.match([column.covering for column in self.columns], people[:, self.places])

    def nearest(self, people: Integers) -> Iterator[Near]:
        """For each person, a row of leaf codes of all columns, the nearest known rows.

        Nearest by the sum over the known columns of :meth:`CodedColumn.distance` (Gower, Biometrics 27, 1971).
        """
        found = list(by_question(*self.pairs(people), len(people)))
        lost = np.array([i for i, codes in enumerate(found) if not len(codes)], dtype=np.int64)
        scanned = iter(self._scanned(people[lost]))
        for codes in found:
            yield Near(codes, int(self.counts[codes].sum()), 0.0) if len(codes) else next(scanned)

    def _scanned(self, people: Integers) -> Iterator[Near]:
        step = max(CHUNK // max(len(self.codes), 1), 1)
        for start in range(0, len(people), step):
            part = people[start : start + step]
            apart = np.zeros((len(part), len(self.codes)), dtype=np.float32)
            for j, place in enumerate(self.places):
                apart += self.columns[j].distance(part[:, place])[:, self.codes[:, j]]
            least = apart.min(axis=1)
            for i, near in enumerate(apart <= least[:, None] + TIE):
                codes = np.flatnonzero(near)
                yield Near(codes, int(self.counts[codes].sum()), float(least[i]))
