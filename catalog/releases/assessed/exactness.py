"""How wrong the numbers of a table are expected to be, by the size of their cells: a run's own forecast."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext as _

from catalog.display.numbers import number, percent
from catalog.display.pictures import Asked
from catalog.releases.assessed.shown import WIDTHS, Shown, at

__all__ = ["MODULE", "about", "drowned", "errors", "share", "size", "words"]

MODULE: Final = "anonymize.pictures"
MOSTLY: Final = 0.5
"""Hidden share of a class from which on it is drawn as one that is not seen."""
NEARLY_ALL: Final = 0.9
"""Share of unreliable numbers from which on a measure tells next to nothing: bounds far beyond the data, or ε too small."""


def errors(found: Any, name: str = "errors") -> Shown | None:
    """Every measure and every size of cell that there is; None for a report without a forecast."""
    classes, measures = at(found, "classes"), at(found, "measures")
    if not classes or not measures:
        return None
    hidden = any(one["hidden_share"] for one in classes)
    rows = [
        _row(measure["name"], one, figures, hidden=hidden)
        for measure in measures
        for one, figures in zip(classes, measure["classes"], strict=True)
        if one["cells"]
    ]
    title = _("Error of each measure, by size of cell")
    headers = (
        _("Measure"), _("People in the cell"), _("Cells"), *([_("Hidden")] if hidden else []), _("Mean error"), _("Typical error"),
        _("Half the 95 % interval"), _("Unreliable"),
    )  # fmt: skip
    lines = [
        {"label": measure["name"], "own": i == 0, "points": points}
        for i, measure in enumerate(measures) if (points := through(classes, measure["classes"]))
    ]  # fmt: skip
    return Shown(
        name, title,
        _("Small cells drown in noise, large ones hardly notice it. Half of the numbers are off by less than the typical error, a share of the true number. What the limits per person left out is not in it."),
        headers, tuple(rows), picture(name, title, lines) if lines else None, note=_note(found),
    )  # fmt: skip


def _row(name: str, one: Any, figures: Any, *, hidden: bool) -> tuple[str, ...]:
    known = figures or {}
    return (
        name, size(one), number(one["cells"]), *([percent(one["hidden_share"])] if hidden else []), about(known.get("absolute_error")),
        share(known.get("relative_error")), about(known.get("half_width"), "± "), share(known.get("unreliable_share")),
    )  # fmt: skip


def drowned(found: Any) -> str:
    """The measures nearly all of whose numbers are unreliable, with the share of them; empty where there is none."""
    shares = [(measure["name"], at(measure, "overall.unreliable_share")) for measure in at(found, "measures") or ()]
    return "; ".join(f"{name} {percent(part)}" for name, part in shares if part is not None and part >= NEARLY_ALL)


def _warned(found: Any) -> list[str]:
    measures = drowned(found)
    if not measures:
        return []
    return [_("Nearly every number is unreliable of: %(measures)s. Narrower bounds, fewer and larger cells or a larger ε would help.") % {"measures": measures}]


def _note(found: Any) -> str:
    said = [*_warned(found), _("A number is unreliable when half its interval is more than %(share)s of it.") % {"share": percent(at(found, "unreliable_above") or 0, 0)}]
    if empty := at(found, "cells.empty"):
        said.append(_("%(n)s cells hold nobody: their numbers are noise alone.") % {"n": number(empty)})
    if any(one["hidden_share"] > MOSTLY for one in found["classes"] if one["cells"]):
        said.append(_("A hollow mark: most cells of this size are hidden."))
    if any(not measure["forecast"] for measure in found["measures"]):
        said.append(_("A dash stands where the error depends on the values themselves."))
    return " ".join(said)


def through(classes: Any, figures: Any) -> list[dict[str, Any]]:
    """The points of a line: the middle cell of every class of size whose relative error is known."""
    return [
        {"size": one["median_persons"], "error": figure["relative_error"], "hidden": one["hidden_share"] > MOSTLY}
        for one, figure in zip(classes, figures, strict=True)
        if figure and figure["relative_error"] and one["median_persons"]
    ]


def picture(name: str, label: str, lines: list[dict[str, Any]]) -> Asked:
    """Relative error against people in the cell."""
    return Asked(name, label, {"lines": lines, "widths": WIDTHS, "words": words()}, module=MODULE)


def words() -> dict[str, str]:
    return {"size": _("people in the cell"), "error": _("typical error")}


def size(one: Any) -> str:
    """A class of cells by their people."""
    return f"{number(one['from'])}–{number(one['to'])}" if one["to"] else f"{number(one['from'])}+"


def about(found: Any, before: str = "") -> str:
    """A number of the engine's, with three digits that count."""
    return "–" if found is None else before + number(format(Decimal(f"{found:.3g}"), "f"))


def share(found: Any) -> str:
    """A share that may be more than all."""
    if found is None:
        return "–"
    return percent(found) if found <= 10 else _("over 10 times")
