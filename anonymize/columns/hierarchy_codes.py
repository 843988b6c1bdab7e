"""Codes that carry their own ladder: prefixes of a code, parents of an H3 cell."""

from __future__ import annotations

from typing import Any

import h3  # type: ignore[import-untyped, unused-ignore]

from anonymize.columns.hierarchy_values import Misfit, Step


def prefix(length: int) -> Step:
    """The first ``length`` characters of a code."""

    def step(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise Misfit("prefixes need a column of codes (text or whole numbers)")
        return str(value)[:length]

    return step


def cell(resolution: int) -> Step:
    """The H3 cell of a resolution that a cell lies in."""

    def step(value: Any) -> str:
        if not isinstance(value, str) or not h3.is_valid_cell(value):
            raise Misfit("not an H3 cell written as text")
        if h3.get_resolution(value) < resolution:
            raise Misfit(f"an H3 cell coarser than resolution {resolution}")
        return str(h3.cell_to_parent(value, resolution))

    return step
