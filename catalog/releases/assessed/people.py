"""How easily people are singled out: group sizes, chances to be found, and the columns that do it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from catalog.display.numbers import number, percent
from catalog.display.pictures import Asked
from catalog.releases.assessed.shown import WIDTHS, Shown, at, between, track, tracks

__all__ = ["chances", "columns", "pairs", "sizes"]


def sizes(risk: Any) -> Shown | None:
    """The histogram of class sizes, before and after."""
    before, after = at(risk, "before.histogram"), at(risk, "after.histogram")
    if not before or not after:
        return None
    records = [at(risk, f"{side}.records") or 0 for side in ("before", "after")]
    bins = _used([{"label": _bin(b), "before": b, "after": a} for b, a in zip(before, after, strict=False)])
    if not bins:
        return None
    rows = [
        {
            "label": one["label"], "left": _share(one["before"]["records"], records[0]), "right": _share(one["after"]["records"], records[1]),
            "said_left": _said(one["before"]["records"], records[0]), "said_right": _said(one["after"]["records"], records[1]),
        }
        for one in bins
    ]  # fmt: skip
    title = _("Groups of people who look the same")
    names = {"left": _("before"), "right": _("after"), "middle": _("group of")}
    return Shown(
        "sizes", title,
        _("By the marked columns, a person hides among those with the same values. Small groups hide nobody. Each bar is the share of rows in groups of that size."),
        (_("People in the group"), _("Rows before"), _("Rows after"), _("Groups before"), _("Groups after")),
        tuple(
            (one["label"], number(one["before"]["records"]), number(one["after"]["records"]), number(one["before"]["classes"]), number(one["after"]["classes"]))
            for one in bins
        ),
        Asked("sizes", title, {"kind": "pyramid", "rows": rows, "names": names, "widths": WIDTHS}),
    )  # fmt: skip


def _used(bins: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """From the first to the last bin that holds something on either side."""
    held = [i for i, one in enumerate(bins) if one["before"]["records"] or one["after"]["records"]]
    return bins[held[0] : held[-1] + 1] if held else []


def _bin(one: dict[str, Any]) -> str:
    low, high = one["from"], one["to"]
    if high is None:
        return f"{number(low)}+"
    return number(low) if low == high else f"{number(low)}–{number(high)}"


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _said(part: int, whole: int) -> str:
    return percent(_share(part, whole)) if part else ""


def chances(risk: Any) -> Shown | None:
    """Three attackers, and who is alone, before and after."""
    sides = {side: _chances(at(risk, side)) for side in ("before", "after")}
    if not sides["before"] or not sides["after"]:
        return None
    labels = _labels(at(risk, "before.attackers.threshold"))
    rows = [track(label, sides["before"][name], sides["after"][name]) for name, label in labels.items()]
    title = _("The chance to find somebody")
    counts = [
        (_("Number of rows alone in their group"), *(number(at(risk, f"{side}.population.sample_uniques")) for side in ("before", "after"))),
        (
            _("People who are alone in the whole population (estimate)"),
            *(number(at(risk, f"{side}.population.population_uniques")) for side in ("before", "after")),
        ),
    ]
    return Shown(
        "chances", title,
        _("Each attacker knows every marked column of a person. The prosecutor also knows that they are in the table, the journalist only that they live in the city; the marketer wants as many people as possible, whoever they are."),
        (_("Chance or share"), _("Before"), _("After")),
        (*((row["label"], row["said_a"], row["said_b"]) for row in rows), *counts),
        tracks("chances", title, rows, {"a": _("before"), "b": _("after")}),
        note=_sampled(at(risk, "before.population.sampling_fraction")),
    )  # fmt: skip


def _chances(side: Any) -> dict[str, float]:
    attackers, population = at(side, "attackers"), at(side, "population")
    if not attackers or not population:
        return {}
    return {
        "prosecutor": attackers["prosecutor_max"], "journalist": attackers["journalist_max"], "marketer": attackers["marketer"],
        "above": attackers["records_above"], "alone": at(side, "records_unique") or 0.0, "population": population["share_of_population"],
    }  # fmt: skip


def _labels(threshold: float | None) -> dict[str, str]:
    return {
        "prosecutor": _("Prosecutor, at most"),
        "journalist": _("Journalist, at most"),
        "marketer": _("Marketer, on average"),
        "above": _("Rows above %(share)s") % {"share": percent(threshold or 0.2, 0)},
        "alone": _("Rows alone in their group"),
        "population": _("Alone in the whole city"),
    }


def _sampled(fraction: float | None) -> str:
    if fraction is None or fraction == 1:
        return _("The table is taken for the whole population: prosecutor and journalist know the same.")
    return _("The table is taken for a sample of %(share)s of the population.") % {"share": percent(fraction)}


def columns(standing_out: Any) -> Shown | None:
    """What each column adds to singling people out, in the table as it came in."""
    found = at(standing_out, "columns")
    if not found:
        return None
    unique = standing_out["unique"]
    ordered = sorted(found, key=lambda column: (column["unique_without"], column["column"]))
    title = _("Columns that make people stand out")
    said = _("With all marked columns together, %(share)s of the people in the table as it came in are alone. The coloured dot shows how many still are when that column is left out: the further it moves, the more the column tells.")
    return Shown(
        "columns", title, said % {"share": percent(unique)},
        (_("Column"), _("Distinct values"), _("Alone by this column"), _("Alone without it")),
        tuple((c["column"], number(c["distinct"]), percent(c["unique_alone"]), percent(c["unique_without"])) for c in ordered),
        tracks("columns", title, [track(c["column"], unique, c["unique_without"]) for c in ordered[:12]], {"a": _("with it"), "b": _("without it")}, most=unique or 1.0),
    )  # fmt: skip


def pairs(standing_out: Any) -> Shown | None:
    """The pairs of columns that single out most people by themselves."""
    found = [pair for pair in at(standing_out, "pairs") or [] if pair["unique_alone"] > 0]
    if not found:
        return None
    labels = [(" × ".join(pair["columns"]), pair["unique_alone"]) for pair in found]
    title = _("Pairs of columns that make people stand out")
    return Shown(
        "pairs", title, _("Somebody who knows only these two columns of a person finds this share of the people in the table as it came in."),
        (_("Pair"), _("Alone by these two")), tuple((label, percent(share)) for label, share in labels),
        tracks("pairs", title, [track(label, None, share) for label, share in labels[:8]], bar=True, most=labels[0][1]),
    )  # fmt: skip


def unicity(found: Any) -> Shown | None:
    """For events: how many people a few points of their own single out."""
    before, after = at(found, "before"), at(found, "after")
    if not before:
        return None
    title = _("How many points of somebody's own give them away")
    curves = [_curve(_("before"), before, accent=False), *([_curve(_("after"), after, accent=True)] if after else [])]
    return Shown(
        "unicity", title,
        _("Unicity: somebody who knows a few places and times of a person finds their rows among all. The share of people who are alone with so many of their own points; shaded is the 95 % interval."),
        (_("Points known"), _("Before"), _("After")),
        tuple((number(p + 1), between(rate), between(after[p]) if after else "–") for p, rate in enumerate(before)),
        Asked("unicity", title, {"kind": "curves", "curves": curves, "x": _("points known"), "widths": WIDTHS}),
        note="" if after else _("After: cannot be said of this release, whose groups are at different levels."),
    )  # fmt: skip


def _curve(name: str, rates: list[dict[str, Any]], *, accent: bool) -> dict[str, Any]:
    points = [{"x": p, **{end: rate[end] for end in ("value", "lower", "upper")}} for p, rate in enumerate(rates, 1)]
    return {"name": name, "accent": accent, "points": points}
