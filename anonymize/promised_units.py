"""What a DP table protects, in words: a person with everything they did, or what a person did in one period.

``unit``: as the public half of a report has it under ``privacy_unit``, that is ``unit`` (person, person_day, person_week or
person_month) and, of a period, its ``time_zone``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

PERSON: Final[Mapping[str, Any]] = {"unit": "person"}
OF_NOBODY: Final = "Rows without a person key were declared to be nobody's: they count, and nothing protects whoever they were about."
_PERIODS: Final = {
    "person_day": ("on one day", "days", "day"),
    "person_week": ("in one week", "weeks", "week"),
    "person_month": ("in one month", "months", "month"),
}


def sentence(unit: Mapping[str, Any], epsilon: str) -> str:
    """For everybody."""
    if unit["unit"] not in _PERIODS:
        return (
            "Whether any one person is in the data or not, with everything they did in them, every number here would have come out "
            f"almost as likely: no one can learn from it, beyond a small bounded chance, what a single person did (ε = {epsilon})."
        )
    during, several, one = _PERIODS[unit["unit"]]
    return (
        f"Whether what any one person did {during} is in the data or not, every number here would have come out almost as likely: no one "
        f"can learn from it, beyond a small bounded chance, what a single person did {during} (ε = {epsilon}). Over several {several} more "
        f"can be learnt about one person, since each {one} is protected by itself."
    )


def neighbours(unit: Mapping[str, Any]) -> str:
    """In which rows two tables differ that the release does not tell apart."""
    period = _PERIODS.get(unit["unit"])
    return "all rows of one person" + (f" {period[0]} ({unit['time_zone']})" if period else "")
