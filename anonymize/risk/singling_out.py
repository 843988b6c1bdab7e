"""Singling out: queries that one row of the release answers, and one person of the original.

After Giomi et al., "A unified framework for quantifying privacy risk in synthetic data", PoPETs 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from anonymize.risk.arrays import Booleans, Integers
from anonymize.risk.attacks import Attack
from anonymize.risk.coded import Coded, CodedColumn, People
from anonymize.risk.rates import generator, wilson

Bits: TypeAlias = npt.NDArray[np.uint8]
Test: TypeAlias = tuple[int, str, int]
"""(column, one of "=", "<=", ">=", label)."""
Query: TypeAlias = tuple[Test, ...]
KNOWN = 200_000_000
"""Bytes of answers that are kept for the next query."""
BATCH = 1024
"""Queries that are drawn together."""


def singling_out(
    tables: Coded, *, queries: int = 2000, columns: int | None = None, attempts: int = 20, rng: np.random.Generator | None = None
) -> Attack:
    """Queries "column a is A and column b is B and …" that match exactly one person.

    The attacker takes ``columns`` values (default: a random number of them) of a random row of the release (for numbers
    published as they are: at least, or at most, by the side of the median), and keeps the different queries that match
    one row of the release, until there are ``queries`` or ``attempts`` times as many were tried. Success: all rows of the
    original that match, at least one, are one person's. Control: they are one held-out person's; a control group smaller than
    the original matches less by coincidence, which overstates the risk. Baseline: random labels, kept without looking at
    the release. A trial is a query; rates in [0, 1].
    """
    draw = rng or generator()
    if not len(tables.release) or not tables.columns:
        return Attack.on_nothing("singling_out", tables, "query")
    kept = alone_in_release(tables, queries, columns, attempts * queries, draw)
    random = [_random_query(tables, len(query), draw) for query in kept]
    people = Rows.of_people(tables.columns, tables.people)
    held = None if tables.control is None else Rows.of_people(tables.columns, tables.control)
    return Attack(
        "singling_out",
        wilson(sum(people.one_person(query) for query in kept), len(kept)),
        wilson(sum(people.one_person(query) for query in random), len(random)),
        None if held is None else wilson(sum(held.one_person(query) for query in kept), len(kept)),
        "query",
    )


class Rows:
    """Which distinct rows of one table pass a test, as bits; each test is looked at once.

    ``sole``: (distinct row,) who alone has it, -1 where several do. ``lone``: nobody has two rows.
    """

    def __init__(self, columns: Sequence[CodedColumn], codes: Integers, sole: Integers, *, released: bool, lone: bool) -> None:
        self.columns, self.codes, self.sole, self.released, self.lone = columns, codes, sole, released, lone
        self.known: dict[Test, Bits] = {}

    @staticmethod
    def of_people(columns: Sequence[CodedColumn], people: People) -> Rows:
        return Rows(columns, people.distinct.codes, people.sole, released=False, lone=people.persons is None)

    @staticmethod
    def of_release(tables: Coded) -> Rows:
        """Nothing says which rows are one person's: every row is taken for another's."""
        rows = tables.released
        return Rows(tables.columns, rows.codes, np.where(rows.counts == 1, np.arange(len(rows)), -1), released=True, lone=True)

    def one_person(self, query: Query) -> bool:
        """Do rows match, and are all of them the same one's?"""
        rows = self.passing(query[0])
        for test in query[1:]:
            rows = rows & self.passing(test)
        if self.lone and int(np.bitwise_count(rows).sum()) != 1:
            return False
        some = np.flatnonzero(rows)
        who = self.sole[(some[:, None] * 8 + np.arange(8))[np.unpackbits(rows[some]).reshape(-1, 8) == 1]]
        return len(who) > 0 and int(who[0]) >= 0 and bool((who == who[0]).all())

    def passing(self, test: Test) -> Bits:
        if test not in self.known:
            if len(self.known) * len(self.codes) > 8 * KNOWN:
                self.known.clear()
            self.known[test] = np.packbits(self._passes(test)[self.codes[:, test[0]]])
        return self.known[test]

    def _passes(self, test: Test) -> Booleans:
        """(code,) of the test's column: labels for the release, leaves for people."""
        place, sign, label = test
        column = self.columns[place]
        passes = np.zeros(column.labels if self.released else column.leaves, dtype=bool)
        if sign == "=":
            passes[label if self.released else column.covered(label)] = True
            return passes
        leaf_numbers = column.numbers if column.numbers is not None else np.zeros(column.leaves)
        numbers = leaf_numbers[column.members] if self.released else leaf_numbers  # such a column's labels are single leaves
        bound = leaf_numbers[column.covered(label)[0]]
        return np.asarray(numbers <= bound if sign == "<=" else numbers >= bound)


def alone_in_release(tables: Coded, queries: int, columns: int | None, attempts: int, draw: np.random.Generator) -> list[Query]:
    """Different queries that match one row of the release, in the order they were found."""
    rows = Rows.of_release(tables)
    medians = [_median(column, tables.released.codes[:, i], tables.released.counts) for i, column in enumerate(tables.columns)]
    kept: dict[Query, None] = {}
    tried: set[Query] = set()
    for start in range(0, attempts, BATCH):
        for row, places in _drawn(tables, columns, min(BATCH, attempts - start), draw):
            query = tuple((i, _sign(tables.columns[i], int(row[i]), medians[i]), int(row[i])) for i in places)
            if len(kept) < queries and query not in tried:
                tried.add(query)
                if rows.one_person(query):
                    kept[query] = None
        if len(kept) >= queries:
            break
    return list(kept)


def _drawn(tables: Coded, columns: int | None, count: int, draw: np.random.Generator) -> list[tuple[Integers, list[int]]]:
    """Random rows, and for each some places in it, ascending."""
    width = len(tables.columns)
    wide = draw.integers(1, width + 1, count) if columns is None else np.full(count, min(columns, width))
    order = np.argsort(draw.random((count, width)), axis=1)
    rows = tables.released.codes[tables.some_released(count, draw, again=True)]
    return [(row, sorted(order[i, : wide[i]].tolist())) for i, row in enumerate(rows)]


def _random_query(tables: Coded, width: int, draw: np.random.Generator) -> Query:
    places = np.sort(draw.choice(len(tables.columns), width, replace=False))
    return tuple((int(i), "=", int(draw.integers(tables.columns[i].labels))) for i in places)


def _median(column: CodedColumn, labels: Integers, counts: Integers) -> float | None:
    """The middle of a column of numbers that are published as they are; ``None`` for every other column."""
    if column.numbers is None or not (column.sizes == 1).all() or not np.isfinite(column.numbers[column.members]).any():
        return None
    numbers = column.numbers[column.members][labels]
    there = np.isfinite(numbers)
    order = np.argsort(numbers[there], kind="stable")
    ends = np.cumsum(counts[there][order])
    return float(numbers[there][order][np.searchsorted(ends, (int(ends[-1]) - 1) // 2, side="right")])


def _sign(column: CodedColumn, label: int, median: float | None) -> str:
    if median is None or column.numbers is None or np.isnan(column.numbers[column.covered(label)[0]]):
        return "="
    return ">=" if column.numbers[column.covered(label)[0]] > median else "<="
