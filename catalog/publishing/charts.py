"""Pictures of a release: what is drawn of it, kept by the artefact's hash and the reader's language."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from catalog.display import pictures
from catalog.display.numbers import number
from catalog.display.pictures import Asked, DrawingFailed
from catalog.publishing import words
from catalog.publishing.models import Publication
from catalog.publishing.series import Point, Series, series_of
from catalog.publishing.store import local_path

log = logging.getLogger(__name__)
WIDE, NARROW = 760, 342
SHOWN_OF: Final = {"year": 4, "month": 7, "week": 10, "day": 10}  # how much of an ISO date says which bucket it is
DRAWING: Final = 7  # raise it when the same release begins to be drawn differently


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture in two widths, and the points that it shows. The SVG is ours and safe to put into a page."""

    series: Series
    wide: SafeString
    narrow: SafeString

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [{**asdict(point), "label": _shown(self.series, point.label)} for point in self.series.points]


def chart_of(publication: Publication) -> Chart | None:
    """The picture of a readable publication; None when nothing of it makes one. Drawn once, then read from the cache."""
    kept = _kept_at(publication.artefact_sha256)
    drawn = pictures.read(kept)
    if drawn is None:
        path = local_path(publication.store_name, publication.artefact_sha256)
        try:
            drawn = _draw(series_of(path, publication.columns, publication.guarantee))
        except DrawingFailed as error:
            log.warning("no picture of %s: %s", publication.artefact_sha256, error)
            return None
        pictures.keep(kept, drawn)
    if not drawn:
        return None
    points = tuple(Point(**point) for point in drawn["series"].pop("points"))
    wide, narrow = (mark_safe(drawn[width]) for width in ("wide", "narrow"))  # noqa: S308  cleaned when it was drawn
    return Chart(Series(**drawn["series"], points=points), wide, narrow)


def _kept_at(sha256: str) -> Path:
    return Path(settings.CACHE_DIR) / "charts" / f"{sha256}-{get_language() or 'en'}-{DRAWING}.json"


def _draw(series: Series | None) -> dict[str, Any]:
    if series is None:
        return {}
    return {"series": asdict(series), **svgs(series)}


# --- drawing -----------------------------------------------------------------------------------------------------


def svgs(series: Series) -> dict[str, str]:
    """The picture in both widths, as SVG text. Raises DrawingFailed."""
    kind = "bars" if series.kind == "category" else "line"
    document = {"kind": kind, "noisy": series.noisy, "rows": _rows(series), "widths": {"wide": WIDE, "narrow": NARROW}}
    return pictures.draw([Asked("release", _described(series), document)])[0]


def _described(series: Series) -> str:
    return f"{words.word(series.measure)} · {series.dimension}"


def _shown(series: Series, label: str) -> str:
    if series.cycle == "day_of_week" and label.isdigit() and 1 <= int(label) <= 7:
        return str(WEEKDAYS_ABBR[int(label) - 1])
    if series.cycle == "hour_of_day":
        return label.zfill(2)
    if series.cycle == "quarter":
        return f"{label[:4]} Q{(int(label[5:7]) + 2) // 3}"
    return label[: SHOWN_OF.get(series.cycle, 16)].replace("T", " ")


def _rows(series: Series) -> list[dict[str, Any]]:
    """What the drawing process gets: labels and numbers as they are to be shown."""
    return [
        {
            "label": _shown(series, p.label), "order": i, "value": p.value, "lower": p.value if p.lower is None else p.lower,
            "upper": p.value if p.upper is None else p.upper, "said": number(round(p.value)),
        }
        for i, p in enumerate(series.points)
    ]  # fmt: skip
