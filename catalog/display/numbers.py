"""Numbers as the reader writes them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _


def number(value: Any) -> str:
    """A number with the reader's separators; digits after the point stay as they are."""
    if isinstance(value, bool) or value is None or value == "":
        return "–" if value in (None, "") else str(value)
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    if not exact.is_finite():
        return "–"
    places = max(-int(exact.as_tuple().exponent), 0)
    return str(number_format(exact, decimal_pos=places, use_l10n=True, force_grouping=True))


def percent(share: Any, places: int = 1) -> str:
    """A share in [0, 1] as per cent; a share that is small but not 0 is never shown as 0."""
    try:
        value = Decimal(str(share)) * 100
    except InvalidOperation:
        return "–"
    smallest = Decimal(1).scaleb(-places)
    if 0 < value < smallest:
        return f"< {number(smallest)} %"
    return f"{number(value.quantize(smallest))} %"


def odds(share: Any) -> str:
    """A chance as a person reads it: 0.2 is 1 in 5."""
    value = float(share or 0)
    if value >= 1:
        return _("certain")
    return _("1 in %(n)s") % {"n": number(round(1 / value))} if value > 0 else _("none")
