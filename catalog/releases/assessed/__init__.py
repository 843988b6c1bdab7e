"""What a run's report measured of risk and usefulness, made ready for a page: parts, each with pictures and their numbers.

The figures are exact and about the input: for people who may see the internal half of a report.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from catalog.releases.assessed import attacks, exactness, people, secrets, usefulness
from catalog.releases.assessed.shown import Part, Shown, at

__all__ = ["Part", "Shown", "assessment_of", "parts_of", "standing_out", "why_not_assessed"]


def assessment_of(report: Any) -> dict[str, Any] | None:
    """The assessment within a report; None where none was made."""
    found = at(report, "internal.assessment")
    return found if at(found, "risk.after") else None


def why_not_assessed(report: Any) -> str:
    """What the engine says of an assessment that could not be made; empty where it says nothing."""
    return str(at(report, "internal.assessment.reason") or "")


def parts_of(report: Any) -> list[Part]:
    """All that was measured, in the order in which somebody decides: risk, attacks, usefulness; of a table with noise its errors."""
    found = assessment_of(report)
    if found is None:
        return [Part(_("How exact its numbers are"), (exact,))] if (exact := exactness.errors(at(report, "internal.forecast"))) else []
    risk = found["risk"]
    made = (
        Part(_("How easily people are singled out"), _there(people.sizes(risk), people.chances(risk), *standing_out(risk.get("standing_out")))),
        Part(_("What can be learnt of people in it"), _there(attacks.attacks(found), secrets.homogeneity(found), people.unicity(found.get("unicity")), attacks.method(found))),
        Part(_("What it is still good for"), _there(usefulness.columns(found), usefulness.models(found), usefulness.pairs(found))),
    )  # fmt: skip
    return [part for part in made if part.shown]


def standing_out(found: Any) -> tuple[Shown, ...]:
    """Which columns and pairs make people stand out, in the table as it came in."""
    return _there(people.columns(found), people.pairs(found)) if found else ()


def _there(*shown: Shown | None) -> tuple[Shown, ...]:
    return tuple(one for one in shown if one is not None)

