"""What every ladder is made of: values, the text they are written as, and steps from a value to a label."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any, TypeAlias

import pandas as pd

TOP = "*"

Step: TypeAlias = Callable[[Any], str]
"""From a value that is not null to its label at one level. Raises ``Misfit`` for a value with no place on the ladder."""


class Misfit(ValueError):
    """A value has no place on a ladder. Carries the reason, never the value."""


def as_text(value: Any) -> str:
    """A value as a label: ISO dates, ``true``/``false``, numbers without exponent."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    if isinstance(value, float):
        return plain(Decimal(repr(value)))
    return plain(value) if isinstance(value, Decimal) else str(value)


def plain(number: Decimal) -> str:
    """A decimal without exponent and without zeros at its end."""
    if not number.is_finite():
        return str(number)
    with localcontext(prec=100):  # a DECIMAL(38) has more digits than the usual context keeps
        return format(number.normalize() + 0, "f")


def number(value: Any, what: str = "intervals need") -> Decimal:
    """A numeric value, exact; a float is the shortest decimal that names it. Raises :class:`Misfit`."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise Misfit(f"{what} a column of numbers")
    return Decimal(value)


def is_null(value: Any) -> bool:
    """Null in Python's and in pandas' spellings; NaN is none of them."""
    return value is None or value is pd.NA or value is pd.NaT
