"""A report's figures side by side: before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy


@dataclass(frozen=True, slots=True)
class Figure:
    """One line. ``kind`` says how its numbers are written: number, percent or odds."""

    label: Any
    before: Any
    after: Any
    kind: str = "number"


# label, where before is, where after is, kind; a path that leads nowhere leaves its side empty
_MICRODATA: Final = (
    (gettext_lazy("Rows"), "public.rows.before", "public.rows.after", "number"),
    (gettext_lazy("Rows left out"), "", "public.suppressed.share", "percent"),
    (gettext_lazy("People in the smallest group"), "internal.risk_before.smallest", "public.risk_after.smallest", "number"),
    (gettext_lazy("People who are alone in their group"), "internal.risk_before.uniques", "public.risk_after.uniques", "number"),
    (gettext_lazy("Highest chance of being singled out"), "internal.risk_before.prosecutor_max", "public.risk_after.prosecutor_max", "odds"),
    (gettext_lazy("Average chance of being singled out"), "internal.risk_before.prosecutor_average", "public.risk_after.prosecutor_average", "percent"),
    (gettext_lazy("Rows in groups that are too small"), "internal.risk_before.records_below_k", "public.risk_after.records_below_k", "percent"),
    (gettext_lazy("Detail kept"), "one", "public.granularity", "percent"),
)
_TABLE: Final = (
    (gettext_lazy("Rows"), "internal.rows_before_bounding", "internal.rows_after_bounding", "number"),
    (gettext_lazy("People times cells they appear in"), "internal.person_cells_before_bounding", "internal.person_cells_after_bounding", "number"),
    (gettext_lazy("Cells"), "internal.cells_with_data", "public.cells_published", "number"),
    (gettext_lazy("People"), "internal.persons", "", "number"),
)


def before_after(report: dict[str, Any] | None) -> list[Figure]:
    """Lines that the report has at least one side of."""
    if not report:
        return []
    family = report.get("guarantee", {}).get("family")
    table = _TABLE if family == "differential_privacy" else _MICRODATA if family == "k_anonymity" else ()
    lines = [Figure(label, _at(report, before), _at(report, after), kind) for label, before, after, kind in table]
    return [line for line in lines if line.after is not None or (line.before is not None and line.before != 1)]


def _at(report: dict[str, Any], path: str) -> Any:
    if path == "one":
        return 1
    found: Any = report
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def errors_of(report: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The measures of a DP table with the half-width of their 95 % interval."""
    return list((report or {}).get("public", {}).get("measures") or [])
