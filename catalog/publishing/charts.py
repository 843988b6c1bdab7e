"""Pictures of a release: SVG drawn on the server, kept by the artefact's hash and the reader's language.

One colour and grey, labels beside what they name, the interval wherever there is noise. Two widths are drawn, since
text in a picture that is scaled down to a phone cannot be read. The site's stylesheet recolours them for dark screens.
"""

from __future__ import annotations

import html
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from catalog.publishing import words
from catalog.publishing.models import Publication
from catalog.publishing.series import Point, Series, series_of
from catalog.publishing.store import local_path

log = logging.getLogger(__name__)
DRAWING_SECONDS: Final = 30
WIDE, NARROW = 760, 342
SHOWN_OF: Final = {"year": 4, "month": 7, "week": 10, "day": 10}  # how much of an ISO date says which bucket it is
DRAWING: Final = 7  # raise it when the same release begins to be drawn differently


class DrawingFailed(RuntimeError):
    """No picture could be drawn; the page goes out without it."""


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
    drawn = _read(kept)
    if drawn is None:
        path = local_path(publication.store_name, publication.artefact_sha256)
        try:
            drawn = _draw(series_of(path, publication.columns, publication.guarantee))
        except DrawingFailed as error:
            log.warning("no picture of %s: %s", publication.artefact_sha256, error)
            return None
        _keep(kept, drawn)
    if not drawn:
        return None
    points = tuple(Point(**point) for point in drawn["series"].pop("points"))
    wide, narrow = (mark_safe(drawn[width]) for width in ("wide", "narrow"))  # noqa: S308  cleaned by _cleaned
    return Chart(Series(**drawn["series"], points=points), wide, narrow)


def _kept_at(sha256: str) -> Path:
    return Path(settings.CACHE_DIR) / "charts" / f"{sha256}-{get_language() or 'en'}-{DRAWING}.json"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _keep(path: Path, drawn: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(drawn, file, ensure_ascii=False)
    os.replace(part, path)


def _draw(series: Series | None) -> dict[str, Any]:
    if series is None:
        return {}
    return {"series": asdict(series), **svgs(series)}


# --- drawing -----------------------------------------------------------------------------------------------------


def svgs(series: Series) -> dict[str, str]:
    """The picture in both widths, as SVG text. Drawn by a process of its own (see drawing.py).

    Raises:
        DrawingFailed: it ended without a picture, or took too long.
    """
    widths = {"wide": WIDE, "narrow": NARROW}
    asked = json.dumps({"kind": series.kind, "noisy": series.noisy, "rows": _rows(series), "widths": widths})
    try:
        done = subprocess.run(
            [sys.executable, "-m", "catalog.publishing.drawing"], input=asked, capture_output=True, text=True, encoding="utf-8",
            timeout=DRAWING_SECONDS, check=True, cwd=settings.BASE_DIR,
        )  # fmt: skip
    except (subprocess.SubprocessError, OSError) as error:
        raise DrawingFailed(type(error).__name__) from None
    drawn: dict[str, str] = json.loads(done.stdout)
    return {name: _cleaned(text, _described(series), name) for name, text in drawn.items()}


def _described(series: Series) -> str:
    return f"{words.word(series.measure)} · {series.dimension}"


def _cleaned(text: str, label: str, mark: str) -> str:
    """No roles inside the picture, one label for all of it, ids of its own, no background."""
    text = re.sub(r'\s(?:role|aria-[a-z]+)="[^"]*"', "", text)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{mark}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{mark}-\1)", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{html.escape(label)}" ', 1)


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
            "upper": p.value if p.upper is None else p.upper, "said": words.number(round(p.value)),
        }
        for i, p in enumerate(series.points)
    ]  # fmt: skip
