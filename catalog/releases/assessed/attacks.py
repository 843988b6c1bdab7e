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
    finer = at(assessment, "method.downcoding.guess")
    if finer:
        yield _("Undoing the coarsening"), _("downcoding: a value written finer, from the file and the method"), finer


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
        tuple(cells), tracks("attacks", title, rows, names, between="·") if rows else None, note=_effort(at(assessment, "effort")),
    )  # fmt: skip


def _effort(effort: dict[str, Any] | None) -> str:
    if not effort:
        return ""
    said = _("Tried on at most %(targets)s people each, singling out with at most %(queries)s questions.")
    return said % {"targets": number(effort["targets"]), "queries": number(effort["queries"])}


def _ends(name: str, rate: dict[str, Any]) -> dict[str, float]:
    return {f"{name}_lower": rate["lower"], f"{name}_upper": rate["upper"]}


def _cells(label: str, fared: dict[str, Any]) -> Row:
    added = between(fared["risk"]) if fared["attack"]["trials"] else "–"
    return (label, between(fared["attack"]), between(fared["control"]), between(fared["baseline"]), added)


# --- attacks on how the release was made -------------------------------------------------------------------------


def method(assessment: Any) -> Shown | None:
    """What follows from knowing how groups were made, beside what follows without."""
    found = at(assessment, "method")
    if not found:
        return None
    told = list(_refined(found.get("refinement") or {}))
    rows = [track(short, _value(before), after["value"], **_sides(before, after)) for short, _meaning, before, after in told if after["trials"]]
    title = _("What the method itself gives away")
    return Shown(
        "method", title,
        _("Who knows how the groups were made may narrow them down without knowing anything else (combinatorial refinement, downcoding, minimality). The share of rows, or of people, of whom that is true."),
        (_("What can be concluded"), _("Without knowing the method"), _("Knowing it (95 %)")),
        (*((f"{short}: {meaning}", between(before), between(after)) for short, meaning, before, after in told), *_claims(found)),
        tracks("method", title, rows, {"a": _("without"), "b": _("knowing it")}) if any(row["b"] for row in rows) else None, note=_note(found),
    )  # fmt: skip


def _value(rate: dict[str, Any] | None) -> float | None:
    return None if rate is None else float(rate["value"])


def _sides(before: dict[str, Any] | None, after: dict[str, Any]) -> dict[str, float]:
    return {**(_ends("a", before) if before else {}), **_ends("b", after)}


def _refined(refinement: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any] | None, dict[str, Any]]]:
    """(in short, what it means, how often it is so without the method, and with it)."""
    named = {
        "overlapping": (_("Overlapping groups"), _("rows whose group overlaps another")),
        "downcoded": (_("Parts ruled out"), _("rows of whose coarse values a part is ruled out")),
        "one_class_after": (_("One group left"), _("people who can be in one group alone")),
    }  # fmt: skip
    before = {"one_class_after": refinement.get("one_class_before")}
    for name, (short, meaning) in named.items():
        certain = (before.get(name) or {}).get("value") == 1  # groups that do not overlap are told apart by anybody
        if name in refinement and not certain:
            yield short, meaning, before.get(name), refinement[name]
    for column, shares in refinement.get("secrets", {}).items():
        yield _("“%(column)s” narrowed") % {"column": column}, _("people of whom fewer values are left"), None, shares["narrowed"]
        yield _("“%(column)s” certain") % {"column": column}, _("people of whom one value is left"), shares["pinned_before"], shares["pinned_after"]


def _claims(found: dict[str, Any]) -> Iterator[Row]:
    minimal, finer = found.get("minimality"), found.get("downcoding")
    if minimal:
        yield _("Minimality: what an attacker gains, on average"), "–", percent(minimal["gain"])
        yield _("Minimality: groups of which something certain is learnt"), "–", number(minimal["learnt"])
    if finer:
        yield _("Downcoding: values written finer for certain, of those tried"), "–", number(finer["learnt"])
        yield _("Downcoding: how many of these are right"), "–", between(finer["learnt_right"])


def _note(found: dict[str, Any]) -> str:
    minimal = found.get("minimality")
    if found.get("chosen_from_data") is False:
        return _("The scheme was chosen without looking at the data, so the method tells nothing.")
    if minimal and minimal["learnt"]:
        said = _("Minimality (knowing that nothing finer would have done): %(learnt)s of %(classes)s groups say something certain that they should not.")
        return said % {"learnt": number(minimal["learnt"]), "classes": number(minimal["classes"])}
    return ""
