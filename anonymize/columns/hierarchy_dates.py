"""Calendar labels of dates and time stamps."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from anonymize.columns.hierarchy_values import Misfit, Step
from anonymize.recipe import DateLevel


def steps(levels: tuple[DateLevel, ...]) -> tuple[Step, ...]:
    """A step a level. From the week on, a date counts as its ISO week's Thursday, so that whole weeks nest."""
    return tuple(_hour if level == "hour" else _date(level, by_week="week" in levels[: i + 1]) for i, level in enumerate(levels))


def _hour(value: Any) -> str:
    """The hour that a time stamp lies in, on the clock that it was read with: ``2024-05-01T13``."""
    if not isinstance(value, dt.datetime):
        raise Misfit("hours need a column of time stamps")
    return f"{value.date().isoformat()}T{value.hour:02d}"


def _date(level: DateLevel, *, by_week: bool) -> Step:
    def step(value: Any) -> str:
        day = _day(value)
        return _CALENDAR[level](_thursday(day) if by_week else day)

    return step


def _day(value: Any) -> dt.date:
    """The date of a value; of a time stamp with a zone, the date on the clock that it was read with (UTC)."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    raise Misfit("date levels need a column of dates or time stamps")


def _thursday(day: dt.date) -> dt.date:
    # by ordinals: the last days of the year 9999 lie in a week whose Thursday no date can hold
    return dt.date.fromordinal(min(day.toordinal() + 4 - day.isoweekday(), dt.date.max.toordinal()))


def _week(day: dt.date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year:04d}-W{week:02d}"


_CALENDAR: dict[DateLevel, Callable[[dt.date], str]] = {
    "day": lambda day: day.isoformat(),
    "week": _week,
    "month": lambda day: f"{day.year:04d}-{day.month:02d}",
    "quarter": lambda day: f"{day.year:04d}-Q{(day.month + 2) // 3}",
    "year": lambda day: f"{day.year:04d}",
}
