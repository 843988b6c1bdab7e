"""A picture as a file of its own."""

from __future__ import annotations

from anonymize.pictures.frontier import ACCENT, GREY, LINE

PAPER, NIGHT = "#fcfcfa", "#141a19"
DARK = {ACCENT: "#7fcac6", GREY: "#aab5b1", LINE: "#3a4542"}


def standalone(svg: str) -> str:
    """A picture for a file of its own: it follows the reader's dark scheme by itself, background included."""
    dark = "".join(f'[fill="{a}"]{{fill:{b}}}[stroke="{a}"]{{stroke:{b}}}' for a, b in DARK.items())
    style = f"<style>svg{{background:{PAPER}}}@media (prefers-color-scheme:dark){{svg{{background:{NIGHT}}}{dark}}}</style>"
    head, mark, rest = svg.partition(">")
    return head + mark + style + rest
