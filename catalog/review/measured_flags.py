"""Red flags that follow from what was measured of a microdata release, each with the figure behind it.

The limits here ask for a closer look and forbid nothing: an officer decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from catalog.display.numbers import number, percent
from catalog.releases.assessed import assessment_of, why_not_assessed
from catalog.releases.assessed.attacks import tried
from catalog.review.flag import Flag

ADDED: Final = 0.05
"""From here on, by the lower end of its 95 % interval, what the release adds to an attack is told."""
POINTS: Final = 4
ALONE: Final = 0.1
"""With so many points of their own known, so many people may be alone before it is told (de Montjoye et al. 2013)."""


def measured_flags(report: dict[str, Any]) -> list[Flag]:
    """Of the report of a k-anonymous run."""
    found = assessment_of(report)
    if found is None:
        return [Flag("stop", "not_assessed", why_not_assessed(report) or "–")]
    return [*_stops(found), *_attacked(found), *_shared(found), *_method(found), *_events(found)]


def _stops(found: dict[str, Any]) -> Iterator[Flag]:
    if found.get("person_key_published"):
        yield Flag("stop", "person_key_published")


def _attacked(found: dict[str, Any]) -> Iterator[Flag]:
    told = [f"{label} ({percent(fared['risk']['value'])})" for label, _what, fared in tried(found) if fared["attack"]["trials"] and fared["risk"]["lower"] > ADDED]
    if told:
        yield Flag("warning", "attack_succeeds", "; ".join(told))


def _shared(found: dict[str, Any]) -> Iterator[Flag]:
    for column, sides in (found.get("sensitive") or {}).items():
        share = sides["after"]["records_homogeneous"]
        if share > 0:
            yield Flag("warning", "shared_secret", f"{column}, {percent(share)}")


def _method(found: dict[str, Any]) -> Iterator[Flag]:
    method = found.get("method") or {}
    refined, minimal, finer = method.get("refinement") or {}, method.get("minimality"), method.get("downcoding")
    if finer and finer["learnt"]:
        yield Flag("warning", "coarsening_undone", f"{number(finer['learnt'])} / {number(finer['guess']['attack']['trials'])}")
    for column, shares in (refined.get("secrets") or {}).items():
        gained = shares["pinned_after"]["value"] - shares["pinned_before"]["value"]
        if gained > 0:
            yield Flag("warning", "secret_refined", f"{column}, {percent(gained)}")
    if minimal and minimal["learnt"]:
        yield Flag("warning", "minimality_learns", number(minimal["learnt"]))


def _events(found: dict[str, Any]) -> Iterator[Flag]:
    after = (found.get("unicity") or {}).get("after") or []
    if len(after) >= POINTS and after[POINTS - 1]["value"] > ALONE:
        yield Flag("warning", "few_points_suffice", percent(after[POINTS - 1]["value"]))
