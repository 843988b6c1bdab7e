"""A forecast as lines, for :func:`anonymize.pictures.forecast_chart`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from anonymize.forecast.words import first_known

MOSTLY = 0.5
"""Hidden share of a class from which on it is drawn as one that is not seen."""


def lines(points: Sequence[Mapping[str, Any]], named: Callable[[Mapping[str, Any]], str] = lambda point: str(point["name"])) -> list[dict[str, Any]]:
    """One an ε with the recipe's own grid, through the middle cell of every class of size: the first measure's relative error.

    ``named``: how a setting is called. Empty where no relative error is known.
    """
    met = [point for point in points if point["met"] and point["change"] is None]
    own = next((point for point in met if point["own"]), None)
    measure = first_known(own) if own is not None else None
    if measure is None:
        return []
    return [{"label": named(point), "own": point["own"], "points": _by_size(point, measure["name"])} for point in met]


def _of(point: Mapping[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(measure for measure in point["measures"] if measure["name"] == name)
    return found


def _by_size(point: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    figures = zip(point["classes"], _of(point, name)["classes"], strict=True)
    return [
        {"size": size["median_persons"], "error": figure["relative_error"], "hidden": size["hidden_share"] > MOSTLY}
        for size, figure in figures
        if figure is not None and size["median_persons"] and figure["relative_error"]
    ]
