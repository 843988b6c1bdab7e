"""Risk against usefulness, a mark a setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

from anonymize.pictures.labels import ANCHORS, NEAR, SIZE, Label, Place, Spot, apart, placed

ACCENT, GREY, LINE = "#0b5a5c", "#56625e", "#d8dedb"
"""A page may recolour exactly these for a dark screen; the background is transparent."""
FONT = "system-ui, sans-serif"
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
_TICKS = [step * 10.0**power for power in range(-7, 1) for step in (1, 2, 5) if step * 10.0**power <= 1]


def frontier_chart(points: Sequence[Mapping[str, Any]], width: int = 640, words: Mapping[str, str] | None = None) -> str:
    """Risk against usefulness, a mark a candidate: SVG text of ``width`` pixels; empty when no point is met.

    Small risks are where the choice is made: the axis of risk has a logarithmic scale, which gives them room.

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
    plane = Plane(frame, width - _LEFT - _RIGHT, 300 if width >= 600 else 260)
    base = alt.Chart().encode(x=_horizontal(plane, said["risk"]), y=_vertical(plane, said["usefulness"]))
    layers = [*_marks(base, frame), *_texts(base, plane, plane.placed(_labels(frame, plane, said)))]
    chart = alt.layer(*layers).properties(
        width=plane.width, height=plane.height, autosize=alt.AutoSizeParams(type="none"),
        padding={"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": _BOTTOM},
    )  # fmt: skip
    return str(vl_convert.vegalite_to_svg(configured(chart).to_dict(), allowed_base_urls=[]))


def _horizontal(plane: Plane, title: str) -> Any:
    import altair as alt

    axis = alt.Axis(title=title, format="~%", values=_TICKS, labelOverlap="greedy", labelSeparation=8, grid=False, titlePadding=8)
    return alt.X("risk:Q", scale=alt.Scale(type="log", domain=plane.risks, nice=False), axis=axis)


def _vertical(plane: Plane, title: str) -> Any:
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


def _texts(base: Any, plane: Plane, found: Sequence[tuple[Label, Place]]) -> list[Any]:
    import pandas as pd

    layers = []
    for label, (mark, anchor) in found:
        dx, dy, align, baseline = ANCHORS[anchor]
        text = base.mark_text(text=label.text, dx=dx, dy=dy, align=align, baseline=baseline, fontSize=SIZE, color=label.colour)
        layers.append(text.properties(data=pd.DataFrame([plane.value(mark)])))
    return layers


def configured(chart: Any) -> Any:
    """The look of all pictures: transparent, one font, quiet axes."""
    return (
        chart.configure(background="transparent", font=FONT)
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=SIZE, labelColor=GREY, titleColor=GREY, titleFontSize=SIZE, titleFontWeight="normal", gridColor=LINE,
            domainColor=GREY, tickColor=GREY,
        )
    )  # fmt: skip


def _mark(point: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "method": str(point["method"]), "risk": max(float(point["average_risk"]), 1e-9), "use": float(point["granularity"]),
        "efficient": bool(point["efficient"]), "k": int(point["k"]), "l": point.get("l") or 0,
    }  # fmt: skip


class Plane:
    """The drawing area: what a risk and a usefulness are in pixels."""

    def __init__(self, frame: Any, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.risks = [float(frame["risk"].min()) / 2, float(frame["risk"].max()) * 2]
        low, high = float(frame["use"].min()), float(frame["use"].max())
        room = max((high - low) * 0.15, 0.03)
        self.uses = [max(low - room, 0.0), min(high + room, 1.0) if high < 1 else 1.0]
        self.marks = [self.at(row.risk, row.use) for row in frame.itertuples()]
        self.line = sorted(self.at(row.risk, row.use) for row in frame.itertuples() if row.efficient)

    def at(self, risk: float, use: float) -> Spot:
        (low, high), (left, right) = self.uses, self.risks
        return log(risk / left) / log(right / left) * self.width, (high - use) / (high - low) * self.height

    def value(self, mark: Spot) -> dict[str, float]:
        (low, high), (left, right) = self.uses, self.risks
        return {"risk": left * (right / left) ** (mark[0] / self.width), "use": high - mark[1] / self.height * (high - low)}

    def placed(self, labels: Sequence[Label]) -> list[tuple[Label, Place]]:
        return placed(labels, self.marks, self.line, (0.0, -_TOP / 2, float(self.width + _RIGHT), float(self.height)))


def _labels(frame: Any, plane: Plane, words: Mapping[str, str]) -> list[Label]:
    """One a point, or a knot of points, and one a method; most wanted first."""
    wanted: list[tuple[int, Label]] = []
    for method, rows in frame.groupby("method", sort=True):
        colour, _ = _LOOKS.get(str(method), _OTHER)
        knots: dict[Spot, list[tuple[int, int]]] = {}
        efficient: set[Spot] = set()
        for row in rows.sort_values(["use", "risk"], ascending=[False, True], kind="stable").itertuples():
            mark = plane.at(row.risk, row.use)
            mark = next((knot for knot in knots if apart(knot, mark) < NEAR), mark)
            knots.setdefault(mark, []).append((int(row.k), int(row.l)))
            efficient |= {mark} if row.efficient else set()
        wanted += [(0 if mark in efficient else 2, Label(_joined(asked), colour, (mark,))) for mark, asked in knots.items()]
        wanted.append((1, Label(words.get(str(method), str(method).replace("_", " ")), colour, tuple(knots), needed=True)))
    return [label for _, label in sorted(wanted, key=lambda pair: pair[0])]


def _joined(asked: Sequence[tuple[int, int]]) -> str:
    """Several (k, l) in one place, l 0 where there is none: ``k = 5, 10; l = 2``."""
    by_k: dict[int, list[int]] = {}
    for k, l in sorted(set(asked)):  # noqa: E741 - the model's own name
        by_k.setdefault(k, []).append(l)
    alike: dict[tuple[int, ...], list[int]] = {}
    for k, ls in by_k.items():
        alike.setdefault(tuple(ls), []).append(k)
    return "; ".join(f"k = {_listed(ks)}" + (f", l = {_listed(ls)}" if any(ls) else "") for ls, ks in alike.items())


def _listed(numbers: Sequence[int]) -> str:
    """Three or more in a row as a range."""
    run = len(numbers) > 2 and list(numbers) == list(range(numbers[0], numbers[-1] + 1))
    return f"{numbers[0]}–{numbers[-1]}" if run else ", ".join(map(str, numbers))
