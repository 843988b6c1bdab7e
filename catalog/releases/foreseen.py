"""A forecast of errors made ready for a page: pictures, the same numbers as tables, and the settings to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from catalog.display import pictures
from catalog.display.numbers import number, percent
from catalog.display.pictures import Asked
from catalog.releases.assessed import exactness
from catalog.releases.assessed.seen import seen_of
from catalog.releases.assessed.shown import Shown, track, tracks

Point = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a forecast. ``index``: its place in the result; ``cells``: texts of the columns of :func:`headers`."""

    index: int
    name: str
    found: Point
    cells: tuple[tuple[str, str], ...]
    said: tuple[str, ...]


def pictured(result: Any, *, draw: bool = False) -> dict[str, Any]:
    """What the template ``releases/_foreseen.html`` takes."""
    if result is None:
        return {"foreseen": True, "settings": [], "seen": (), "missing": False}
    if draw:
        pictures.drawn(asked_of(result))
    seen = seen_of(shown_of(result))
    return {"foreseen": True, "settings": settings_of(result), "seen": seen, "missing": not draw and any(one.missing for one in seen)}


def asked_of(result: Any) -> list[Asked]:
    """Everything that there is to draw."""
    return [one.asked for one in shown_of(result) if one.asked is not None]


def shown_of(result: Any) -> tuple[Shown, ...]:
    met = [point for point in result["points"] if point["met"]]
    own = next((point for point in met if point["own"]), None)
    if own is None:
        return ()
    made = (_epsilons(met, own), _usable(met, own), exactness.errors(own, "own-errors"))
    return tuple(one for one in made if one is not None)


def settings_of(result: Any) -> list[Setting]:
    """In the order of the result: other ε, then coarser grids."""
    points = result["points"]
    own = next((point for point in points if point["met"] and point["own"]), None)
    measure = _first(own) if own is not None else ""
    usable = [(_overall(point, measure) or {}).get("usable_share") or 0 for point in points]
    return [
        Setting(i, name_of(point), point, _cells(point, measure) if point["met"] else (), _reasons(point, usable[i] == max(usable) > 0))
        for i, point in enumerate(points)
    ]


def name_of(point: Point) -> str:
    """A setting in the reader's words."""
    change = point["change"]
    if change is None:
        return f"ε = {point['epsilon']}"
    column, after = change["column"], change["after"]
    if change["kind"] == "time":
        return _("%(column)s by %(bucket)s") % {"column": column, "bucket": bucket_of(after)}
    if change["kind"] == "level":
        return _("%(column)s at level %(level)s") % {"column": column, "level": after}
    beside = f" ({bucket_of(change['before'])})" if change["before"] else ""
    return _("without %(column)s") % {"column": column} + beside


def bucket_of(bucket: str) -> str:
    named = {
        "hour": _("hour"), "day": _("day"), "week": _("week"), "month": _("month"), "quarter": _("quarter"), "year": _("year"),
        "hour_of_day": _("hour of the day"), "day_of_week": _("day of the week"),
    }  # fmt: skip
    return str(named.get(bucket, bucket))


# --- what is shown -----------------------------------------------------------------------------------------------


def _epsilons(met: list[Point], own: Point) -> Shown | None:
    """The first measure's error by size of cell, a line an ε."""
    measure, points = _first(own), [point for point in met if point["change"] is None]
    figures = {id(point): _measure(point, measure)["classes"] for point in points}
    lines = [
        {"label": name_of(point), "own": point["own"], "points": through}
        for point in points if (through := exactness.through(point["classes"], figures[id(point)]))
    ]  # fmt: skip
    if not lines:
        return None
    there = [i for i, one in enumerate(own["classes"]) if one["cells"]]
    title = _("Error by size of cell, for other ε")
    hollow = any(at["hidden"] for line in lines for at in line["points"])
    return Shown(
        "epsilons", title,
        _("Of %(measure)s. Half of the numbers in cells of this size are off by less than the typical error. Twice the ε halves the noise, and is charged twice.") % {"measure": measure},
        (_("Setting"), *(_("%(size)s people") % {"size": exactness.size(own["classes"][i])} for i in there)),
        tuple((name_of(point), *(exactness.share((figures[id(point)][i] or {}).get("relative_error")) for i in there)) for point in points),
        exactness.picture("epsilons", title, lines),
        note=_("A hollow mark: most cells of this size are hidden.") if hollow else "",
    )  # fmt: skip


def _usable(met: list[Point], own: Point) -> Shown | None:
    """The share of cells that appear with a number that can be relied upon."""
    measure = _first(own)
    found = [(point, _overall(point, measure)) for point in met]
    rows = [(name_of(point), point["cells"]["with_data"], (overall or {}).get("usable_share") or 0.0) for point, overall in found]
    title = _("Cells that can be used")
    return Shown(
        "usable", title,
        _("Of %(measure)s, of the cells that hold somebody: those that are not hidden, and whose number is not unreliable. Fewer, larger cells can be used more often.") % {"measure": measure},
        (_("Setting"), _("Cells"), _("Usable"), _("Usable cells")),
        tuple((name, number(cells), percent(part), number(round(part * cells))) for name, cells, part in rows),
        tracks("usable", title, [track(name, None, part) for name, _cells, part in rows], bar=True),
    )  # fmt: skip


def _cells(point: Point, measure: str) -> tuple[tuple[str, str], ...]:
    """Header and text of what the table tells of a setting."""
    cells, overall = point["cells"], _overall(point, measure) or {}
    return (
        (_("Cells"), number(cells["with_data"])),
        (_("Middle cell, people"), exactness.about(cells["median_persons"])),
        (_("Hidden"), exactness.share(cells["hidden_share"])),
        (_("Typical error"), exactness.share(overall.get("relative_error"))),
        (_("Unreliable"), exactness.share(overall.get("unreliable_share"))),
        (_("Usable"), exactness.share(overall.get("usable_share"))),
    )


def _reasons(point: Point, best: bool) -> tuple[str, ...]:
    return (_("most usable cells"),) if best and point["met"] else ()


def _first(point: Point) -> str:
    """The name of the first measure whose error can be told; of the first of all where there is none."""
    known = (m["name"] for m in point["measures"] if any((figures or {}).get("relative_error") is not None for figures in m["classes"]))
    return str(next(known, point["measures"][0]["name"]))


def _measure(point: Point, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(measure for measure in point["measures"] if measure["name"] == name)
    return found


def _overall(point: Point, name: str) -> dict[str, Any] | None:
    return _measure(point, name)["overall"] if point["met"] else None
