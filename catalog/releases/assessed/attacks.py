"""Attacks that were carried out on the release, each against what would work without it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from catalog.display.numbers import number, percent
from catalog.releases.assessed.shown import Row, Shown, at, between, track, tracks


def tried(assessment: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(its name, what it does, how it fared) of every attack in an assessment."""
    found = at(assessment, "attacks")
    if not found:
        return
    yield _("Singling out"), _("a question that fits one person alone"), found["singling_out"]
    if found.get("linkability"):
        yield _("Linking two files"), _("that are about the same person"), found["linkability"]
    for column, fared in found.get("inference", {}).items():
        yield _("Telling “%(column)s”") % {"column": column}, _("inference from the marked columns"), fared
    for q, fared in found.get("linkage", {}).items():
        name = _("Finding by 1 column") if q == "1" else _("Finding by %(q)s columns")
        yield name % {"q": q}, _("linking a person to their row"), fared


def attacks(assessment: Any) -> Shown | None:
    rows, cells = [], []
    held_out = False
    for label, what, fared in tried(assessment):
        against = fared["control"] or fared["baseline"]
        held_out = held_out or fared["control"] is not None
        cells.append(_cells(f"{label}: {what}", fared))
        if fared["attack"]["trials"]:
            rows.append(track(label, against["value"], fared["attack"]["value"], **_ends("a", against), **_ends("b", fared["attack"])))
    if not cells:
        return None
    title = _("Attacks that were tried")
    names = {"a": _("not in it") if held_out else _("guessing"), "b": _("attack")}
    if held_out:
        said = _("Colour: how often the attack is right about people in the release. Grey: how often it is right about people who are not in it, which the release cannot be blamed for. Lines are 95 % intervals.")
    else:
        said = _("Colour: how often the attack is right. Grey: how often mere guessing is. Nobody was held out, so what the release adds is overstated. Lines are 95 % intervals.")
    return Shown(
        "attacks", title, said, (_("Attack"), _("Right"), _("On people not in it"), _("By guessing"), _("What the release adds")),
        tuple(cells), tracks("attacks", title, rows, names, between="·") if rows else None,
    )  # fmt: skip


def _ends(name: str, rate: dict[str, Any]) -> dict[str, float]:
    return {f"{name}_lower": rate["lower"], f"{name}_upper": rate["upper"]}


def _cells(label: str, fared: dict[str, Any]) -> Row:
    added = between(fared["risk"]) if fared["attack"]["trials"] else "–"
    return (label, between(fared["attack"]), between(fared["control"]), between(fared["baseline"]), added)


# --- attacks on how the release was made -------------------------------------------------------------------------


def method(assessment: Any) -> Shown | None:
    found = at(assessment, "method")
    if not found:
        return None
    rated = [*_refined(found.get("refinement") or {})]
    minimal = found.get("minimality")
    rows = [track(short, None, rate["value"], **_ends("b", rate)) for short, _long, rate in rated if rate["trials"]]
    title = _("What the method itself gives away")
    return Shown(
        "method", title,
        _("Who knows how the groups were made may narrow them down without knowing anything else (combinatorial refinement, minimality). The share of rows, or of people, of whom that is true."),
        (_("What can be concluded"), _("Share (95 %)")), (*((label, between(rate)) for _short, label, rate in rated), *_minimal(minimal)),
        tracks("method", title, rows) if any(row["b"] for row in rows) else None, note=_minimality(found, minimal),
    )  # fmt: skip


def _refined(refinement: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(in short, what it means, how often it is so)."""
    named = {
        "overlapping": (_("Finer group within"), _("rows whose group holds a finer one")),
        "downcoded": (_("Made finer again"), _("rows whose values can be narrowed")),
        "pinned": (_("Pinned to one value"), _("rows of which a value is certain again")),
    }  # fmt: skip
    for name, (short, meaning) in named.items():
        if name in refinement:
            yield short, f"{short}: {meaning}", refinement[name]
    for column, shares in refinement.get("secrets", {}).items():
        for name, short, meaning in (
            ("narrowed", _("“%(column)s” narrowed"), _("people of whom fewer values are left")),
            ("pinned_after", _("“%(column)s” certain"), _("people of whom one value is left")),
        ):  # fmt: skip
            called = short % {"column": column}
            yield called, f"{called}: {meaning}", shares[name]


def _minimal(minimal: dict[str, Any] | None) -> Iterator[Row]:
    if minimal:
        yield _("Minimality: what an attacker gains, on average"), percent(minimal["gain"])
        yield _("Minimality: groups of which something certain is learnt"), number(minimal["learnt"])


def _minimality(found: dict[str, Any], minimal: dict[str, Any] | None) -> str:
    if minimal:
        said = _("Minimality (knowing that nothing finer would have done): %(learnt)s of %(classes)s groups say something certain that they should not.")
        return said % {"learnt": number(minimal["learnt"]), "classes": number(minimal["classes"])}
    if found.get("full_domain"):
        return _("Minimality does not apply: the scheme was chosen without looking at the data.")
    return ""
