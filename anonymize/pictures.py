"""Pictures of measurements, as SVG text: so that a choice is made by looking.

The JavaScript engine behind Vega takes 120 MB. A process that should stay small asks for a picture from one of its own:
``python -m anonymize.pictures`` reads a JSON document (points, widths: name → px, words) and writes an SVG text for each.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ACCENT, GREY, LINE = "#0b5a5c", "#56625e", "#d8dedb"
"""A page may recolour exactly these for a dark screen; the background is transparent."""
DARK = {ACCENT: "#7fcac6", GREY: "#aab5b1", LINE: "#3a4542"}
FONT, SIZE, LINE_HEIGHT = "system-ui, sans-serif", 13, 17
WORDS = {
    "risk": "average risk of being singled out",
    "usefulness": "usefulness (granularity)",
    "full_domain": "full domain",
    "local_recoding": "local recoding",
    "fixed": "fixed scheme",
}
_LOOKS = {"local_recoding": (ACCENT, "circle"), "full_domain": (GREY, "square")}
_OTHER = (GREY, "triangle-up")
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 14, 34, 50
_TICKS = [0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1]
_NEAR = 7
"""Pixels: points of a method that are closer share a label."""

Box = tuple[float, float, float, float]
"""left, top, right, bottom in pixels."""
_ANCHORS = (  # dx, dy, align, baseline
    (9, 8, "left", "top"), (10, 0, "left", "middle"), (-9, -8, "right", "bottom"), (0, 11, "center", "top"), (0, -11, "center", "bottom"),
    (-10, 0, "right", "middle"), (9, -8, "left", "bottom"), (-9, 8, "right", "top"), (14, 22, "left", "top"), (-14, -22, "right", "bottom"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Label:
    x: float
    y: float
    text: tuple[str, ...]
    colour: str

    def box(self, anchor: int, at: tuple[float, float]) -> Box:
        """Where the label would be, its point at pixel ``at``."""
        dx, dy, align, baseline = _ANCHORS[anchor]
        wide, high = max(map(_length, self.text)), float(LINE_HEIGHT * len(self.text))
        left = at[0] + dx - {"left": 0.0, "center": wide / 2, "right": wide}[align]
        top = at[1] + dy - {"top": 0.0, "middle": high / 2, "bottom": high}[baseline]
        return (left, top, left + wide, top + high)


def frontier_chart(points: Sequence[Mapping[str, Any]], width: int = 640, words: Mapping[str, str] | None = None) -> str:
    """Risk against usefulness, a mark a candidate: SVG text of ``width`` pixels; empty when no point is met.

    Small risks are where the choice is made: the axis of risk has a square-root scale, which gives them room.

    ``points``: those of :func:`anonymize.frontier.frontier`; only met ones are drawn. A filled mark is efficient (nothing
    else has less risk and more use), a line joins these; a hollow one is not. ``words``: instead of :data:`WORDS`, any of
    them, translated: the titles of the axes (``risk``, ``usefulness``) and the names of the methods.
    """
    met = [point for point in points if point["met"]]
    return _svg(met, width, {**WORDS, **(words or {})}) if met else ""


def _svg(met: Sequence[Mapping[str, Any]], width: int, said: Mapping[str, str]) -> str:
    import altair as alt
    import pandas as pd
    import vl_convert

    frame = pd.DataFrame([_mark(point) for point in met])
    plane = _Plane(frame, width - _LEFT - _RIGHT, 300 if width >= 600 else 260)
    base = alt.Chart().encode(x=_horizontal(plane, said["risk"]), y=_vertical(plane, said["usefulness"]))
    chart = alt.layer(*_marks(base, frame), *_texts(base, plane, _labels(frame, plane, said))).properties(
        width=plane.width, height=plane.height, autosize=alt.AutoSizeParams(type="none"),
        padding={"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": _BOTTOM},
    )  # fmt: skip
    return str(vl_convert.vegalite_to_svg(_configured(chart).to_dict(), allowed_base_urls=[]))


def _horizontal(plane: _Plane, title: str) -> Any:
    import altair as alt

    axis = alt.Axis(title=title, format="~%", values=_TICKS, labelOverlap="greedy", labelSeparation=8, grid=False, titlePadding=8)
    return alt.X("risk:Q", scale=alt.Scale(type="sqrt", domain=plane.risks, nice=False), axis=axis)


def _vertical(plane: _Plane, title: str) -> Any:
    import altair as alt

    axis = alt.Axis(
        title=title, format="~%", tickCount=5, domain=False, ticks=False,
        titleAngle=0, titleAlign="left", titleAnchor="end", titleBaseline="bottom", titleX=-_LEFT + 6, titleY=-14,
    )  # fmt: skip
    return alt.Y("use:Q", scale=alt.Scale(domain=plane.uses, nice=False), axis=axis)


def _marks(base: Any, frame: Any) -> list[Any]:
    line = frame[frame["efficient"]].sort_values(["risk", "use"])
    layers = [base.mark_line(color=GREY, strokeWidth=1.5).properties(data=line)] if len(line) > 1 else []
    for method, rows in frame.groupby("method", sort=True):
        colour, shape = _LOOKS.get(str(method), _OTHER)
        for filled, some in rows.groupby("efficient"):
            inside = colour if filled else None
            mark = base.mark_point(shape=shape, size=90, opacity=1, strokeWidth=1.8, stroke=colour, fill=inside)
            layers.append(mark.properties(data=some))
    return layers


def _texts(base: Any, plane: _Plane, labels: Sequence[_Label]) -> list[Any]:
    import pandas as pd

    layers = []
    for label, anchor in plane.placed(labels):
        dx, dy, align, baseline = _ANCHORS[anchor]
        up = LINE_HEIGHT * (len(label.text) - 1) * {"top": 0.0, "middle": 0.5, "bottom": 1.0}[baseline]
        text = base.mark_text(
            text=list(label.text), dx=dx, dy=dy - up, align=align, baseline=baseline, fontSize=SIZE, lineHeight=LINE_HEIGHT, color=label.colour,
        )  # fmt: skip
        layers.append(text.properties(data=pd.DataFrame([{"risk": label.x, "use": label.y}])))
    return layers


def standalone(svg: str) -> str:
    """A picture for a file of its own: it follows the reader's dark scheme by itself, background included."""
    dark = "".join(f'[fill="{a}"]{{fill:{b}}}[stroke="{a}"]{{stroke:{b}}}' for a, b in DARK.items())
    style = f"<style>svg{{background:#fcfcfa}}@media (prefers-color-scheme:dark){{svg{{background:#141a19}}{dark}}}</style>"
    head, mark, rest = svg.partition(">")
    return head + mark + style + rest


