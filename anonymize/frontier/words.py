"""A frontier as a table to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COLUMNS = (
    ("granularity", "usefulness (granularity)"), ("average_risk", "average risk"), ("highest_risk", "highest risk"),
    ("records_at_risk", "records at risk"), ("suppressed_share", "left out"), ("entropy_loss", "entropy lost"),
    ("marginal_distance", "marginals moved"),
)  # fmt: skip


def to_markdown(found: Mapping[str, Any]) -> str:
    """The points in the order asked, the efficient ones in bold."""
    risk, unit = found["before"]["risk"], "persons" if found["unit"] == "person" else "rows"
    lines = [
        "# Risk against usefulness",
        "",
        f"By the columns {', '.join(found['columns'])}. As it came in: average risk {_share(risk['prosecutor_average'])}, "
        f"smallest class {risk['smallest']}. At risk are records in classes of fewer than {found['threshold_k']} {unit}.",
        "",
        "| setting | " + " | ".join(title for _, title in _COLUMNS) + f" | smallest class ({unit}) | rows a class |",
        "|---|" + "--:|" * (len(_COLUMNS) + 2),
    ]
    lines += [_line(point) for point in found["points"]]
    lines += ["", "Bold: no other setting has less average risk and more use.", "", *[f"- {note}" for note in found["notes"]]]
    return "\n".join(lines) + "\n"


def _line(point: Mapping[str, Any]) -> str:
    if not point["met"]:
        return f"| {point['name']} | not possible: {point['reason']} |" + " |" * (len(_COLUMNS) + 1)
    name = f"**{point['name']}**" if point["efficient"] else point["name"]
    cells = [_share(point[key]) for key, _ in _COLUMNS]
    return f"| {name} | {' | '.join(cells)} | {point['smallest_class']} | {point['average_class_size']:.1f} |"


def _share(share: float) -> str:
    """Small ones with two digits that count: where the choice is made, 0.08 % and 0.17 % differ."""
    return f"{share:.1%}" if share >= 0.01 or not share else f"{float(f'{100 * share:.2g}'):f}".rstrip("0") + "%"
