"""Unicity of events: how many people does an attacker single out who knows p of their own place-time points?

After de Montjoye et al., "Unique in the crowd", Scientific Reports 3 (2013). Before: a person is singled out when nobody else
has all the known points. After: published rows carry no person key, so that no two rows can be told to be one person's.
Two figures say what is left, both on the original's people, whose points are read as the release has them:

* ``point``: the attacker knows one exact point; it singles its person out when all rows that cover it are one person's. That
  is what a release without a key can do by itself.
* ``after``: the attacker knows p exact points; the person is singled out when nobody else has a point in every class that the
  known points went to. It is what remains if the rows of one person could be told to be one's (from what else is
  published, or by a later leak): an upper bound of the first kind of attack, and never more than ``before``.

An original row is taken to have gone to the class of fewest leaves among those that cover it: exact for schemes of one level
a column, and for local recoding as far as ``rows_explained`` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anonymize.risk.arrays import Booleans, Integers, Lists, unique
from anonymize.risk.coded import Coded
from anonymize.risk.covering import by_question
from anonymize.risk.nearest import Known
from anonymize.risk.rates import Rate, generator, wilson

POINTS = 5
"""Unicity is measured for 1 to this many points."""


@dataclass(frozen=True)
class Trails:
    """Who was where, each once. ``own``: the points of every person, ascending; ``visitors``: the persons of every point, ascending."""

    own: Lists
    visitors: Lists

    @staticmethod
    def of_rows(persons: Integers, points: Integers) -> Trails:
        """``persons``, ``points``: (row,) codes from 0; a point is a place and time (or shop and time) as one code."""
        room, people = int(points.max(initial=0)) + 1, int(persons.max(initial=-1)) + 1
        visits = unique(persons * room + points)
        who, where = visits // room, visits % room
        starts = np.concatenate([[0], np.cumsum(np.bincount(who, minlength=people))]).astype(np.int64)
        return Trails(Lists(starts, where), Lists.grouped(where, who, room))

    def alone(self, known: Integers) -> bool:
        """Is there just one person who has all these points?"""
        rarest_first = sorted(known.tolist(), key=lambda point: int(self.visitors.sizes[point]))
        left = self.visitors.of(rarest_first[0])
        for point in rarest_first[1:]:
            if len(left) == 1:
                break  # the person themself is always among them
            there = self.visitors.of(point)
            left = left[there[np.minimum(np.searchsorted(there, left), len(there) - 1)] == left]
        return len(left) == 1

    def knowing(self, p: int, sample: int, draw: np.random.Generator) -> list[Integers]:
        """For at most ``sample`` random persons who have as many, ``p`` random points of their own."""
        if not p >= 1:
            raise ValueError("the attacker knows at least one point")
        able = np.flatnonzero(self.own.sizes >= p)
        chosen = draw.choice(able, size=min(sample, len(able)), replace=False)
        return [draw.choice(self.own.of(int(person)), size=p, replace=False) for person in chosen]


def unicity(persons: Integers, points: Integers, p: int, *, sample: int = 1000, rng: np.random.Generator | None = None) -> Rate:
    """Share of sampled persons, in [0, 1], who alone have all of ``p`` random distinct points of their own; Wilson 95 % interval.

    Persons with fewer than ``p`` points cannot be attacked so and are not sampled. Without replacement, at most ``sample``.
    """
    trails = Trails.of_rows(persons, points)
    known = trails.knowing(p, sample, rng or generator())
    return wilson(sum(trails.alone(points) for points in known), len(known))


def unicity_of_release(
    tables: Coded, quasi_identifiers: Sequence[int], *, points: int = POINTS, sample: int = 1000, rng: np.random.Generator | None = None
) -> dict[str, Any] | None:
    """Unicity before and after; ``None`` where nobody has two rows. A point is a row's quasi-identifiers.

    ``before``, ``after``: for p = 1 … ``points``, of the same persons with the same known points, the share singled out. Only
    points that went into the release are known. ``point``: ``before`` and ``after`` for one point, as above. ``rows_explained``: share of
    the release's rows that the assignment of rows to classes accounts for, Σ min(assigned, released) / released. Rates in [0, 1] with 95 % intervals.
    """
    if tables.persons is None:
        return None
    draw = rng or generator()
    seen = Known(tables, quasi_identifiers)
    went = _Went.into(tables, seen)
    exact, coarse = Trails.of_rows(went.persons, went.points), Trails.of_rows(went.persons, went.of[went.points])
    rates = []
    for p in range(1, points + 1):
        known = exact.knowing(p, sample, draw)
        before = wilson(sum(exact.alone(own) for own in known), len(known))
        after = wilson(sum(coarse.alone(np.unique(went.of[own])) for own in known), len(known))
        rates.append((before.as_dict(), after.as_dict()))
    return {
        "unit": "person",
        "persons": int(tables.persons.max(initial=-1)) + 1,
        "before": [before for before, _ in rates],
        "after": [after for _, after in rates],
        "point": _one_point(seen, went, exact, coarse, sample, draw),
        "rows_explained": went.explained,
    }


@dataclass(frozen=True)
class _Went:
    """Where the original's rows went. ``persons``, ``points``: (row in the release,) whose it is, and its point.

    ``codes``: (point, column) leaves of the quasi-identifiers; ``of``: (point,) its class, -1 for one that was left out.
    """

    persons: Integers
    points: Integers
    codes: Integers
    of: Integers
    explained: float

    @staticmethod
    def into(tables: Coded, seen: Known) -> _Went:
        distinct = tables.only(seen.places).people.distinct
        of = finest(seen, distinct.codes)
        there: Booleans = of[distinct.of] >= 0
        assigned = np.bincount(of[of >= 0], weights=distinct.counts[of >= 0], minlength=len(seen.counts))
        explained = float(np.minimum(assigned, seen.counts).sum()) / max(int(seen.counts.sum()), 1)
        persons = tables.people.persons if tables.people.persons is not None else np.arange(len(tables.original))
        return _Went(persons[there], distinct.of[there], distinct.codes, of, round(explained, 6))


def finest(seen: Known, points: Integers) -> Integers:
    """(point,) the known row of fewest leaves that covers it, the first on a tie; -1: none. ``points``: leaves of the known columns."""
    columns = seen.columns
    leaves = sum(np.log(np.maximum(column.sizes, 1))[seen.codes[:, j]] for j, column in enumerate(columns))
    rank = np.argsort(np.argsort(leaves, kind="stable"), kind="stable")
    of = np.full(len(points), len(rank))
    for point, row in seen.tree.blocks([column.covering for column in columns], points):
        np.minimum.at(of, point, rank[row])
    by_rank = np.append(np.argsort(rank, kind="stable"), -1)
    return np.asarray(by_rank[of], dtype=np.int64)


def _one_point(seen: Known, went: _Went, exact: Trails, coarse: Trails, sample: int, draw: np.random.Generator) -> dict[str, Any]:
    """Do the rows that cover one random own point come from one person?"""
    known = exact.knowing(1, sample, draw)
    points = np.array([own[0] for own in known], dtype=np.int64)
    covering = by_question(*seen.tree.match([column.covering for column in seen.columns], went.codes[points]), len(points))
    held = [rows[rows < len(coarse.visitors.starts) - 1] for rows in covering]
    theirs = [coarse.visitors.joined(rows)[1] for rows in held]
    alone = [len(persons) > 0 and int(persons.min()) == int(persons.max()) for persons in theirs]
    return {
        "before": wilson(sum(exact.alone(own) for own in known), len(known)).as_dict(),
        "after": wilson(sum(alone), len(known)).as_dict(),
    }
