"""Persons a sensitive value in every class: what the models of :mod:`anonymize.microdata.models` are judged by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anonymize.microdata.classes import distinct_visitors
from anonymize.microdata.lattice import Floats, Integers


@dataclass(frozen=True)
class Histogram:
    """Persons a (class, sensitive value), sparse: entry i says that ``persons[i]`` > 0 of class ``of[i]`` have ``value[i]``.

    ``classes``: how many class numbers there are (some may be empty). ``table``: (value,) persons in the whole input.
    """

    classes: int
    of: Integers
    value: Integers
    persons: Integers
    table: Integers

    def totals(self) -> Integers:
        """(class,) sum of its entries."""
        return np.bincount(self.of, self.persons, self.classes).astype(np.int64)

    def shares(self) -> Floats:
        """q of every entry: (entry,)."""
        return self.persons / self.totals()[self.of]

    def expected(self) -> Floats:
        """p of every value: (value,)."""
        return self.table / max(int(self.table.sum()), 1)


@dataclass(frozen=True)
class Sensitive:
    """The values of one sensitive column beside the combinations: distinct (combination, value) pairs and their persons.

    ``settled``: persons who are in that pair alone. ``visit_pair``, ``visitor``: an entry for each pair that any other
    person is in, persons numbered below ``visitors``. ``values``: how many codes there are.
    """

    combination: Integers
    value: Integers
    settled: Integers
    visit_pair: Integers
    visitor: Integers
    visitors: int
    values: int

    def histogram(self, of: Integers, count: int) -> Histogram:
        """Persons a (class, value); ``of``: (combination,) class below ``count``, or -1 for one that is in none."""
        return Histogram(count, *self._entries(of), self.table)

    @cached_property
    def table(self) -> Integers:
        """(value,) distinct persons in the whole input."""
        _, value, persons = self._entries(np.zeros(int(self.combination.max(initial=-1)) + 1, dtype=np.int64))
        return np.bincount(value, persons, self.values).astype(np.int64)

    def _entries(self, of: Integers) -> tuple[Integers, Integers, Integers]:
        pair_class = of[self.combination].astype(np.int64)
        inside = pair_class >= 0
        keys, entry = np.unique(pair_class[inside] * self.values + self.value[inside], return_inverse=True)
        entry_of = np.full(len(pair_class), -1)
        entry_of[inside] = entry
        persons = np.bincount(entry, self.settled[inside], len(keys)).astype(np.int64)
        if self.visitors:
            persons = persons + distinct_visitors(entry_of[self.visit_pair], self.visitor, self.visitors, len(keys))
        return keys // self.values, keys % self.values, persons
