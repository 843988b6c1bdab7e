"""The map of a release: drawn once from its own numbers and the outlines that were kept with it, then read from the cache."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, pgettext

from catalog.audit.errors import PlatformError
from catalog.display import pictures
from catalog.display.maps import Place, choropleth, places_of, shades
from catalog.display.numbers import number
from catalog.publishing import store, words
from catalog.publishing.charts import NARROW, WIDE
from catalog.publishing.mapped import Shown, shown_of
from catalog.publishing.models import Publication

log = logging.getLogger(__name__)
DRAWING: Final = 2  # raise it when the same release begins to be drawn differently


@dataclass(frozen=True, slots=True)
class Map:
    """A map in two widths, its classes in rising order, and the same numbers as rows. The SVG is ours and safe."""

    wide: SafeString
    narrow: SafeString
    dimension: str
    measure: str
    how: str
    over: str
    persons: bool
    noisy: bool
    classes: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    above: str
    unreliable: int
    absent: int


def map_of(publication: Publication) -> Map | None:
    """The map of a readable publication; None when no column of it speaks of places whose outlines were kept."""
    if not any(column.get("layer") for column in publication.columns):
        return None
    kept = Path(settings.CACHE_DIR) / "maps" / f"{publication.artefact_sha256}-{get_language() or 'en'}-{DRAWING}.json"
    drawn = pictures.read(kept)
    if drawn is None:
        try:
            drawn = _draw(publication)
        except (OSError, PlatformError) as error:
            log.warning("no map of %s: %s", publication.artefact_sha256, type(error).__name__)
            return None
        pictures.keep(kept, drawn)
    if not drawn:
        return None
    wide, narrow = (mark_safe(drawn.pop(width)) for width in ("wide", "narrow"))  # noqa: S308  all that is not ours is escaped in it
    return Map(wide=wide, narrow=narrow, **drawn)


def _draw(publication: Publication) -> dict[str, Any]:
    shown = shown_of(store.local_path(publication.store_name, publication.artefact_sha256), publication.columns)
    if shown is None:
        return {}
    places = places_of(store.outline(shown.layer))
    at = {point.label: i for i, point in enumerate(shown.points)}
    if not at.keys() & places.keys():
        return {}
    drawn = [_place(shown, at.get(code), name, rings) for code, (name, rings) in places.items()]
    said: dict[str, Any] = {"label": f"{words.word(shown.measure)} · {shown.dimension}", "classes": len(shown.classes), "north": pgettext("map", "N")}
    rows = [_row(shown, at.get(code), code, name) for code, (name, _) in places.items()]
    return {
        "wide": choropleth(drawn, name="map-wide", width=WIDE, **said), "narrow": choropleth(drawn, name="map-narrow", width=NARROW, **said),
        "dimension": shown.dimension, "measure": shown.measure, "how": shown.how, "over": ", ".join(map(_called, shown.over)),
        "persons": shown.persons, "noisy": shown.noisy, "classes": _classes(shown), "rows": rows,
        "above": f"{number(round(shown.above * 100))} %", "unreliable": sum(row["unreliable"] for row in rows), "absent": sum(row["value"] is None for row in rows),
    }  # fmt: skip


def _place(shown: Shown, at: int | None, name: str, rings: list[Any]) -> Place:
    if at is None:
        return Place(rings, name)
    point, digits = shown.points[at], shown.digits
    said = f"{name}: {_number(point.value, digits)}"
    if point.lower is not None and point.upper is not None:
        said += f" ({_number(point.lower, digits)} – {_number(point.upper, digits)})"
    return Place(rings, said, shown.class_of[at], shown.unreliable[at])


def _row(shown: Shown, at: int | None, code: str, name: str) -> dict[str, Any]:
    if at is None:
        return {"code": code, "name": name, "value": None, "lower": None, "upper": None, "unreliable": False}
    point, digits = asdict(shown.points[at]), shown.digits
    ends = {end: None if point[end] is None else _number(point[end], digits) for end in ("lower", "upper")}
    return {"code": code, "name": name, "sort": point["value"], "value": _number(point["value"], digits), **ends, "unreliable": shown.unreliable[at]}


def _classes(shown: Shown) -> list[dict[str, Any]]:
    tones, digits = shades(len(shown.classes)), shown.digits
    return [
        {"lowest": _number(some.lowest, digits), "highest": _number(some.highest, digits), "places": some.places, "tone": round(tone * 100)}
        for some, tone in zip(shown.classes, tones, strict=True)
    ]


def _number(value: float, digits: int) -> str:
    return number(f"{value:.1f}" if digits else round(value))


def _called(column: dict[str, Any]) -> str:
    """A column by its title, or that of the column it comes from; a bucket of time with its word."""
    title = str(column.get("title") or "")
    called = title if title and title != column["name"] else str(column.get("column") or column["name"])
    return f"{called} ({words.word(column['bucket'])})" if column.get("bucket") else called
