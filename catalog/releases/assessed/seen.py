"""What was measured, as a template takes it: each thing with its picture, if that has been drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from catalog.display import pictures
from catalog.display.pictures import Asked, Picture
from catalog.releases.assessed import assessment_of, parts_of, why_not_assessed
from catalog.releases.assessed.shown import Part, Shown, at


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing with its picture. ``missing``: there is a picture of it that nobody has drawn yet."""

    shown: Shown
    picture: Picture | None

    @property
    def missing(self) -> bool:
        return self.shown.asked is not None and self.picture is None


@dataclass(frozen=True, slots=True)
class SeenPart:
    title: str
    seen: tuple[Seen, ...]


def seen(parts: Sequence[Part]) -> list[SeenPart]:
    """With the pictures that are there: a page never waits for one."""
    return [SeenPart(part.title, seen_of(part.shown)) for part in parts]


def seen_of(shown: Sequence[Shown]) -> tuple[Seen, ...]:
    return tuple(Seen(one, pictures.kept(one.asked) if one.asked else None) for one in shown)


def any_missing(parts: Sequence[SeenPart]) -> bool:
    return any(one.missing for part in parts for one in part.seen)


def asked_of(parts: Sequence[Part]) -> list[Asked]:
    """Everything that there is to draw."""
    return [one.asked for part in parts for one in part.shown if one.asked is not None]


def measured(report: Any, *, draw: bool = False) -> dict[str, Any]:
    """What the template ``releases/_measured.html`` takes. ``draw``: draw now what is missing, which takes seconds."""
    parts = parts_of(report)
    if draw:
        pictures.drawn(asked_of(parts))
    shown = seen(parts)
    return {
        "measured": shown, "missing": not draw and any_missing(shown), "measured_notes": at(assessment_of(report), "notes") or [],
        "unassessed": at(report, "guarantee.family") == "k_anonymity" and not parts, "why_not_assessed": why_not_assessed(report),
    }  # fmt: skip
