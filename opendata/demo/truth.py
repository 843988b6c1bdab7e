"""Who is where at which hour: a simulated week whose hourly totals by place are those of a given table.

Everybody has a home, drawn from the night's totals, and half of them a place of work, drawn from the day's. Hour by
hour people go where their day takes them; then the smallest number of them is moved on so that every place holds as
many as the table says. What a release says can so be compared with what was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from opendata.demo.chance import Flags, Floats, Ints, pick, stream
from opendata.demo.habits import is_weekend
from opendata.demo.totals import NIGHT, OFFICE_HOURS, Totals, apportioned

FEWEST: Final = 100
WORKERS, AT_WORK_A_DAY, OUT_A_DAY, OUT_AT_NIGHT = 0.5, 0.9, 0.55, 0.2
COMING_BACK = 0.3  # each hour, of those who were moved on, if there is room
_ATTRACTIVE = 0.2  # how much of a place's daytime crowd counts as jobs, beside what it has more than at night


@dataclass(frozen=True)
class Truth:
    """``place[hour, person]`` is an index into ``totals.codes``, or :attr:`away` for who is outside the city then."""

    totals: Totals
    room: Ints
    homes: Ints
    works: Ints
    place: npt.NDArray[np.int16]

    @property
    def people(self) -> int:
        return len(self.homes)

    @property
    def away(self) -> int:
        return len(self.totals.codes)

    def present(self) -> Ints:
        """Persons present, (place, hour)."""
        counted = [np.bincount(here, minlength=self.away + 1)[: self.away] for here in self.place]
        return np.stack(counted, axis=1).astype(np.int64)


@dataclass(frozen=True)
class Error:
    """How far a simulated week is from its table, cell by cell, both at the scale of the simulated persons.

    ``correlation`` (Pearson), ``median`` (median absolute percentage error over cells with anybody in them), and
    ``largest`` (persons; below 1 where all that differs is rounding).
    """

    correlation: float
    median: float
    largest: float


def error(truth: Truth) -> Error:
    exact = truth.totals.present * (truth.people / truth.totals.present.sum(axis=0).max())
    found = truth.present()
    some = exact > 0
    return Error(
        correlation=float(np.corrcoef(exact.ravel(), found.ravel())[0, 1]),
        median=float(np.median(np.abs(found - exact)[some] / exact[some]) * 100),
        largest=float(np.abs(found - exact).max()),
    )


def follow(totals: Totals, people: int, seed: int) -> Truth:
    """Simulate ``people`` over all hours of the table; in its fullest hour all of them are in the city.

    Raises ValueError for fewer than 100 people, or more places than 16 bits number.
    """
    if not people >= FEWEST:
        raise ValueError(f"a simulated week has {FEWEST} people or more")
    if not len(totals.codes) < np.iinfo(np.int16).max:
        raise ValueError("too many places")
    rng = stream(seed, "whereabouts")
    inside = totals.scaled(people)
    room = np.vstack([inside, people - inside.sum(axis=0)])  # (place or away, hour) → persons
    homes, works = _homes(rng, totals, people), _works(rng, totals, people)
    days = _Days(rng, totals, homes, works)
    place = np.empty((totals.hours, people), dtype=np.int16)
    now = homes.copy()
    before = homes
    for hour in range(totals.hours):
        wanted = days.wanted(hour)
        going = (wanted != before) | ((now != wanted) & (rng.random(people) < COMING_BACK))
        now = _moved_on(rng, np.where(going, wanted, now), wanted, room[:, hour])
        place[hour], before = now, wanted
    return Truth(totals, room, homes, works, place)


def _homes(rng: np.random.Generator, totals: Totals, people: int) -> Ints:
    night = totals.at(NIGHT) * (people / totals.present.sum(axis=0).max())
    inside = apportioned(night)
    counts = np.append(inside, people - inside.sum())
    return rng.permutation(np.repeat(np.arange(len(counts)), counts))


def _works(rng: np.random.Generator, totals: Totals, people: int) -> Ints:
    """Places of work, -1 for those who have none: many where the day brings more people than the night."""
    day, night = totals.at(OFFICE_HOURS, weekdays=True), totals.at(NIGHT)
    jobs = np.maximum(day - night, 0) + _ATTRACTIVE * day
    return np.where(rng.random(people) < WORKERS, pick(rng, jobs, people), -1)


class _Days:
    """Where each person wants to be, hour by hour; a new plan at each midnight."""

    def __init__(self, rng: np.random.Generator, totals: Totals, homes: Ints, works: Ints) -> None:
        self.rng, self.homes, self.works = rng, homes, works
        self.moments = totals.moments()
        self.pull: Floats = totals.at((19, 20, 21))
        self.begins = rng.integers(7, 11, len(homes))
        self.ends = self.begins + rng.integers(8, 11, len(homes))

    def wanted(self, hour: int) -> Ints:
        of_day = int(self.moments[hour].astype(np.int64) % 24)
        if hour == 0 or of_day == 0:
            self._plan(bool(is_weekend(self.moments[hour : hour + 1])[0]))
        at_work = self.at_work & (self.begins <= of_day) & (of_day < self.ends)
        out = self.out & (self.leaves <= of_day) & (of_day < self.returns)
        return np.where(at_work, self.works, np.where(out, self.goal, self.homes))

    def _plan(self, weekend: bool) -> None:
        rng, people = self.rng, len(self.homes)
        usual = 0.15 if weekend else AT_WORK_A_DAY
        self.at_work: Flags = (self.works >= 0) & (rng.random(people) < usual)
        late = rng.random(people) < OUT_AT_NIGHT
        self.out: Flags = rng.random(people) < OUT_A_DAY
        self.leaves: Ints = np.where(late, rng.integers(19, 22, people), rng.integers(9, 20, people))
        self.returns: Ints = self.leaves + rng.integers(1, 5, people)
        self.goal: Ints = pick(rng, self.pull, people)


def _moved_on(rng: np.random.Generator, now: Ints, wanted: Ints, room: Ints) -> Ints:
    """The places after the smallest number of moves that fills every place to its room: only surplus leaves.

    Visitors leave before those who want to be where they are; who leaves goes where he wants to be if there is room,
    else to a place near by in the order of codes.
    """
    spare = np.bincount(now, minlength=len(room)) - room
    free = np.maximum(-spare, 0)
    leaving = _leavers(rng, now, wanted, spare)
    goals = wanted[leaving]
    back = _ranks(goals) < free[goals]
    after = now.copy()
    after[leaving[back]] = goals[back]
    free -= np.bincount(goals[back], minlength=len(room))
    rest = leaving[~back]
    rest = rest[np.argsort(now[rest], kind="stable")]
    after[rest] = np.repeat(np.arange(len(room)), free)
    return after


def _leavers(rng: np.random.Generator, now: Ints, wanted: Ints, spare: Ints) -> Ints:
    """Of each crowded place as many persons as it has too many, in a random order within each."""
    crowd = np.flatnonzero(spare[now] > 0)
    crowd = crowd[np.argsort((now[crowd] == wanted[crowd]) + rng.random(len(crowd)))]  # visitors first
    leaving: Ints = crowd[_ranks(now[crowd]) < spare[now[crowd]]]
    return leaving


def _ranks(groups: Ints) -> Ints:
    """Position of each entry among those of its group, from 0, in the order in which they stand."""
    order = np.argsort(groups, kind="stable")
    ranked = groups[order]
    ranks = np.empty(len(groups), dtype=np.int64)
    ranks[order] = np.arange(len(groups)) - np.searchsorted(ranked, ranked)
    return ranks
