"""The best way to cut sorted numbers into groups of enough persons: univariate micro-aggregation.

Of all ways to cut the distinct values of a column, in order, into groups of at least g distinct persons, the one with
the least sum of squared distances to the groups' means. The optimum is a shortest path (Hansen & Mukherjee, "A polynomial
algorithm for optimal univariate microaggregation", TKDE 2003); equal values stay together, and a person with several
values is one person in every group that they have a value in.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from anonymize.errors import PrivacyNotMet
from anonymize.microdata.lattice import Integers

Floats: TypeAlias = npt.NDArray[np.float64]
WIDE = 150  # costs to compare at once, from which on numpy is quicker than a loop
CELLS = 1 << 20  # and at most so many


@dataclass(frozen=True)
class Holders:
    """Who has the values of a column, which stand in order.

    ``settled``: (value,) distinct persons who have no other; ``at``, ``who``: one entry for each value of every other person.
    """

    settled: Integers
    at: Integers
    who: Integers

    @property
    def persons(self) -> Integers:
        """(value,) distinct persons who have it."""
        return np.asarray(self.settled + np.bincount(self.at, minlength=len(self.settled)), dtype=np.int64)

    def distinct(self, ends: Integers) -> Integers:
        """(group,) distinct persons of each group; ``ends``: the first value after it."""
        of = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
        settled = np.bincount(of, weights=self.settled, minlength=len(ends)).astype(np.int64)
        meeting = np.unique(np.column_stack([of[self.at], self.who]), axis=0)[:, 0]
        return np.asarray(settled + np.bincount(meeting, minlength=len(ends)), dtype=np.int64)


def optimal(values: Sequence[float], holders: Holders, least: int) -> Integers:
    """(group,) where each group ends: the place of the first value after it.

    ``values``: (value,) rising. Each value weighs as many times as persons have it. Takes time in proportion to the
    values and to ``least``. Raises :class:`PrivacyNotMet` when there are fewer than ``least`` persons.
    """
    starts = _latest_starts(holders, least)
    if not len(starts) or starts[-1] < 0:
        raise PrivacyNotMet(f"groups of {least} persons ask for more persons than have a value")
    chosen = _shortest(np.asarray(values, dtype=np.float64), holders.persons.astype(np.float64), starts)
    ends = [len(chosen)]
    while chosen[ends[-1] - 1] > 0:
        ends.append(chosen[ends[-1] - 1])
    return np.array(ends[::-1], dtype=np.int64)


def _latest_starts(holders: Holders, least: int) -> list[int]:
    """For each value, the last one from which on a group that ends there has enough persons; -1: none."""
    if len(holders.at):
        return _latest_starts_of_visitors(holders, least)
    below = np.concatenate([[0], np.cumsum(holders.settled)])
    found: list[int] = (np.searchsorted(below, below[1:] - least, side="right") - 1).tolist()
    return found


def _latest_starts_of_visitors(holders: Holders, least: int) -> list[int]:
    """The same where persons have several values: two places move along them, and everybody inside is counted once."""
    count = len(holders.settled)
    order = np.argsort(holders.at, kind="stable")
    who, first = holders.who[order].tolist(), np.searchsorted(holders.at[order], np.arange(count + 1)).tolist()
    settled = holders.settled.tolist()
    inside: dict[int, int] = {}
    persons, start, found = 0, 0, []
    for j in range(count):
        persons += settled[j]
        for visitor in who[first[j] : first[j + 1]]:
            inside[visitor] = inside.get(visitor, 0) + 1
            persons += inside[visitor] == 1
        while True:
            here = who[first[start] : first[start + 1]]
            alone = settled[start] + sum(inside[visitor] == 1 for visitor in here)
            if persons - alone < least:
                break
            persons, start = persons - alone, start + 1
            for visitor in here:
                inside[visitor] -= 1
        found.append(start if persons >= least else -1)
    return found


def _shortest(values: Floats, weights: Floats, starts: Sequence[int]) -> list[int]:
    """For each value, where the last group of the best cut of all values up to it begins.

    A group that can be cut into two is never better whole. So a last group [i … j] need only be looked at where no group
    ends before ``starts[j]`` that begins at i: i is above the latest start of the value before ``starts[j]``.
    """
    x, w = values.tolist(), weights.tolist()
    best = np.full(len(x) + 1, np.inf)  # of the first so many values; infinite: too few persons
    best[0] = 0.0
    quick = best.tolist()
    chosen = [0] * len(x)
    j = bisect_left(starts, 0)
    while j < len(x):
        stop = bisect_right(starts, j, lo=j)  # of these, no last group begins behind j: what they need is known
        first = starts[starts[j] - 1] + 1 if starts[j] > 0 else 0
        wide = starts[stop - 1] - first + 1
        if (stop - j) * wide < WIDE:
            cost, chosen[j] = _scalar(x, w, quick, first, starts[j], j)
            best[j + 1] = quick[j + 1] = cost
            j += 1
            continue
        stop = min(stop, j + max(1, CELLS // wide))
        costs, at = _block(values, weights, best, first, starts[j:stop], j)
        best[j + 1 : stop + 1], quick[j + 1 : stop + 1], chosen[j:stop] = costs, costs.tolist(), at.tolist()
        j = stop
    return chosen


def _scalar(x: list[float], w: list[float], best: list[float], first: int, last: int, j: int) -> tuple[float, int]:
    """The least cost with a last group [i … j], i from ``first`` to ``last``; of equals, the shortest group."""
    end = x[j]
    weight = moment = square = 0.0
    least, at = np.inf, last
    for i in range(j, first - 1, -1):
        away = x[i] - end  # from the end, so that no digits are lost where values are large and close
        weight += w[i]
        moment += w[i] * away
        square += w[i] * away * away
        if i <= last:
            cost = best[i] + square - moment * moment / weight
            if cost < least:
                least, at = cost, i
    return least, at


def _block(values: Floats, weights: Floats, best: Floats, first: int, starts: Sequence[int], j: int) -> tuple[Floats, Integers]:
    """The same for some values at once, from ``j`` on: (value,) the least cost, and where the last group begins."""
    away = values[first : j + len(starts)] - values[j]
    w = weights[first : j + len(starts)]
    weight, moment, square = (np.concatenate([[0.0], np.cumsum(part)]) for part in (w, w * away, w * away * away))
    begins = np.arange(starts[-1], first - 1, -1)  # late ones first: of equals, the shortest group
    i, end = (begins - first)[None, :], (j + 1 - first + np.arange(len(starts)))[:, None]
    cost = best[begins] + (square[end] - square[i]) - (moment[end] - moment[i]) ** 2 / (weight[end] - weight[i])
    cost[begins[None, :] > np.asarray(starts)[:, None]] = np.inf
    at = cost.argmin(axis=1)
    return cost[np.arange(len(starts)), at], begins[at]


def spread(values: Sequence[float], weights: Integers, ends: Integers) -> float:
    """Share of the column's variance that the groups' means lose, in [0, 1]: SSE / SST (Domingo-Ferrer & Mateo-Sanz 2002)."""
    x, w = np.asarray(values, dtype=np.float64), weights.astype(np.float64)
    total, inside = _squares(x, w, np.array([len(x)])), _squares(x, w, ends)
    return round(min(max(inside / total, 0.0), 1.0), 9) if total > 0 else 0.0


def _squares(x: Floats, w: Floats, ends: Integers) -> float:
    """Weighted squared distances to the means of groups, summed."""
    begins, sizes = np.concatenate([[0], ends[:-1]]), np.diff(ends, prepend=0)
    away = x - np.repeat(x[begins], sizes)
    means = np.add.reduceat(w * away, begins) / np.add.reduceat(w, begins)
    return float((w * (away - np.repeat(means, sizes)) ** 2).sum())


def scaled(values: Sequence[int] | Sequence[float]) -> list[float]:
    """Rising numbers as floats between -1 and 1, from the middle one on: their squares stay finite and keep their digits."""
    middle = values[len(values) // 2] if values else 0
    away = [value - middle if isinstance(value, int) else value / 2 - middle / 2 for value in values]
    far = max((abs(distance) for distance in away), default=0)
    return [float(distance / far) if far else 0.0 for distance in away]
