"""A choropleth map as SVG: shades of the one colour by class, hatched where the number is unreliable, plain where there is none.

Knows no release: places come as rings of longitude and latitude, what is said of them as text. No text of a place gets into
the picture but escaped.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from catalog.display.look import ACCENT, FONT, GREY, PAPER, ROOMY, SIZE

SHADES: Final = (0.2, 0.4, 0.6, 0.8, 1.0)  # opacity of the accent, light to strong
EARTH_KM: Final = 6_371.0
TALLEST: Final = 0.8  # of the width
_FOOT: Final = 36  # for the scale
_EDGE: Final = 8
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Place:
    """``rings``: longitude and latitude, closed. ``shade``: its class from 0, of ``shades``; None where there is no number."""

    rings: Sequence[Sequence[Sequence[float]]]
    said: str
    shade: int | None = None
    hatched: bool = False


def places_of(outline: Mapping[str, Any]) -> dict[str, tuple[str, list[Any]]]:
    """Name and rings of each place of an outline (a FeatureCollection of MultiPolygons with ``code`` and ``name``)."""
    return {
        feature["properties"]["code"]: (feature["properties"]["name"], [ring for part in feature["geometry"]["coordinates"] for ring in part])
        for feature in outline["features"]
    }


def shades(classes: int) -> tuple[float, ...]:
    """So many opacities, evenly over the range."""
    return tuple(np.interp(np.linspace(0, 1, classes), np.linspace(0, 1, len(SHADES)), SHADES).round(2).tolist()) if classes > 1 else (SHADES[2],)


def choropleth(places: Sequence[Place], *, name: str, label: str, classes: int, width: int, north: str) -> str:
    """The map, ``width`` px wide, north up, with a bar of scale. ``name`` is unique on the page; ``label`` is read aloud."""
    view = _View.of([ring for place in places for ring in place.rings], width)
    tones = shades(classes)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{html.escape(label)}" width="{width}" height="{view.height}" '
        f'viewBox="0 0 {width} {view.height}">',
        "<defs>", *(_hatch(f"{name}-{number}", tone) for number, tone in enumerate(tones)), "</defs>",
        f'<g stroke="{GREY}" stroke-width="{0.6 if width >= ROOMY else 0.4}" stroke-linejoin="round" fill-rule="evenodd">',
    ]  # fmt: skip
    parts += [_drawn(place, view, name, tones, titled=width >= ROOMY) for place in places]
    return "".join([*parts, "</g>", _north(view, width, north), _scale(view), "</svg>"])


def _drawn(place: Place, view: _View, name: str, tones: Sequence[float], *, titled: bool) -> str:
    path = "".join(_ring(view.points(np.asarray(ring, dtype=np.float64))) for ring in place.rings)
    if place.shade is None:
        fill = 'fill="none" pointer-events="all"'
    elif place.hatched:
        fill = f'fill="url(#{name}-{place.shade})"'
    else:
        fill = f'fill="{ACCENT}" fill-opacity="{tones[place.shade]}"'
    return f'<path {fill} d="{path}">' + (f"<title>{html.escape(place.said)}</title>" if titled else "") + "</path>"


def _ring(points: npt.NDArray[np.int64]) -> str:
    """In tenths of a pixel, relative, without the points that fall onto the one before: borders that are shared stay shared."""
    steps = np.diff(points, axis=0)
    steps = steps[(steps != 0).any(axis=1)][:-1]  # z closes it
    start = f"M{_tenths(points[0, 0])} {_tenths(points[0, 1])}"
    return start + "l" + " ".join(f"{_tenths(x)} {_tenths(y)}" for x, y in steps.tolist()) + "z" if len(steps) else ""


def _tenths(value: int) -> str:
    sign, whole, part = "-" if value < 0 else "", *divmod(abs(int(value)), 10)
    return f"{sign}{whole}.{part}" if part else f"{sign}{whole}"


def _hatch(name: str, tone: float) -> str:
    """The class's shade below lines that are seen on it."""
    line = PAPER if tone > 0.5 else ACCENT
    return (
        f'<pattern id="{name}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        f'<rect width="6" height="6" fill="{ACCENT}" fill-opacity="{tone}"/>'
        f'<path d="M0 0V6" stroke="{line}" stroke-width="2.4"/></pattern>'
    )


# --- where things lie --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _View:
    """A local equirectangular projection: true to scale at the middle latitude, good for a city or a province."""

    left: float
    top: float
    stretch: float
    pixels: float
    height: int
    margin: float
    grain: int

    @classmethod
    def of(cls, rings: Iterable[Sequence[Sequence[float]]], width: int) -> _View:
        ends = np.array([[f(np.asarray(ring), axis=0) for f in (np.min, np.max)] for ring in rings])  # (ring, end, axis)
        (left, bottom), (right, top) = ends[:, 0].min(axis=0), ends[:, 1].max(axis=0)
        stretch = max(math.cos(math.radians((bottom + top) / 2)), 0.01)
        wide, tall = max((right - left) * stretch, 1e-9), max(top - bottom, 1e-9)
        pixels = min((width - 2 * _EDGE) / wide, (width * TALLEST) / tall)
        return cls(left, top, stretch, pixels, round(tall * pixels) + 2 * _EDGE + _FOOT, (width - wide * pixels) / 2, 1 if width >= ROOMY else 5)

    def points(self, ring: _Floats) -> npt.NDArray[np.int64]:
        """Tenths of a pixel, by fives in a narrow picture: (n, longitude and latitude) → (n, x and y)."""
        x = (ring[:, 0] - self.left) * self.stretch * self.pixels + self.margin
        y = (self.top - ring[:, 1]) * self.pixels + _EDGE
        return np.rint(np.column_stack([x, y]) * 10 / self.grain).astype(np.int64) * self.grain

    @property
    def pixels_a_km(self) -> float:
        return self.pixels * math.degrees(1 / EARTH_KM)


def _north(view: _View, width: int, north: str) -> str:
    x, y = width - 16, view.height - _FOOT + 8
    return (
        f'<path d="M{x} {y}l6 20l-6 -5l-6 5z" fill="{GREY}"/>'
        f'<text x="{x - 12}" y="{y + 19}" text-anchor="end" font-family="{FONT}" font-size="{SIZE}" fill="{GREY}">{html.escape(north)}</text>'
    )


def _scale(view: _View) -> str:
    """A bar of a round length, up to 120 px."""
    km = _round_below(120 / view.pixels_a_km)
    length, y = km * view.pixels_a_km, view.height - 10
    said = f"{km:g} km" if km >= 1 else f"{km * 1000:g} m"
    return (
        f'<path d="M{_EDGE} {y - 5}v5h{length:.1f}v-5" fill="none" stroke="{GREY}" stroke-width="1.5"/>'
        f'<text x="{_EDGE + length + 8:.1f}" y="{y + 1}" font-family="{FONT}" font-size="{SIZE}" fill="{GREY}">{said}</text>'
    )


def _round_below(length: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above ``length``."""
    power = 10.0 ** math.floor(math.log10(length))
    return max(step * power for step in (1, 2, 5) if step * power <= length)