def _configured(chart: Any) -> Any:
    return (
        chart.configure(background="transparent", font=FONT)
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=SIZE, labelColor=GREY, titleColor=GREY, titleFontSize=SIZE, titleFontWeight="normal", gridColor=LINE,
            domainColor=GREY, tickColor=GREY,
        )
    )  # fmt: skip


def _mark(point: Mapping[str, Any]) -> dict[str, Any]:
    asked = [f"k = {point['k']}"] + ([f"l = {point['l']}"] if point.get("l") is not None else [])
    return {
        "method": str(point["method"]), "risk": float(point["average_risk"]), "use": float(point["granularity"]),
        "efficient": bool(point["efficient"]), "label": ", ".join(asked),
    }  # fmt: skip


class _Plane:
    """The drawing area in pixels, and what is already taken of it."""

    def __init__(self, frame: Any, width: int, height: int) -> None:
        self.width, self.height = width, height
        most = float(frame["risk"].max())
        self.risks = [0.0, most * 1.15 if most > 0 else 1.0]
        low, high = float(frame["use"].min()), float(frame["use"].max())
        room = max((high - low) * 0.15, 0.03)
        self.uses = [max(low - room, 0.0), min(high + room, 1.0) if high < 1 else 1.0]
        self.marks = [self.at(row.risk, row.use) for row in frame.itertuples()]
        self.line = sorted(self.at(row.risk, row.use) for row in frame.itertuples() if row.efficient)

    def at(self, risk: float, use: float) -> tuple[float, float]:
        low, high = self.uses
        return (risk / self.risks[1]) ** 0.5 * self.width, (high - use) / (high - low) * self.height

    def placed(self, labels: Sequence[_Label]) -> list[tuple[_Label, int]]:
        """Each label with the first of the anchors where it hides least of marks, of labels before it and of the edge."""
        taken: list[Box] = [(x - 6, y - 6, x + 6, y + 6) for x, y in self.marks] + self._along_the_line()
        found = []
        for label in labels:
            boxes = [label.box(anchor, self.at(label.x, label.y)) for anchor in range(len(_ANCHORS))]
            hidden = [sum(_overlap(box, other) for other in taken) + 4 * self._outside(box) for box in boxes]
            best = hidden.index(min(hidden))
            taken.append(boxes[best])
            found.append((label, best))
        return found

    def _along_the_line(self) -> list[Box]:
        steps = [i / 40 for i in range(41)]
        ends = zip(self.line, self.line[1:], strict=False)
        dots = [(a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])) for a, b in ends for t in steps]
        return [(x - 1, y - 1, x + 1, y + 1) for x, y in dots]

    def _outside(self, box: Box) -> float:
        inside = _overlap(box, (0.0, -_TOP / 2, float(self.width + _RIGHT), float(self.height)))
        return (box[2] - box[0]) * (box[3] - box[1]) - inside


def _labels(frame: Any, plane: _Plane, words: Mapping[str, str]) -> list[_Label]:
    """One a point, or a knot of points; the most useful of a method bears the method's name as well."""
    found = []
    for method, rows in frame.groupby("method", sort=True):
        colour, _ = _LOOKS.get(str(method), _OTHER)
        ordered = rows.sort_values(["use", "risk"], ascending=[False, True], kind="stable")
        knots: list[tuple[float, float, list[str]]] = []
        for row in ordered.itertuples():
            x, y = plane.at(row.risk, row.use)
            near = [k for k in knots if max(abs(plane.at(k[0], k[1])[0] - x), abs(plane.at(k[0], k[1])[1] - y)) < _NEAR]
            if near:
                near[0][2].append(row.label)
            else:
                knots.append((row.risk, row.use, [row.label]))
        for i, (risk, use, asked) in enumerate(knots):
            name = (words.get(str(method), str(method).replace("_", " ")),) if i == 0 else ()
            found.append(_Label(risk, use, (*name, _joined(asked)), colour))
    return found


def _joined(asked: Sequence[str]) -> str:
    """``k = 5`` and ``k = 10`` in one place: ``k = 5, 10``."""
    if all("," not in label for label in asked):
        return "k = " + ", ".join(sorted((label.removeprefix("k = ") for label in asked), key=int))
    return "; ".join(asked)


def _length(text: str) -> float:
    return sum(13.0 if ord(sign) > 0x2E7F else 6.8 for sign in text)


def _overlap(a: Box, b: Box) -> float:
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0.0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)


def _asked(document: Mapping[str, Any]) -> dict[str, str]:
    return {name: frontier_chart(document["points"], width, document.get("words")) for name, width in document["widths"].items()}


if __name__ == "__main__":
    json.dump(_asked(json.load(sys.stdin)), sys.stdout)
