"""Draws pictures in a process of its own: the JavaScript engine behind Vega takes 120 MB, which no web process should keep.

Reads a JSON list of documents on standard input (each with ``kind``, ``widths`` and what that kind shows) and writes a
list: for each, an SVG text for each width. Knows no Django, no release and no report: labels and numbers come as they
are to be shown.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import vl_convert

from catalog.display.series import bars, curves, line
from catalog.display.tracks import pyramid, tracks

KINDS: dict[str, Callable[[dict[str, Any], int], Any]] = {
    "bars": bars, "line": line, "curves": curves, "tracks": tracks, "pyramid": pyramid,
}  # fmt: skip


def draw(asked: dict[str, Any]) -> dict[str, str]:
    """An SVG text for each of ``widths`` (name → px)."""
    kind = KINDS[asked["kind"]]
    return {
        name: vl_convert.vegalite_to_svg(kind(asked, width), allowed_base_urls=[]) for name, width in asked["widths"].items()
    }


if __name__ == "__main__":
    json.dump([draw(asked) for asked in json.load(sys.stdin)], sys.stdout)
