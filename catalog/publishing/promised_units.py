"""The unit of privacy of a DP table in the reader's language: a person with everything they did, or one period of a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext as _

from anonymize import promised_units

PERIODS: Final = ("person_day", "person_week", "person_month")


def sentence(guarantee: dict[str, Any]) -> str:
    """How little it matters whether somebody is in the data, and how strong a promise that is. For a citizen."""
    epsilon, unit = str(guarantee["epsilon"]), guarantee.get("unit", "")
    differed = _SENTENCES.get(unit, _of_person)() % {"factor": promised_units.factor(epsilon)}
    said = [differed, _STRENGTHS[promised_units.strength(epsilon)](), _of_delta(guarantee), _SEVERAL[unit]() if unit in _SEVERAL else ""]
    return " ".join(part for part in said if part)


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


def _of_delta(guarantee: dict[str, Any]) -> str:
    figure = {"delta": guarantee.get("delta", "0")}
    if guarantee.get("allow_large_delta"):
        return _(
            "With a chance of up to %(delta)s it does not hold, and the recipe lets that be as large as one in the number of "
            "people: one of them may be published as is."
        ) % figure
    return _("With a chance of up to %(delta)s it does not hold.") % figure if Decimal(str(figure["delta"])) > 0 else ""


def _of_person() -> str:
    return _(
        "Had any one person, with everything they did, not been in these data, the chance of the numbers here would have "
        "differed by a factor of at most about %(factor)s."
    )


def _of_day() -> str:
    return _(
        "Had what any one person did on one day not been in these data, the chance of the numbers here would have differed by "
        "a factor of at most about %(factor)s."
    )


def _of_week() -> str:
    return _(
        "Had what any one person did in one week not been in these data, the chance of the numbers here would have differed by "
        "a factor of at most about %(factor)s."
    )


def _of_month() -> str:
    return _(
        "Had what any one person did in one month not been in these data, the chance of the numbers here would have differed "
        "by a factor of at most about %(factor)s."
    )


_Words = Callable[[], str]
_SENTENCES: Final[dict[str, _Words]] = {"person_day": _of_day, "person_week": _of_week, "person_month": _of_month}
_STRENGTHS: Final[dict[str, _Words]] = {
    "strong": lambda: _("That is a strong promise: who wants to find out about somebody learns little."),
    "moderate": lambda: _("That is a moderate promise: what is suspected of somebody can become likelier by as much, and no more."),
    "weak": lambda: _("That is a weak promise: who knows much already may find out what somebody did."),
}
_SEVERAL: Final[dict[str, _Words]] = {
    "person_day": lambda: _("Over several days more can be learnt about one person, since each day is protected by itself."),
    "person_week": lambda: _("Over several weeks more can be learnt about one person, since each week is protected by itself."),
    "person_month": lambda: _("Over several months more can be learnt about one person, since each month is protected by itself."),
}
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
