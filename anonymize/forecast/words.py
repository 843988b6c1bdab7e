"""A forecast as tables to read."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def to_markdown(found: Mapping[str, Any]) -> str:
    """Every setting in a line, then the recipe's own error by size of cell, a table a measure."""
    points = [point for point in found["points"] if point["met"]]
    own = next((point for point in points if point["own"]), None)
    lines = ["# Expected errors", ""]
    if own is not None:
        lines += [_said(own), ""]
    lines += [
        "| setting | cells | persons in the middle cell | hidden | rows left out | median relative error | unreliable | usable |",
        "|---|" + "--:|" * 7,
        *[_line(point) for point in found["points"]],
    ]
    if own is not None:
        for measure in own["measures"]:
            lines += ["", f"## {measure['name']}, with the recipe's own settings", "", *_classes(own, measure)]
    lines += ["", *[f"- {note}" for note in found["notes"]]]
    return "\n".join(lines) + "\n"


def first_known(point: Mapping[str, Any]) -> dict[str, Any] | None:
    """The first measure of a point whose relative error can be told for some size of cell."""
    for measure in point["measures"]:
        if any((figures or {}).get("relative_error") is not None for figures in measure["classes"]):
            return dict(measure)
    return None


def _said(own: Mapping[str, Any]) -> str:
    cells = own["cells"]
    empty = f"; {cells['empty']} more are empty, and their numbers are noise alone" if cells["empty"] else ""
    return (
        f"{cells['with_data']} cells hold somebody{empty}. A number is unreliable where half its 95 % interval is more than "
        f"{float(own['unreliable_above']):.0%} of it. Usable cells are not hidden and their number is not unreliable. The table is of the first measure."
    )


def _line(point: Mapping[str, Any]) -> str:
    name = f"**{point['name']}**" if point["own"] else point["name"]
    if not point["met"]:
        return f"| {name} | not possible: {point['reason']} |" + " |" * 6
    cells, cut = point["cells"], point["bounding"]
    overall = (first_known(point) or {}).get("overall") or {}
    left_out = 1 - cut["rows_after"] / cut["rows_before"] if cut["rows_before"] else None
    numbers = [str(cells["with_data"]), _number(cells["median_persons"]), _share(cells["hidden_share"]), _share(left_out)]
    numbers += [_share(overall.get(key)) for key in ("relative_error", "unreliable_share", "usable_share")]
    return f"| {name} | {' | '.join(numbers)} |"


def _classes(own: Mapping[str, Any], measure: Mapping[str, Any]) -> list[str]:
    if not measure["forecast"]:
        return [f"Its error depends on the values ({measure['kind']}): it is not forecast."]
    lines = ["| persons in the cell | cells | hidden | error | median relative error | 95 % interval | unreliable |", "|---|" + "--:|" * 6]
    for size, figures in zip(own["classes"], measure["classes"], strict=True):
        name = f"{size['from']}–{size['to']}" if size["to"] else f"{size['from']} and more"
        if figures is None:
            lines.append(f"| {name} | {size['cells']} | {_share(size['hidden_share'])} | | | | |")
            continue
        numbers = [_number(figures["absolute_error"]), _share(figures["relative_error"]), f"± {_number(figures['half_width'])}"]
        lines.append(f"| {name} | {size['cells']} | {_share(size['hidden_share'])} | {' | '.join(numbers)} | {_share(figures['unreliable_share'])} |")
    return lines


def _number(number: float | None) -> str:
    return "" if number is None else format(Decimal(f"{number:.4g}"), "f") if abs(number) < 1000 else f"{number:,.0f}"


def _share(share: float | None) -> str:
    if share is None:
        return "–"
    if 0 < share < 0.0001:
        return "under 0.01%"
    return f"{share:.1%}" if 0.01 <= share <= 10 or not share else f"{100 * share:.2g}%" if share < 0.01 else f"{share:,.0f} ×"
