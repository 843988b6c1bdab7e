"""A series of numbers as bars or as a line, with its interval; and curves beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from catalog.display.look import ACCENT, GREY, ROOMY, SIZE, specified


def bars(asked: dict[str, Any], width: int) -> Any:
    """``rows``: label, order, value, lower, upper, said; ``noisy``: whether the interval is drawn."""
    frame = pd.DataFrame(asked["rows"])
    top, bottom = float(frame["upper"].max()), min(0.0, float(frame["lower"].min()))
    room = 1.22 if width >= ROOMY else 1.45  # for the number after the bar
    scale = alt.Scale(domain=[bottom, max(top * room, bottom + 1)], nice=False)
    y = alt.Y("label:N", sort=alt.EncodingSortField("order"), title=None, axis=alt.Axis(
        domain=False, ticks=False, labelLimit=220 if width >= ROOMY else 116, labelPadding=8,
    ))  # fmt: skip
    base = alt.Chart(frame).encode(y=y)
    x = alt.X("value:Q", scale=scale, axis=None)
    layers = [base.mark_bar(color=ACCENT, height=14).encode(x=x)]
    if asked["noisy"]:
        layers.append(base.mark_rule(color=GREY, strokeWidth=2).encode(x=alt.X("lower:Q", scale=scale, axis=None), x2="upper:Q"))
    layers.append(
        base.mark_text(align="left", dx=8, fontSize=14, color=GREY).encode(x=alt.X("upper:Q", scale=scale, axis=None), text="said:N")
    )
    fitted = alt.layer(*layers).properties(width=width, height={"step": 27}, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    return specified(fitted)


def line(asked: dict[str, Any], width: int) -> Any:
    """``rows`` and ``noisy`` as for :func:`bars`."""
    frame = pd.DataFrame(asked["rows"])
    top, bottom = float(frame["upper"].max()), min(0.0, float(frame["lower"].min()))
    x = _horizontal(frame, width)
    y_axis = alt.Axis(domain=False, ticks=False, tickCount=4, format="~s" if top >= 10_000 else "~f", title=None, labelPadding=8)
    scale = alt.Scale(domain=[bottom, max(top * 1.05, bottom + 1)], nice=False)

    def y(column: str) -> Any:
        return alt.Y(f"{column}:Q", scale=scale, axis=y_axis)

    base = alt.Chart(frame).encode(x=x)
    layers = []
    if asked["noisy"]:
        layers.append(base.mark_area(color=ACCENT, opacity=0.2).encode(y=y("lower"), y2="upper:Q"))
    layers.append(base.mark_line(color=ACCENT, strokeWidth=2.5).encode(y=y("value")))
    if len(frame) <= 40:
        layers.append(base.mark_point(color=ACCENT, fill=ACCENT, size=28, opacity=1).encode(y=y("value")))
    fitted = alt.layer(*layers).properties(
        width=width, height=300 if width >= ROOMY else 220, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    return specified(fitted)


def _horizontal(frame: pd.DataFrame, width: int) -> Any:
    """Points in order, with as many labels as there is room for."""
    shown = _thinned(frame["label"].tolist(), 12 if width >= ROOMY else 5)
    axis = alt.Axis(values=shown, labelAngle=0, grid=False, title=None, labelOverlap=True, labelPadding=6)
    return alt.X("label:N", sort=alt.EncodingSortField("order"), axis=axis, scale=alt.Scale(padding=0.4, type="point"))


def _thinned(labels: Sequence[str], most: int) -> list[str]:
    step = max(1, -(-len(labels) // most))
    return list(labels[::step])


def curves(asked: dict[str, Any], width: int) -> Any:
    """Shares in [0, 1] over whole numbers, at most two curves, each with its band and its name where they lie farthest apart.

    ``curves``: name, accent (or grey), points: x, value, lower, upper. ``x``: the title of the horizontal axis.
    """
    ends = [point["x"] for curve in asked["curves"] for point in curve["points"]]
    x = alt.X("x:Q", scale=alt.Scale(domain=[min(ends), max(ends)], nice=False, padding=8), axis=alt.Axis(
        values=sorted(set(ends)), format="d", grid=False, title=asked["x"], titlePadding=8, labelPadding=6,
    ))  # fmt: skip
    y_axis = alt.Axis(domain=False, ticks=False, values=[0, 0.25, 0.5, 0.75, 1], format="~%", title=None, labelPadding=8)
    scale = alt.Scale(domain=[0, 1], nice=False)
    layers, place = [], _farthest_apart(asked["curves"])
    for curve in asked["curves"]:
        frame, colour = pd.DataFrame(curve["points"]), ACCENT if curve["accent"] else GREY
        base = alt.Chart(frame).encode(x=x)
        layers += [
            base.mark_area(color=colour, opacity=0.18).encode(y=alt.Y("lower:Q", scale=scale, axis=y_axis), y2="upper:Q"),
            base.mark_line(color=colour, strokeWidth=2.5).encode(y=alt.Y("value:Q", scale=scale, axis=y_axis)),
            base.mark_point(color=colour, fill=colour, size=36, opacity=1).encode(y=alt.Y("value:Q", scale=scale, axis=y_axis)),
            _named(frame.iloc[[place]], curve, asked["curves"], x, alt.Y("value:Q", scale=scale, axis=y_axis), colour),
        ]
    fitted = alt.layer(*layers).properties(
        width=width, height=260 if width >= ROOMY else 220, autosize=alt.AutoSizeParams(type="fit", contains="padding")
    )
    return specified(fitted)


def _farthest_apart(found: Sequence[dict[str, Any]]) -> int:
    """At which point; the middle one of a curve that is alone."""
    if len(found) < 2:
        return len(found[0]["points"]) // 2
    gaps = [abs(p["value"] - q["value"]) for p, q in zip(found[0]["points"], found[1]["points"], strict=False)]
    return gaps.index(max(gaps))


def _named(point: pd.DataFrame, curve: dict[str, Any], both: Sequence[dict[str, Any]], x: Any, y: Any, colour: str) -> Any:
    """The curve's name at one of its points: before the upper curve, after the lower one, so that neither crosses it."""
    value = float(point["value"].iloc[0])
    lower = any(value < other["points"][_farthest_apart(both)]["value"] for other in both)
    looks: dict[str, Any] = {"align": "left", "dx": 12, "dy": 10} if lower else {"align": "right", "dx": -12, "dy": -6}
    return alt.Chart(point).mark_text(**looks, baseline="middle", fontSize=SIZE, color=colour, text=curve["name"]).encode(x=x, y=y)
