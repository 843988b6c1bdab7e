"""What a release is still good for."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from catalog.display.numbers import number, percent
from catalog.releases.assessed.shown import Shown, at, track, tracks


def columns(assessment: Any) -> Shown | None:
    """Detail kept of each column."""
    found, all_of_them = at(assessment, "utility.columns"), at(assessment, "utility.granularity")
    if not found:
        return None
    title = _("Detail kept, column by column")
    said = _("A full bar is as it came in; none is nothing left. Over all marked columns: %(share)s.") % {"share": percent(all_of_them)}
    return Shown(
        "kept", title, said, (_("Column"), _("Detail kept"), _("Information lost"), _("Distribution shifted")),
        tuple((c["column"], percent(1 - c["loss"]), percent(c["entropy_loss"]), percent(c["distance"])) for c in found),
        tracks("kept", title, [track(c["column"], None, 1 - c["loss"]) for c in found[:24]], bar=True),
    )  # fmt: skip


def models(assessment: Any) -> Shown | None:
    """How well a sensitive column can be predicted, learnt from the original and from the release."""
    found = at(assessment, "utility.models")
    if not found:
        return None
    rows, cells = [], []
    for column, learnt in found.items():
        before, after = learnt["from_original"], learnt["from_release"]
        rows.append(track(column, before["accuracy"], after["accuracy"], tick=before["commonest"]))
        cells.append((column, percent(before["accuracy"]), percent(after["accuracy"]), percent(before["balanced"]), percent(after["balanced"]), percent(before["commonest"])))
    title = _("What can be learnt from it")
    return Shown(
        "models", title,
        _("A simple model learns to predict a column: once from the table as it came in, once from the release. How often it is right; the grey mark is what always guessing the commonest value gets."),
        (_("Predicted"), _("From the original"), _("From the release"), _("Original, balanced"), _("Release, balanced"), _("Commonest value")),
        tuple(cells), tracks("models", title, rows, {"a": _("original"), "b": _("release")}),
    )  # fmt: skip


def pairs(assessment: Any) -> Shown | None:
    """How far tables of two columns moved."""
    found = at(assessment, "utility.two_way.pairs")
    if not found:
        return None
    labels = [(" × ".join(pair["columns"]), pair["distance"]) for pair in found]
    title = _("Tables of two columns that moved most")
    said = _("How far tables of two columns moved: nothing is as it was, a full bar is beyond recognition. Over all pairs: %(share)s.")
    return Shown(
        "two-way", title, said % {"share": percent(at(assessment, "utility.two_way.mean"))}, (_("Pair"), _("Moved by")),
        tuple((label, percent(distance)) for label, distance in labels[:50]),
        tracks("two-way", title, [track(label, None, distance) for label, distance in labels[:8]], bar=True),
        note=_("The 50 that moved most of %(n)s.") % {"n": number(len(labels))} if len(labels) > 50 else "",
    )  # fmt: skip
