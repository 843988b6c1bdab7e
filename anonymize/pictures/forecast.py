"""Expected relative error by size of cell, a line an ε."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

from anonymize.pictures.frontier import ACCENT, GREY, configured
from anonymize.pictures.labels import LINE_HEIGHT, SIZE, Spot

WORDS = {"size": "persons in the cell", "error": "median relative error"}
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 18, 34, 50
_TICKS = [step * 10.0**power for power in range(-9, 10) for step in (1, 2, 5)]
_BEYOND = 10.0
"""An error of more than ten times the number is drawn as that: nobody needs to tell them apart."""

Line = Mapping[str, Any]


def forecast_chart(lines: Sequence[Line], width: int = 640, words: Mapping[str, str] | None = None) -> str:
    """SVG text of ``width`` pixels; empty where nothing is known to be drawn.

    ``lines``: each with ``label``, ``own`` (drawn in colour) and ``points``, each with ``size`` in persons and relative
    ``error``, both above 0, and whether most cells of this size are ``hidden`` (a hollow mark). ``words``: instead of
    :data:`WORDS`.
    """
    drawn = [{**line, "points": [{**at, "error": min(at["error"], _BEYOND)} for at in line["points"]]} for line in lines if line["points"]]
    return _svg(drawn, width, {**WORDS, **(words or {})}) if drawn else ""


def _svg(lines: Sequence[Line], width: int, said: Mapping[str, str]) -> str:
    import altair as alt
    import pandas as pd
    import vl_convert

    plane = _Plane([at for line in lines for at in line["points"]], width)
    base = alt.Chart().encode(
        x=alt.X("size:Q", scale=alt.Scale(type="log", domain=plane.sizes, nice=False), axis=_axis(said["size"], "~s")),
        y=alt.Y("error:Q", scale=alt.Scale(type="log", domain=plane.errors, nice=False), axis=_axis(said["error"], "~%", upright=True)),
    )
    layers = []
    for line in sorted(lines, key=lambda line: bool(line["own"])):
        frame, colour = pd.DataFrame(line["points"]), ACCENT if line["own"] else GREY
        layers.append(base.mark_line(color=colour, strokeWidth=2.2 if line["own"] else 1.3).properties(data=frame))
        for hidden, some in frame.groupby("hidden"):
            mark = base.mark_point(shape="circle", size=44, opacity=1, strokeWidth=1.6, stroke=colour, fill=None if hidden else colour)
            layers.append(mark.properties(data=some))
    for line, spot in plane.ends(lines):
        text = base.mark_text(text=line["label"], dx=10, align="left", fontSize=SIZE, color=ACCENT if line["own"] else GREY)
        layers.append(text.properties(data=pd.DataFrame([plane.value(spot)])))
    chart = alt.layer(*layers).properties(
        width=plane.width, height=plane.height, autosize=alt.AutoSizeParams(type="none"),
        padding={"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": _BOTTOM},
    )  # fmt: skip
    return str(vl_convert.vegalite_to_svg(configured(chart).to_dict(), allowed_base_urls=[]))


def _axis(title: str, form: str, *, upright: bool = False) -> Any:
    import altair as alt

    beside: dict[str, Any] = {"titlePadding": 8, "grid": False}
    if upright:
        beside = {
            "domain": False, "ticks": False, "titleAngle": 0, "titleAlign": "left", "titleAnchor": "end",
            "titleBaseline": "bottom", "titleX": -_LEFT + 6, "titleY": -14,
        }  # fmt: skip
    return alt.Axis(title=title, format=form, values=_TICKS, labelOverlap="greedy", labelSeparation=8, **beside)


class _Plane:
    """The drawing area: what a size and an error are in pixels."""

    def __init__(self, spots: Sequence[Mapping[str, Any]], width: int) -> None:
        self.width, self.height = width - _LEFT - _RIGHT, 320 if width >= 600 else 280
        sizes, errors = [float(at["size"]) for at in spots], [float(at["error"]) for at in spots]
        self.sizes = [min(sizes) / 1.5, max(sizes) * (2 if width >= 600 else 3)]  # room for labels at the end
        self.errors = [min(errors) / 1.5, max(errors) * 1.5]

    def at(self, found: Mapping[str, Any]) -> Spot:
        (left, right), (low, high) = self.sizes, self.errors
        return log(found["size"] / left) / log(right / left) * self.width, log(high / found["error"]) / log(high / low) * self.height

    def value(self, spot: Spot) -> dict[str, float]:
        (left, right), (low, high) = self.sizes, self.errors
        return {"size": left * (right / left) ** (spot[0] / self.width), "error": high * (low / high) ** (spot[1] / self.height)}

    def ends(self, lines: Sequence[Line]) -> list[tuple[Line, Spot]]:
        """Where the name of each line stands: beside its last point, and none on another."""
        found: list[tuple[Line, Spot]] = []
        for line in sorted(lines, key=lambda line: self.at(line["points"][-1])[1]):
            x, y = self.at(line["points"][-1])
            found.append((line, (x, max([y, *(below + LINE_HEIGHT for _, (_, below) in found[-1:])]))))
        return found
