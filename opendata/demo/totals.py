"""How many people are present by place and hour: the table that a simulated week follows.

A real one is read from a file (a published week of living population); without it there is a made-up week of Haneul.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from opendata.demo import habits, places
from opendata.demo.chance import Floats, Ints

MADE_UP_DAYS: Final = 7
MADE_UP_PEOPLE: Final = 1_000_000
MONDAY: Final = np.datetime64("2026-03-02T00", "h")
NIGHT: Final = (3, 4, 5)
OFFICE_HOURS: Final = (11, 14, 15, 16)
_VISITING = 0.15  # share of the made-up city that is there by day and not at night


@dataclass(frozen=True)
class Totals:
    """``present[place, hour]``: persons, ≥ 0, for each of ``codes`` and each hour from ``first`` (local time) on."""

    codes: tuple[str, ...]
    first: np.datetime64
    present: Floats

    def __post_init__(self) -> None:
        if self.present.ndim != 2 or len(self.codes) != len(self.present) or not self.present.size:
            raise ValueError("totals are a table of places by hours, with a code for each place")
        if not (np.isfinite(self.present).all() and (self.present >= 0).all() and (self.present.sum(axis=0) > 0).all()):
            raise ValueError("totals are finite, not negative, and every hour has somebody in it")

    @property
    def hours(self) -> int:
        return int(self.present.shape[1])

    def moments(self) -> npt.NDArray[np.datetime64]:
        """The start of each hour, local time."""
        moments: npt.NDArray[np.datetime64] = self.first + np.arange(self.hours)
        return moments

    def at(self, hours_of_day: tuple[int, ...], *, weekdays: bool = False) -> Floats:
        """Mean persons in each place at these hours of the day, of weekdays alone where asked (and where there are any)."""
        moments = self.moments()
        chosen = np.isin(moments.astype(np.int64) % 24, hours_of_day)
        if weekdays and (chosen & ~habits.is_weekend(moments)).any():
            chosen &= ~habits.is_weekend(moments)
        if not chosen.any():
            chosen[:] = True  # a table that is shorter than a day
        means: Floats = self.present[:, chosen].mean(axis=1)
        return means

    def scaled(self, people: int) -> Ints:
        """Whole persons, (place, hour), when the fullest hour holds ``people``; each less than 1 from its share."""
        exact = self.present * (people / self.present.sum(axis=0).max())
        return np.column_stack([apportioned(exact[:, hour]) for hour in range(self.hours)])


def apportioned(exact: Floats, seats: int | None = None) -> Ints:
    """Whole numbers near ``exact`` that add up to ``seats`` (its own sum, rounded): the largest remainders are rounded up."""
    wanted = int(np.rint(exact.sum())) if seats is None else seats
    whole = np.floor(exact).astype(np.int64)
    up = np.argsort(whole - exact, kind="stable")[: max(wanted - int(whole.sum()), 0)]
    whole[up] += 1
    return whole


def published(path: Path) -> Totals:
    """A published week: a Parquet file of ``dong_code8``, ``datetime`` (hours, local time) and ``total`` (persons).

    Raises ValueError where an hour of a district is missing or there twice.
    """
    rows = pd.read_parquet(path, columns=["dong_code8", "datetime", "total"])
    table = rows.pivot(index="dong_code8", columns="datetime", values="total").sort_index().sort_index(axis=1)
    moments = table.columns.to_numpy().astype("datetime64[h]")
    if (np.diff(moments) != np.timedelta64(1, "h")).any():
        raise ValueError("the hours of the totals have a gap")
    return Totals(tuple(str(code) for code in table.index), moments[0], table.to_numpy(dtype=np.float64))


def made_up() -> Totals:
    """A week of Haneul, from where its homes, jobs and evenings are."""
    moments = MONDAY + np.arange(24 * MADE_UP_DAYS)
    hour = moments.astype(np.int64) % 24
    working = np.where(habits.is_weekend(moments), 0.12, 1.0) * habits.AT_WORK[hour]  # (hour) → share of those with a job
    out = (1 - habits.AT_HOME[hour]) * np.where(working > 0.2, 0.4, 1.0)
    homes, jobs, pull = (places.weights(kind) / places.weights(kind).sum() for kind in ("homes", "jobs", "pull"))
    at_work, outing = 0.5 * working, (1 - 0.5 * working) * out
    share = np.outer(homes, 1 - at_work - outing) + np.outer(jobs, at_work + _VISITING * working) + np.outer(pull, outing)
    return Totals(tuple(places.codes()), MONDAY, np.rint(MADE_UP_PEOPLE * share))
