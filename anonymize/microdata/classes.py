"""Equivalence classes, counted in distinct persons.

The table engine counts the distinct combinations of quasi-identifiers once; everything after works on that small
table. Where a person has rows in several combinations, the incidence of persons and combinations is kept too, so that
a person is still counted once when combinations merge into one class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from anonymize.microdata.encode import Names
from anonymize.microdata.lattice import CodedLadder, Integers, Node
from anonymize.tables.base import Frame, TableEngine

DENSE = 1 << 22  # classes are counted in a flat array up to this many possible keys, by sorting beyond it


@dataclass(frozen=True)
class Combinations:
    """Distinct combinations of quasi-identifiers.

    ``codes``: (combination, column) → leaf code. ``rows``: rows a combination. ``settled``: persons all of whose rows
    lie in that one combination. ``visits``: for every other person, one entry a combination they have rows in
    (``visit_combination``, ``visitor``); persons there are numbered 0 … ``visitors`` - 1.
    """

    columns: tuple[str, ...]
    codes: Integers
    rows: Integers
    settled: Integers
    visit_combination: Integers
    visitor: Integers
    visitors: int
    by_person: bool = True

    @property
    def total_rows(self) -> int:
        return int(self.rows.sum())

    @property
    def persons(self) -> Integers:
        """(combination,) distinct persons."""
        return np.asarray(self.settled + np.bincount(self.visit_combination, minlength=len(self)))

    @property
    def total_persons(self) -> int:
        return int(self.settled.sum()) + self.visitors

    def __len__(self) -> int:
        return len(self.rows)


def from_incidence(
    columns: Sequence[str], codes: Integers, rows: Integers, combination: Integers, person: Integers
) -> Combinations:
    """Combinations from the distinct (combination, person) pairs; ``person`` is any integer that tells persons apart."""
    _, number, met = np.unique(person, return_inverse=True, return_counts=True)
    wanders = met[number] > 1
    settled = np.bincount(combination[~wanders], minlength=len(rows))
    known, visitor = np.unique(number[wanders], return_inverse=True)
    return Combinations(tuple(columns), codes, rows, settled, combination[wanders], visitor, len(known))


def of_single_rows(columns: Sequence[str], codes: Integers, rows: Integers) -> Combinations:
    """Combinations of a table in which every row is a person of its own."""
    none = np.zeros(0, dtype=np.int64)
    return Combinations(tuple(columns), codes, rows, rows, none, none, 0, by_person=False)


@dataclass(frozen=True)
class Classes:
    """The classes at one node: ``of[combination]`` is the class, ``rows`` and ``persons`` its sizes (0 where empty)."""

    of: Integers
    rows: Integers
    persons: Integers


class Grouping:
    """Counts the classes of any node of the lattice over one set of combinations."""

    def __init__(self, table: Combinations, ladders: Sequence[CodedLadder]) -> None:
        self.table = table
        self.ladders = tuple(ladders)
        self._labels: dict[tuple[int, int], Integers] = {}
        self._rows = None if (table.rows == 1).all() else table.rows

    def labels(self, column: int, level: int) -> Integers:
        """Label code of every combination in one column at one level."""
        key = (column, level)
        if key not in self._labels:
            self._labels[key] = self.ladders[column].groups[level][self.table.codes[:, column]]
        return self._labels[key]

    def classes(self, node: Node) -> Classes:
        """Rows and distinct persons of every class at ``node``."""
        of, count = self._keys(node)
        table = self.table
        rows = _sums(of, self._rows, count)
        if not table.by_person:
            return Classes(of, rows, rows)
        persons = _sums(of, table.settled, count)
        if table.visitors:
            persons = persons + self._visitors(of, count)
        return Classes(of, rows, persons)

    def group(self, of: Integers, count: int) -> Classes:
        """Rows and distinct persons of any classes; ``of``: (combination,) class below ``count``, or -1: in none."""
        table, inside = self.table, of >= 0
        rows = _sums(of[inside], table.rows[inside], count)
        persons = _sums(of[inside], table.settled[inside], count)
        if table.visitors:
            persons = persons + self._visitors(of, count)
        return Classes(of, rows, persons)

    def _keys(self, node: Node) -> tuple[Integers, int]:
        """A class number for every combination, and how many numbers there may be."""
        of: Integers = np.zeros(len(self.table), dtype=np.int32)  # half the memory to go through, where 32 bits are enough
        count = 1
        for column, level in enumerate(node):
            size = self.ladders[column].sizes[level]
            if size == 1:
                continue
            if count > DENSE:  # else the product could leave 64 bits
                of, count = _renumber(of)
            if count * size > np.iinfo(of.dtype).max:
                of = of.astype(np.int64)
            np.multiply(of, of.dtype.type(size), out=of)
            np.add(of, self.labels(column, level), out=of, casting="unsafe")
            count *= size
        return (of, count) if count <= DENSE else _renumber(of)

    def _visitors(self, of: Integers, count: int) -> Integers:
        """Distinct persons a class among those who have rows in several combinations."""
        return distinct_visitors(of[self.table.visit_combination], self.table.visitor, self.table.visitors, count)


def distinct_visitors(of: Integers, visitor: Integers, visitors: int, count: int) -> Integers:
    """Distinct persons a class: one entry a visit, its class (-1: none) and its person below ``visitors``."""
    inside = of >= 0
    meeting = np.sort(of[inside].astype(np.int64) * visitors + visitor[inside])
    first = np.ones(len(meeting), dtype=bool)  # of its (class, person)
    first[1:] = meeting[1:] != meeting[:-1]
    return np.bincount(meeting[first] // visitors, minlength=count)


def _renumber(of: Integers) -> tuple[Integers, int]:
    number, known = pd.factorize(of)  # by hashing: sorting takes twice as long
    return number, len(known)


def _sums(of: Integers, weights: Integers | None, count: int) -> Integers:
    """``weights`` None: 1 for all. Float64 is exact below 2^53, far above any number of rows."""
    return np.bincount(of, minlength=count) if weights is None else np.bincount(of, weights, count).astype(np.int64)


def combinations(
    engine: TableEngine,
    coded: Frame,
    columns: Sequence[str],
    person_key: str | None,
    names: Names,
    places: Sequence[int] | None = None,
) -> Combinations:
    """Count the combinations of the code columns of ``coded`` in the table engine.

    ``columns`` are those whose codes stand in ``names.of("code", i)``, i from ``places`` (0, 1, 2 … when None). What is
    brought here grows with the combinations and with the persons who have rows in several of them, not with the rows.
    """
    codes = [names.of("code", i) for i in (range(len(columns)) if places is None else places)]
    rows, met = names.of("rows"), names.of("met")
    if person_key is None:
        counted = engine.collect(coded.group_by(*codes).agg(nw.len().alias(rows)))
        return of_single_rows(columns, _matrix(counted, codes), _whole(counted[rows]))
    pairs = engine.persist(coded.group_by(*codes, person_key).agg(nw.len().alias(rows)))  # (combination, person)
    counted = engine.collect(pairs.group_by(*codes).agg(nw.col(rows).sum(), nw.len().alias(met)))
    where, who = _visits(engine, pairs, counted, codes, person_key, names)
    visits = np.bincount(where, minlength=len(counted))
    settled = _whole(counted[met]) - visits
    visitors = int(who.max(initial=-1)) + 1
    return Combinations(tuple(columns), _matrix(counted, codes), _whole(counted[rows]), settled, where, who, visitors)


def _visits(
    engine: TableEngine, pairs: Frame, counted: pd.DataFrame, codes: list[str], person_key: str, names: Names
) -> tuple[Integers, Integers]:
    """The persons with rows in several combinations: one (combination, person number) an entry."""
    number, met, place = names.of("number"), names.of("met"), names.of("place")
    wanderers = pairs.group_by(person_key).agg(nw.len().alias(met)).filter(nw.col(met) > 1).select(person_key)
    numbered = engine.with_row_number(wanderers, number)
    visits = engine.collect(pairs.join(numbered, on=person_key, how="inner").select(*codes, number))
    places = counted[codes].assign(**{place: np.arange(len(counted))})
    found = visits.merge(places, on=codes, how="left", validate="many_to_one")
    _, who = np.unique(_whole(found[number]), return_inverse=True)
    return _whole(found[place]), who


def _whole(column: pd.Series[Any]) -> Integers:
    return column.to_numpy(dtype=np.int64)


def _matrix(counted: pd.DataFrame, codes: list[str]) -> Integers:
    """Codes of the combinations: (combination, column), column-contiguous as the search reads them."""
    return np.stack([counted[name].to_numpy(dtype=np.int32) for name in codes]).T
