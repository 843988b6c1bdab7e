"""What the limits per person cut off, in words with figures: exact, and for officers and auditors alone.

A steward who saw it would choose limits by it, and limits that are chosen by looking at the data give some of them away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from catalog.display.numbers import number, percent
from catalog.people.models import User
from catalog.people.policies import has_role
from catalog.people.roles import OFFICERS, Role

MUCH: Final = 0.2
"""From this share of rows, or of a sum, on an officer is told first."""
_EXACT: Final = (
    "bounding", "rows_before_bounding", "rows_after_bounding", "person_cells_before_bounding", "person_cells_after_bounding",
)  # fmt: skip


def report_for(user: User, report: dict[str, Any] | None) -> dict[str, Any] | None:
    """The report of a run as this user may see it."""
    if not report or has_role(user, *OFFICERS, Role.AUDITOR):
        return report
    return {**report, "internal": {name: value for name, value in report.get("internal", {}).items() if name not in _EXACT}}


@dataclass(frozen=True, slots=True)
class Cut:
    """How much of something was there, and how much is left. ``share``: cut off; ``None`` of nothing. Less than 0: added."""

    name: str
    before: float
    after: float

    @property
    def share(self) -> float | None:
        return (self.before - self.after) / abs(self.before) if self.before else None


def bounding_of(report: dict[str, Any] | None) -> dict[str, Any]:
    """The exact counts of a DP table's bounding; empty where there are none."""
    found = (report or {}).get("internal", {}).get("bounding")
    return found if isinstance(found, dict) else {}


def sums_of(found: dict[str, Any]) -> list[Cut]:
    return [Cut(name, float(sides["before"]), float(sides["after"])) for name, sides in found.get("sums", {}).items()]


def rows_of(found: dict[str, Any]) -> Cut:
    return Cut("", found["rows_before"], found["rows_after"])


def much_cut(report: dict[str, Any] | None) -> str:
    """What lost or gained a fifth or more, with its share, a plus before what was gained; empty where nothing did."""
    found = bounding_of(report)
    if not found:
        return ""
    cuts = [Cut(_("rows"), *(found[name] for name in ("rows_before", "rows_after"))), *sums_of(found)]
    much = [(cut.name, cut.share) for cut in cuts if cut.share is not None and not abs(cut.share) < MUCH]
    return "; ".join(f"{name} {'+' if share < 0 else ''}{percent(abs(share))}" for name, share in much)


def said(report: dict[str, Any] | None) -> list[str]:
    """For the officer: how many persons and rows there are, and what the limits took away of them."""
    found = bounding_of(report)
    return list(_said(found, (report or {}).get("guarantee", {}))) if found else []


def _said(found: dict[str, Any], guarantee: dict[str, Any]) -> Iterator[str]:
    persons = {"persons": number(found["persons"])}
    if guarantee.get("unit", "person") == "person":
        yield _("The rows that count are those of %(persons)s people.") % persons
    else:
        yield _("The rows that count are those of %(persons)s people's periods; somebody who is there in several is counted in each.") % persons
    yield _("Of %(before)s rows the limits cut off %(cut)s (%(share)s).") % _figures(found["rows_before"], found["rows_after"])
    yield _("Of %(before)s times that somebody is in a cell the limits cut off %(cut)s (%(share)s).") % _figures(
        found["person_cells_before"], found["person_cells_after"]
    )
    for cut in sums_of(found):
        yield _of_sum(cut)
    if found.get("rows_of_nobody"):
        yield _("%(rows)s more rows were declared to be nobody's: no limit holds for them.") % {"rows": number(found["rows_of_nobody"])}


def _figures(before: int, after: int) -> dict[str, str]:
    return {"before": number(before), "cut": number(before - after), "share": percent((before - after) / before if before else 0)}


def _of_sum(cut: Cut) -> str:
    figures = {"name": cut.name, "before": number(round(cut.before)), "after": number(round(cut.after)), "share": percent(abs(cut.share or 0))}
    if cut.after > cut.before:
        return _("%(name)s added up to %(before)s as it came in; limits, bounds and rounding made %(after)s of it: %(share)s more.") % figures
    return _("%(name)s added up to %(before)s as it came in; limits, bounds and rounding left %(after)s of it: %(share)s less.") % figures
