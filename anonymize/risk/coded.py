"""A coded table: what every released label can stand for, and the rows of both tables as numbers.

A *leaf* is a distinct value of the original (of the held-out people too); null is one. A *label* is what the release says
in its place. Attacks work on the distinct rows of a table with how often each occurs, not on its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from anonymize.risk.arrays import Booleans, Distinct, Floats, Integers, Lists, distinct_rows


@dataclass(frozen=True)
class CodedColumn:
    """One column. ``starts`` (label + 1,) and ``members`` say which leaves each label covers: compressed rows.

    ``loss``: (label,) normalised certainty penalty, in [0, 1]. ``numbers``: (leaf,) the leaves as numbers where all of
    them are numbers or dates, NaN for null; otherwise ``None``. ``level``: (label,) the hierarchy level, 0 for a value.
    """

    name: str
    leaves: int
    starts: Integers
    members: Integers
    loss: Floats
    level: Integers
    numbers: Floats | None
    parents: tuple[Integers, ...] = ()
    """(level 0 … top) → (leaf,) group of each leaf at that level; empty for a column without a ladder."""

    @property
    def labels(self) -> int:
        return len(self.starts) - 1

    def covered(self, label: int) -> Integers:
        """The leaves of a label, ascending."""
        return self.members[self.starts[label] : self.starts[label + 1]]

    @cached_property
    def sizes(self) -> Integers:
        """(label,) leaves covered."""
        return np.diff(self.starts)

    @cached_property
    def covers(self) -> Lists:
        """The leaves of every label."""
        return Lists(self.starts, self.members)

    @cached_property
    def covering(self) -> Lists:
        """The labels that cover every leaf."""
        return Lists.grouped(self.members, np.repeat(np.arange(self.labels), self.sizes), self.leaves)

    def cover(self, leaves: Integers) -> Booleans:
        """(len(leaves), label): does the label cover the leaf?"""
        owner, label = self.covering.joined(leaves)
        found = np.zeros((len(leaves), self.labels), dtype=bool)
        found[owner, label] = True
        return found

    def distance(self, leaves: Integers) -> npt.NDArray[np.float32]:
        """(len(leaves), label): 0 where the label covers the leaf; else 1, or for numbers the gap over the range (Gower), ≥ 1e-4."""
        apart = (~self.cover(leaves)).astype(np.float32)
        if self.numbers is None or not np.isfinite(self.numbers).any():
            return apart
        low, high = self._reach
        x = self.numbers[leaves][:, None]
        span = max(float(np.nanmax(self.numbers) - np.nanmin(self.numbers)), 1e-300)
        gap = np.maximum(np.maximum(low - x, x - high), 0) / span
        return np.where(np.isfinite(gap), np.clip(gap, 1e-4, 1) * apart, apart).astype(np.float32)

    @cached_property
    def _reach(self) -> tuple[Floats, Floats]:
        """(label,) the least and the largest number that each label covers."""
        low, high = np.full(self.labels, np.inf), np.full(self.labels, -np.inf)
        owner, numbers = np.repeat(np.arange(self.labels), self.sizes), np.asarray(self.numbers)[self.members]
        np.fmin.at(low, owner, numbers)
        np.fmax.at(high, owner, numbers)
        return low, high



@dataclass(frozen=True)
class People:
    """Rows about people: (row, column) leaf codes, and (row,) whose each is; ``None``: every row is a person of its own.

    ``times``: (row,) how many persons have such a row, who are numbered row after row; ``None``: one. Not beside ``persons``.
    """

    codes: Integers
    persons: Integers | None = None
    times: Integers | None = None

    def __len__(self) -> int:
        """How many persons there are."""
        return self.rows if self.persons is None else int(self.persons.max(initial=-1)) + 1

    @cached_property
    def rows(self) -> int:
        """How many rows there are, equal ones counted as often as they occur."""
        return len(self.codes) if self.times is None else int(self.times.sum())

    @cached_property
    def weights(self) -> Integers:
        """(row,) how often each occurs."""
        return np.ones(len(self.codes), dtype=np.int64) if self.times is None else self.times

    def rows_of(self, person: int) -> Integers:
        """The rows of a person."""
        return self._lists.of(person) if self.persons is not None else np.searchsorted(self._ends, [person], side="right")

    @cached_property
    def _lists(self) -> Lists:
        persons = np.arange(len(self.codes)) if self.persons is None else self.persons
        return Lists.grouped(persons, np.arange(len(self.codes)), len(self))

    @cached_property
    def _ends(self) -> Integers:
        """(row,) the number after that of the last person who has it, where nobody has two."""
        return np.cumsum(self.weights)

    @cached_property
    def distinct(self) -> Distinct:
        return Distinct(*distinct_rows(self.codes, self.times))

    @cached_property
    def sole(self) -> Integers:
        """(distinct row,) the one person who has it, -1 where there are more."""
        if self.times is not None:
            last = np.zeros(len(self.distinct), dtype=np.int64)
            last[self.distinct.of] = self._ends - 1
            return np.where(self.distinct.counts == 1, last, -1)
        who = np.arange(len(self.codes)) if self.persons is None else self.persons
        least = np.full(len(self.distinct), np.iinfo(np.int64).max)
        most = np.full(len(self.distinct), -1)
        np.minimum.at(least, self.distinct.of, who)
        np.maximum.at(most, self.distinct.of, who)
        return np.where(least == most, most, -1)

    def sample(self, count: int, draw: np.random.Generator) -> tuple[Integers, Integers]:
        """At most ``count`` different persons, and one row of each: both at random."""
        chosen = draw.choice(len(self), min(count, len(self)), replace=False)
        if self.persons is None:
            return chosen, np.searchsorted(self._ends, chosen, side="right")
        rows = self._lists
        return chosen, rows.members[rows.starts[chosen] + draw.integers(rows.sizes[chosen])]


@dataclass(frozen=True)
class Coded:
    """``original``: (row, column) leaf codes; ``release``: (row, column) label codes; ``holdout``: as ``original``.

    ``persons``, ``held_persons``: (row,) whose each row of the original and of the held-out file is, codes from 0 without
    gaps; ``None`` where every row is a person of its own. A release has no person key: its rows cannot be told apart by whose they are.
    ``times``, ``release_times``, ``held_times``: (row,) how many equal rows each stands for; ``None``: one. Where there are ``persons``
    the original and the held-out file have none.
    """

    columns: tuple[CodedColumn, ...]
    original: Integers
    release: Integers
    holdout: Integers | None = None
    persons: Integers | None = None
    held_persons: Integers | None = None
    times: Integers | None = None
    release_times: Integers | None = None
    held_times: Integers | None = None

    def only(self, places: Sequence[int]) -> Coded:
        """The same rows with some of the columns."""
        held = None if self.holdout is None else _picked(self.holdout, places)
        columns = tuple(self.columns[i] for i in places)
        return replace(
            self, columns=columns, original=_picked(self.original, places), release=_picked(self.release, places), holdout=held
        )

    def place(self, name: str) -> int:
        return next(i for i, column in enumerate(self.columns) if column.name == name)

    @property
    def unit(self) -> str:
        """What attacks count: ``row``, or ``person`` where people have many rows."""
        return "row" if self.persons is None else "person"

    @cached_property
    def people(self) -> People:
        """Those who are in the release."""
        return People(self.original, self.persons, self.times)

    @cached_property
    def control(self) -> People | None:
        """Those who are not."""
        return None if self.holdout is None else People(self.holdout, self.held_persons, self.held_times)

    @cached_property
    def released(self) -> Distinct:
        """The distinct rows of the release."""
        return Distinct(*distinct_rows(self.release, self.release_times))

    @cached_property
    def release_rows(self) -> int:
        """How many rows the release has."""
        return int(self.released.counts.sum())

    def some_released(self, count: int, draw: np.random.Generator, *, again: bool) -> Integers:
        """(drawn,) random rows of ``released``; ``again``: one may come twice, else at most as many as there are."""
        wanted = count if again else min(count, self.release_rows)
        numbers = draw.integers(self.release_rows, size=wanted) if again else draw.choice(self.release_rows, wanted, replace=False)
        return np.searchsorted(np.cumsum(self.released.counts), numbers, side="right")


def _picked(codes: Integers, places: Sequence[int]) -> Integers:
    """Some columns; neighbours in order are a view, which costs nothing."""
    kept = list(places)
    if kept and kept == list(range(kept[0], kept[0] + len(kept))):
        return codes[:, kept[0] : kept[0] + len(kept)]
    return codes[:, kept]


def blocks(column: CodedColumn, leaves: Integers, most: int = 100, times: Integers | None = None) -> Integers:
    """(leaf,) a block for each leaf, at most ``most``: leaves in order of their numbers, or the commonest and the rest.

    ``leaves``: (row,) the original's; ``times``: (row,) how often each occurs. A column with few leaves has a block for each. For tables of two columns that must
    stay small; distances between coarser tables are never larger than between the finer ones.
    """
    if column.leaves <= most:
        return np.arange(column.leaves)
    counts = np.bincount(leaves, times, column.leaves).astype(np.int64)
    if column.numbers is None:
        place = np.argsort(np.argsort(-counts, kind="stable"), kind="stable")
        return np.minimum(place, most - 1)
    order = np.argsort(column.numbers, kind="stable")  # NaN, the null, comes last
    found = np.empty(column.leaves, dtype=np.int64)
    before = np.concatenate([[0], np.cumsum(counts[order])[:-1]])
    found[order] = before * most // max(int(counts.sum()), 1)
    return np.asarray(np.unique(np.minimum(found, most - 1), return_inverse=True)[1], dtype=np.int64)
