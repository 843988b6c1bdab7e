"""The unit of privacy of a DP table in the reader's language: a person with everything they did, or one period of a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

from django.utils.translation import gettext as _

PERIODS: Final = ("person_day", "person_week", "person_month")


def sentence(guarantee: dict[str, Any]) -> str:
    """What nobody can learn. For a citizen."""
    return _SENTENCES.get(guarantee.get("unit", ""), _of_person)()


def spent(guarantee: dict[str, Any], epsilon: str) -> str:
    """ε with what it is spent on, where that is less than a person."""
    said = _PER.get(guarantee.get("unit", ""))
    return said() % {"epsilon": epsilon} if said else f"ε {epsilon}"


def limits(guarantee: dict[str, Any]) -> str:
    """What adds up, and who is not protected."""
    if guarantee.get("unit") in PERIODS:
        said = _(
            "The promise holds whatever somebody knows already. It adds up over releases that cover the same period: their sum is "
            "what the population's privacy budget is about."
        )
    else:
        said = _("The promise holds whatever somebody knows already, and adds up over releases: the sum is the population's privacy budget.")
    if guarantee.get("missing_person_key") != "nobody":
        return said
    return f"{said} {of_nobody()}"


def of_nobody() -> str:
    return _("Rows without a person key were declared to be nobody's: they count, and nothing protects whoever they were about.")


def protected(guarantee: dict[str, Any]) -> str:
    """Who or what is protected, in the formal statement."""
    said = _PROTECTED.get(guarantee.get("unit", ""))
    return said() % {"zone": guarantee.get("time_zone", "")} if said else _("each person, with all their rows together")


def covered(guarantee: dict[str, Any]) -> tuple[date, date] | None:
    """The first and the last date of which rows can count, where the release declares them."""
    try:
        return date.fromisoformat(guarantee["from"]), date.fromisoformat(guarantee["until"]) - timedelta(days=1)
    except (KeyError, TypeError, ValueError):
        return None


def _of_person() -> str:
    return _(
        "Every number here would have come out almost as likely if any one person, with everything they did in these data, had not "
        "been in them: nobody can learn from it what a single person did."
    )


def _of_day() -> str:
    return _(
        "Every number here would have come out almost as likely if what any one person did on one day had not been in the data: nobody "
        "can learn from it what a single person did on a single day. Over several days more can be learnt about one person, since "
        "each day is protected by itself."
    )


def _of_week() -> str:
    return _(
        "Every number here would have come out almost as likely if what any one person did in one week had not been in the data: nobody "
        "can learn from it what a single person did in a single week. Over several weeks more can be learnt about one person, since "
        "each week is protected by itself."
    )


def _of_month() -> str:
    return _(
        "Every number here would have come out almost as likely if what any one person did in one month had not been in the data: nobody "
        "can learn from it what a single person did in a single month. Over several months more can be learnt about one person, since "
        "each month is protected by itself."
    )


_Words = Callable[[], str]
_SENTENCES: Final[dict[str, _Words]] = {"person_day": _of_day, "person_week": _of_week, "person_month": _of_month}
_PER: Final[dict[str, _Words]] = {
    "person_day": lambda: _("ε %(epsilon)s for each person's day"),
    "person_week": lambda: _("ε %(epsilon)s for each person's week"),
    "person_month": lambda: _("ε %(epsilon)s for each person's month"),
}
_PROTECTED: Final[dict[str, _Words]] = {
    "person_day": lambda: _("what each person did on one day, with all their rows of that day together (days of %(zone)s)"),
    "person_week": lambda: _("what each person did in one week, with all their rows of that week together (weeks of %(zone)s, from Monday)"),
    "person_month": lambda: _("what each person did in one month, with all their rows of that month together (months of %(zone)s)"),
}
