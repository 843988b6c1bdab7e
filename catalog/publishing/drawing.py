"""Draws pictures in a process of its own: the JavaScript engine behind Vega takes 120 MB, which no web process should keep.

Reads a JSON document on standard input (kind, noisy, rows, widths) and writes one: an SVG text for each width. Knows no
Django and no release: labels and numbers come as they are to be shown.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import vl_convert

ACCENT, GREY, LINE = "#0b5a5c", "#56625e", "#d8dedb"  # site.css recolours exactly these for dark screens
FONT = "system-ui, sans-serif"
ROOMY = 600  # px: from here on there is room for long labels


def draw(asked: dict[str, Any]) -> dict[str, str]:
    """An SVG text for each of ``widths`` (name → px)."""
    frame, kind = pd.DataFrame(asked["rows"]), bars if asked["kind"] == "category" else line
    return {
        name: vl_convert.vegalite_to_svg(kind(frame, width, noisy=asked["noisy"]).to_dict(), allowed_base_urls=[])
        for name, width in asked["widths"].items()
    }


def _configured(chart: Any) -> Any:
    return (
        chart.configure(background="transparent", font=FONT, padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=14, labelColor=GREY, titleColor=GREY, titleFontSize=14, titleFontWeight="normal", gridColor=LINE,
            domainColor=GREY, tickColor=GREY,
        )
    )  # fmt: skip


def bars(frame: pd.DataFrame, width: int, *, noisy: bool) -> Any:
    top, bottom = float(frame["upper"].max()), min(0.0, float(frame["lower"].min()))
    room = 1.22 if width >= ROOMY else 1.45  # for the number after the bar
    scale = alt.Scale(domain=[bottom, max(top * room, bottom + 1)], nice=False)
    y = alt.Y("label:N", sort=alt.EncodingSortField("order"), title=None, axis=alt.Axis(
        domain=False, ticks=False, labelLimit=220 if width >= ROOMY else 116, labelPadding=8,
    ))  # fmt: skip
    base = alt.Chart(frame).encode(y=y)
    x = alt.X("value:Q", scale=scale, axis=None)
    layers = [base.mark_bar(color=ACCENT, height=14).encode(x=x)]
    if noisy:
        layers.append(base.mark_rule(color=GREY, strokeWidth=2).encode(x=alt.X("lower:Q", scale=scale, axis=None), x2="upper:Q"))
    layers.append(
        base.mark_text(align="left", dx=8, fontSize=14, color=GREY).encode(x=alt.X("upper:Q", scale=scale, axis=None), text="said:N")
    )
    fitted = alt.layer(*layers).properties(width=width, height={"step": 27}, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    return _configured(fitted)


def line(frame: pd.DataFrame, width: int, *, noisy: bool) -> Any:
    top, bottom = float(frame["upper"].max()), min(0.0, float(frame["lower"].min()))
    x = _horizontal(frame, width)
    y_axis = alt.Axis(domain=False, ticks=False, tickCount=4, format="~s" if top >= 10_000 else "~f", title=None, labelPadding=8)
    scale = alt.Scale(domain=[bottom, max(top * 1.05, bottom + 1)], nice=False)

    def y(column: str) -> Any:
        return alt.Y(f"{column}:Q", scale=scale, axis=y_axis)

    base = alt.Chart(frame).encode(x=x)
    layers = []
    if noisy:
        layers.append(base.mark_area(color=ACCENT, opacity=0.2).encode(y=y("lower"), y2="upper:Q"))
    layers.append(base.mark_line(color=ACCENT, strokeWidth=2.5).encode(y=y("value")))
    if len(frame) <= 40:
        layers.append(base.mark_point(color=ACCENT, fill=ACCENT, size=28, opacity=1).encode(y=y("value")))
    fitted = alt.layer(*layers).properties(
        width=width, height=300 if width >= ROOMY else 220, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    return _configured(fitted)


def _horizontal(frame: pd.DataFrame, width: int) -> Any:
    """Points in order, with as many labels as there is room for."""
    shown = _thinned(frame["label"].tolist(), 12 if width >= ROOMY else 5)
    axis = alt.Axis(values=shown, labelAngle=0, grid=False, title=None, labelOverlap=True, labelPadding=6)
    return alt.X("label:N", sort=alt.EncodingSortField("order"), axis=axis, scale=alt.Scale(padding=0.4, type="point"))


def _thinned(labels: Sequence[str], most: int) -> list[str]:
    step = max(1, -(-len(labels) // most))
    return list(labels[::step])


if __name__ == "__main__":
    json.dump(draw(json.load(sys.stdin)), sys.stdout)
