"""What a DP table protects, in words: a person with everything they did, or what a person did in one period.

``unit``: as the public half of a report has it under ``privacy_unit``, that is ``unit`` (person, person_day, person_week or
person_month) and, of a period, its ``time_zone``.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal

PERSON: Final[Mapping[str, Any]] = {"unit": "person"}
OF_NOBODY: Final = "Rows without a person key were declared to be nobody's: they count, and nothing protects whoever they were about."
_PERIODS: Final = {
    "person_day": ("on one day", "days", "day"),
    "person_week": ("in one week", "weeks", "week"),
    "person_month": ("in one month", "months", "month"),
}


_STRONG, _MODERATE = Decimal(1), Decimal(5)
_STRENGTHS: Final = {
    "strong": "That is a strong promise: who wants to find out about somebody learns little.",
    "moderate": "That is a moderate promise: what is suspected of somebody can become likelier by as much, and no more.",
    "weak": "That is a weak promise: who knows much already may find out what somebody did.",
}
_EXPONENTS: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def sentence(unit: Mapping[str, Any], epsilon: str, delta: str = "0", *, large_delta: bool = False) -> str:
    """For everybody. ``large_delta``: whether the recipe lets δ be one in the number of persons or more."""
    said = [_factor_in_words(unit, epsilon), _STRENGTHS[strength(epsilon)]]
    if large_delta:
        said.append(
            f"With a chance of up to {delta} it does not hold, and the recipe lets that be as large as one in the number of people: "
            "one of them may be published as is."
        )
    elif Decimal(delta) > 0:
        said.append(f"With a chance of up to {delta} it does not hold.")
    if unit["unit"] in _PERIODS:
        _, several, one = _PERIODS[unit["unit"]]
        said.append(f"Over several {several} more can be learnt about one person, since each {one} is protected by itself.")
    return " ".join(said)


def _factor_in_words(unit: Mapping[str, Any], epsilon: str) -> str:
    differed = f"the chance of the numbers here would have differed by a factor of at most about {factor(epsilon)} (ε = {epsilon})."
    if unit["unit"] not in _PERIODS:
        return f"Had any one person, with everything they did, not been in these data, {differed}"
    return f"Had what any one person did {_PERIODS[unit['unit']][0]} not been in these data, {differed}"


def factor(epsilon: str) -> str:
    """e^ε, by which the chance of any result differs at most, to two digits: 2.7, 55, 22,000 or 6.2 × 10²⁷; never 1, which would be no
    difference. ε is above 0 and at most 64."""
    value = Decimal(epsilon).exp()
    if value < Decimal("1.1"):
        return format(max(value.quantize(Decimal("0.01")), Decimal("1.01")), "f")
    digits, power = format(value, ".1e").split("e+")
    if int(power) >= 6:
        return f"{digits} × 10{str(int(power)).translate(_EXPONENTS)}"
    return digits if int(power) == 0 else format(int(Decimal(digits).scaleb(int(power))), ",")


def strength(epsilon: str) -> Literal["strong", "moderate", "weak"]:
    """How much ε promises, by rule of thumb (Near, Darais, Lefkovitz and Howarth 2025, NIST SP 800-226, calls up to 1 strong)."""
    asked = Decimal(epsilon)
    if asked <= _STRONG:
        return "strong"
    return "moderate" if asked <= _MODERATE else "weak"


def neighbours(unit: Mapping[str, Any]) -> str:
    """In which rows two tables differ that the release does not tell apart."""
    period = _PERIODS.get(unit["unit"])
    return "all rows of one person" + (f" {period[0]} ({unit['time_zone']})" if period else "")
