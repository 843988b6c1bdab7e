"""What a group of people who look the same have in common, and so give away."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from catalog.display.numbers import number, percent
from catalog.releases.assessed.shown import Row, Shown, at, track, tracks


def homogeneity(assessment: Any) -> Shown | None:
    found = at(assessment, "sensitive")
    if not found:
        return None
    rows, cells = [], []
    for column, sides in found.items():
        before, after = sides["before"], sides["after"]
        same = _("%(column)s: shared by all") % {"column": column}
        guess = _("%(column)s: best guess") % {"column": column}
        rows += [
            track(same, before["records_homogeneous"], after["records_homogeneous"]),
            track(guess, before["likeliest"], after["likeliest"], tick=after["likeliest_whole"]),
        ]
        cells += _cells(column, before, after)
    title = _("What groups have in common")
    return Shown(
        "secrets", title,
        _("If all people of a group share a sensitive value, nobody needs to find the person: the share of people in such groups, and how often the best guess is right. The grey mark is the best guess without any groups."),
        (_("Figure"), _("Before"), _("After")), tuple(cells), tracks("secrets", title, rows, {"a": _("before"), "b": _("after")}),
    )  # fmt: skip


def _cells(column: str, before: dict[str, Any], after: dict[str, Any]) -> list[Row]:
    figures = (
        ("records_homogeneous", _("share in groups with one value"), percent), ("likeliest", _("the best guess is right"), percent),
        ("likeliest_whole", _("the best guess without groups"), percent), ("least_distinct", _("fewest values in a group (l)"), number),
        ("least_entropy", _("fewest, weighted by how common (entropy l)"), _rounded), ("skew_max", _("farthest from the whole table (t)"), percent),
        ("gain_max", _("largest relative gain (β)"), _rounded),
    )  # fmt: skip
    return [(f"{column}: {label}", said(before[name]), said(after[name])) for name, label, said in figures]


def _rounded(value: float) -> str:
    return number(round(float(value), 2))
