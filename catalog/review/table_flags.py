"""Red flags of a differentially private table: what it does not protect, and what it leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.utils.translation import gettext as _

from catalog.display.numbers import number
from catalog.releases.assessed.exactness import drowned
from catalog.releases.bounding import bounding_of, much_cut
from catalog.review.flag import Flag

LARGE_EPSILON: Final = 2


def table_flags(report: dict[str, Any]) -> Iterator[Flag]:
    """Of a report as the reader may see it: what limits cut off is in some."""
    guarantee = report.get("guarantee", {})
    if guarantee.get("missing_person_key") == "nobody":
        yield Flag("stop", "rows_of_nobody", number(bounding_of(report).get("rows_of_nobody")))
    if guarantee.get("allow_large_delta"):
        yield Flag("stop", "large_delta", guarantee["delta"])
    period = {"person_day": _("one day"), "person_week": _("one week"), "person_month": _("one month")}.get(guarantee.get("unit", ""))
    if period:
        yield Flag("warning", "unit_of_a_period", f"{period} ({guarantee.get('time_zone', '')})")
    cut = much_cut(report)
    if cut:
        yield Flag("warning", "bounds_cut_much", cut)
    unreliable = drowned(report.get("internal", {}).get("forecast"))
    if unreliable:
        yield Flag("warning", "nearly_all_unreliable", unreliable)
    if float(guarantee.get("epsilon", "0")) > LARGE_EPSILON:
        yield Flag("warning", "large_epsilon", guarantee["epsilon"])
