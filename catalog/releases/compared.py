"""A comparison's points made ready for a page: the picture, the same numbers as a table, and the recipe that a point stands for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from anonymize import recipe as recipes
from anonymize.frontier.candidates import candidates
from catalog.display import pictures
from catalog.display.pictures import Asked, Picture
from catalog.releases import foreseen
from catalog.releases.models import Comparison

WIDTHS: Final = {"wide": 760, "narrow": 342}


@dataclass(frozen=True, slots=True)
class Point:
    """One setting and what it gave. ``index``: its place in the result; ``said``: why one might choose it, in words."""

    index: int
    found: Mapping[str, Any]
    said: tuple[str, ...]
    current: bool

    @property
    def name(self) -> str:
        parts = [method_name(self.found["method"]), f"k = {self.found['k']}"]
        return ", ".join([*parts, *([f"l = {self.found['l']}"] if self.found.get("l") is not None else [])])


def method_name(method: str) -> str:
    named = {"full_domain": _("full domain"), "local_recoding": _("local recoding"), "fixed": _("fixed scheme")}
    return str(named.get(method, method.replace("_", " ")))


def points_of(comparison: Comparison) -> list[Point]:
    """Those that can be had first, the least risk at the top."""
    found = list(enumerate((comparison.result or {}).get("points", [])))
    met = [point for _index, point in found if point["met"]]
    safest = min((point["average_risk"] for point in met), default=None)
    finest = max((point["granularity"] for point in met), default=None)
    shown = [Point(i, point, tuple(_reasons(point, safest, finest)), recipe_of(comparison, i) == comparison.recipe) for i, point in found]
    return sorted(shown, key=lambda point: (not point.found["met"], point.found.get("average_risk") or 0, point.index))


def _reasons(point: Mapping[str, Any], safest: float | None, finest: float | None) -> list[str]:
    if not point["met"]:
        return []
    reasons = [(point["average_risk"] == safest, _("least risk")), (point["granularity"] == finest, _("most detail"))]
    said = [words for holds, words in reasons if holds]
    return said or ([_("best for its risk")] if point["efficient"] else [])


# --- the picture -------------------------------------------------------------------------------------------------


def asked_of(comparison: Comparison) -> Asked | None:
    """Risk against usefulness; None where no setting can be had."""
    points = (comparison.result or {}).get("points", [])
    if not any(point["met"] for point in points):
        return None
    words = {
        "risk": _("average chance of being singled out"), "usefulness": _("detail kept"),
        **{method: method_name(method) for method in ("full_domain", "local_recoding", "fixed")},
    }  # fmt: skip
    label = _("Risk against usefulness of the settings that were compared")
    return Asked("frontier", label, {"points": points, "widths": WIDTHS, "words": words}, module="anonymize.pictures")


def pictured(comparison: Comparison | None, *, draw: bool = False) -> dict[str, Any]:
    """What the template ``releases/_compared.html`` takes; ``releases/_foreseen.html`` where it is a forecast."""
    if comparison is not None and comparison.is_forecast:
        return {"comparison": comparison, **foreseen.pictured(comparison.result, draw=draw)}
    if comparison is None or comparison.result is None:
        return {"comparison": comparison, "points": [], "picture": None, "missing": False}
    asked = asked_of(comparison)
    if draw and asked is not None:
        pictures.drawn([asked])
    picture: Picture | None = None if asked is None else pictures.kept(asked)
    return {
        "comparison": comparison, "points": points_of(comparison), "picture": picture,
        "missing": asked is not None and picture is None and not draw,
    }  # fmt: skip


# --- the recipe --------------------------------------------------------------------------------------------------


def recipe_of(comparison: Comparison, index: int) -> dict[str, Any] | None:
    """The comparison's recipe with the setting of one point; None where there is no such point, or it cannot be had."""
    points = (comparison.result or {}).get("points", [])
    if not 0 <= index < len(points) or not points[index]["met"]:
        return None
    point = points[index]
    if comparison.is_forecast:
        whole: dict[str, Any] = point["recipe"]
        return whole
    made = candidates(recipes.parse(comparison.recipe), [point["k"]], [] if point["l"] is None else [point["l"]], [point["method"]])
    found: dict[str, Any] | None = json.loads(made[0].recipe.to_json()) if made[0].recipe is not None else None
    return found
