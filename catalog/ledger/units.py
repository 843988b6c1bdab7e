"""The unit of privacy of a population: one person with everything they did, or what one person did in one day, week or month.

Of a person there are many days. What releases about different days give away of one day does not add up, since no day is
in two of them; of a whole person it does. So for a period the ledger counts what covers one and the same period.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Self, TypeAlias, get_args

from anonymize.aggregates.accounting import Unit as Kind

Range: TypeAlias = tuple[date, date]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Unit:
    """``time_zone`` is that in which days begin; empty for a person, who has none.

    A day elsewhere is another unit: it lies in two days of here.
    """

    kind: Kind = "person"
    time_zone: str = ""

    def __post_init__(self) -> None:
        if (self.kind == "person") != (not self.time_zone):
            raise ValueError("a person has no time zone, and a day, week or month of a person needs one")

    @classmethod
    def of(cls, kind: str, time_zone: str = "") -> Self:
        """Raises ``ValueError`` for what is no unit."""
        for known in KINDS:
            if known == kind:
                return cls(known, time_zone)
        raise ValueError("a unit is a person, or a person's day, week or month")

    @property
    def has_periods(self) -> bool:
        return self.kind != "person"

    def __str__(self) -> str:
        return _SAID[self.kind] + (f" ({self.time_zone})" if self.time_zone else "")

    def as_dict(self) -> dict[str, str | None]:
        return {"unit": self.kind, "time_zone": self.time_zone or None}

    def rounded(self, covers: Range | None) -> Range | None:
        """``covers``, outwards to whole periods; ``None`` for everything: a unit without periods, or the end of the calendar."""
        if covers is None or not self.has_periods:
            return None
        first, last = covers[0], covers[1] - timedelta(days=1)
        try:
            return self._first_of(first), self._next(self._first_of(last))
        except OverflowError:
            return None

    def _first_of(self, day: date) -> date:
        if self.kind == "person_week":
            return day - timedelta(days=day.weekday())
        return day.replace(day=1) if self.kind == "person_month" else day

    def _next(self, first: date) -> date:
        if self.kind == "person_month":
            return (first + timedelta(days=31)).replace(day=1)
        return first + timedelta(days=7 if self.kind == "person_week" else 1)


PERSON: Final = Unit()

_SAID: Final = {
    "person": "a person with everything they did",
    "person_day": "what a person did on one day",
    "person_week": "what a person did in one week",
    "person_month": "what a person did in one month",
}
