"""What all pictures look like: colours, letters, and the numbers that follow from them."""

from __future__ import annotations

from typing import Any, Final

ACCENT: Final = "#0b5a5c"  # site.css recolours exactly these four for dark screens
GREY: Final = "#56625e"
LINE: Final = "#d8dedb"
PAPER: Final = "#fcfcfa"
FONT: Final = "system-ui, sans-serif"
SIZE: Final = 14
ROOMY: Final = 500
"""Pixels: from here on there is room for long labels."""


def specified(chart: Any) -> dict[str, Any]:
    """An altair chart as a Vega-Lite specification that looks like all others."""
    looks = (
        chart.configure(background="transparent", font=FONT, padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelFontSize=SIZE, labelColor=GREY, titleColor=GREY, titleFontSize=SIZE, titleFontWeight="normal", gridColor=LINE,
            domainColor=GREY, tickColor=GREY,
        )
    )  # fmt: skip
    found: dict[str, Any] = looks.to_dict()
    return found
