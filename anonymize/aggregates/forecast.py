"""How wrong the numbers of a table will be, by the size of their cells: from the exact cells and the plan, before noise.

Everything is an expectation over the noise, reckoned from its distribution (:mod:`anonymize.aggregates.tails`); no noise
is drawn and nothing is spent. The result tells exact counts of the data, so that it is internal, always.

Of a count or a sum v with noise X, published as v + X (cut at 0 where the recipe says so), with a half width h:
*absolute error* is E|error|; *relative error* is the median of |error|/|v| over cells and their noise; a number is
*unreliable* when h is more than :data:`WIDE` of what is published. With private cells, *hidden* is the share of cells that
do not appear, and *usable* that of cells that do with a number that is not unreliable. Errors of a class of sizes are those of all its
cells, whether they appear or not: what the noise does to a number of this size. Overall they are those of the numbers
that appear. A mean, a variance or a quantile has the interval that it would have if its noise came out at 0.
What bounding cut off is in none of these: it is told beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from anonymize.aggregates import output, ratios, trees
from anonymize.aggregates.noise import Integers
from anonymize.aggregates.plan import MeasurePlan, Plan
from anonymize.aggregates.selection import Rule, intervals
from anonymize.aggregates.sensitivity import Kind, bounds_in_units, reach_in_units, source
from anonymize.aggregates.tails import Floats, Tails, tails, truncated
from anonymize.recipe import DpTable, Measure

Key: TypeAlias = tuple[str, Kind]

Reckoned: TypeAlias = Callable[[Measure, "Exact", Floats, DpTable, Plan, bool], dict[str, Any] | None]

CLASSES: tuple[tuple[int, int | None], ...] = ((1, 9), (10, 99), (100, 999), (1000, None))
"""Persons of a cell, from and to."""
WIDE = Decimal("0.5")
"""A number is unreliable when half its 95 % interval is more than this share of it."""
MOST = 4096
"""Cells of a class that are looked at; where there are more, as many by even steps of their rank: off by 1 in 4,096."""
COUNTS, FEWEST = 1_000_000, 64
"""Where cells hold trees, fewer are looked at: as many as have so many counts, and no fewer than these."""
LEAST = 0.5
"""Cells that must be expected to appear for their errors to be spoken of."""
STEPS = 26  # halvings of a ratio between 10^-9 and 10^9: beyond the digits that are kept


@dataclass(frozen=True)
class Exact:
    """The cells that hold somebody: ``persons`` (cell,), and every quantity (cell,), in units, a tree's (cell, node); never shown.

    ``empty``: cells of a public domain that hold nobody.
    """

    persons: Integers
    values: Mapping[Key, Integers]
    empty: int = 0

    def of(self, chosen: Integers) -> Exact:
        return Exact(self.persons[chosen], {key: values[chosen] for key, values in self.values.items()})


def expected(exact: Exact, stage: DpTable, planned: Plan) -> dict[str, Any]:
    """The forecast of one table as JSON values; counts in it are exact, and internal. See docs/reference/forecast.md."""
    groups = [np.arange(len(exact.persons)), *(np.flatnonzero(_within(exact.persons, *ends)) for ends in CLASSES)]
    parts = [exact.of(_thinned(exact, chosen)) for chosen in groups]
    shown = [shown_share(part.persons, planned.rule) for part in parts]
    return {
        "unreliable_above": format(WIDE, "f"),
        "cells": {"with_data": len(exact.persons), "empty": exact.empty, **_sizes(exact.persons, shown[0])},
        "classes": [
            {"from": low, "to": high, "cells": len(chosen), **_sizes(exact.persons[chosen], share)}
            for (low, high), chosen, share in zip(CLASSES, groups[1:], shown[1:], strict=True)
        ],
        "measures": [_measure(measure, parts, shown, stage, planned) for measure in stage.measures],
    }


def shown_share(persons: Integers, rule: Rule | None) -> Floats:
    """The chance that each cell appears."""
    if rule is None:
        return np.ones(len(persons))
    return truncated(rule).above(rule.threshold + 1 - persons.astype(np.float64))


def _within(persons: Integers, low: int, high: int | None) -> npt.NDArray[np.bool_]:
    return np.asarray((persons >= low) & (persons <= (high or persons.max(initial=0))))


def _thinned(exact: Exact, chosen: Integers) -> Integers:
    nodes = sum(values.shape[1] for values in exact.values.values() if values.ndim == 2)
    most = max(FEWEST, min(MOST, COUNTS // max(nodes, 1)))
    if len(chosen) <= most:
        return chosen
    # by size, then by the first quantity: both are spread as they are in the whole
    first = next((values for values in exact.values.values() if values.ndim == 1), exact.persons)
    order = chosen[np.lexsort((first[chosen], exact.persons[chosen]))]
    even = ((np.arange(most) + 0.5) * len(order) / most).astype(np.int64)
    return np.asarray(order[even], dtype=np.int64)


def _sizes(persons: Integers, shown: Floats) -> dict[str, Any]:
    """The cell in the middle, and the share of cells that will not appear."""
    if not len(persons):
        return {"median_persons": None, "hidden_share": None}
    return {"median_persons": float(np.median(persons)), "hidden_share": _rounded(1 - float(shown.mean()))}


def _measure(measure: Measure, parts: list[Exact], shown: list[Floats], stage: DpTable, planned: Plan) -> dict[str, Any]:
    of = planned.of(source(stage, measure).name)
    reckon = _RECKONED.get(measure.kind)
    found: dict[str, Any] = {"name": measure.name, "kind": measure.kind, "column": measure.column, "half_width": None}
    if reckon is None or not of:
        return {**found, "forecast": False, "overall": None, "classes": [None for _ in CLASSES]}
    figures = [reckon(measure, part, share, stage, planned, i == 0) for i, (part, share) in enumerate(zip(parts, shown, strict=True))]
    if len(of) == 1 and measure.rank is None:
        found["half_width"] = format(next(iter(of.values())).error, "f")
    return {**found, "forecast": True, "overall": figures[0], "classes": figures[1:]}


# --- counts and sums: the noise itself ---------------------------------------------------------------------------


def _of_noise(measure: Measure, part: Exact, shown: Floats, stage: DpTable, planned: Plan, appearing: bool) -> dict[str, Any] | None:
    """``appearing``: the errors are those of cells that appear, rather than of all."""
    quantity = next(iter(planned.of(measure.name).values()))
    rule = planned.rule if planned.rule is not None and quantity is planned.selection else None
    appear = _Chances(quantity, part.values[quantity.key], shown, rule, clipped=output.clipped_at_zero(stage, measure))
    errors = appear if appearing else appear.of_all()
    if not _enough(errors.times_shown):
        return None
    whole = float(errors.times_shown.sum())
    return {
        "absolute_error": _rounded(float(errors.distance().sum()) / whole * float(quantity.unit)),
        "relative_error": errors.median_ratio(whole),
        "half_width": _rounded(quantity.half_width * float(quantity.unit)),
        **_shares(shown, appear.unreliable()),
    }


def _enough(times: Floats) -> bool:
    """Whether a cell may be expected at all."""
    return float(times.sum()) >= LEAST


def _shares(shown: Floats, unreliable: Floats) -> dict[str, float | None]:
    """``unreliable``: the chance that each cell appears with a number that is."""
    whole, wide = float(shown.sum()), float(unreliable.sum())
    return {
        "unreliable_share": _rounded(wide / whole) if _enough(shown) else None,
        "usable_share": _rounded(max(whole - wide, 0.0) / len(shown)),
    }


class _Chances:
    """What the noise of one quantity does to each cell, times the chance that the cell appears: (cell,) each.

    ``rule``: where this is the very count that cells are chosen by, whose noise is seen only when it is large enough.
    """

    def __init__(self, quantity: MeasurePlan, values: Integers, shown: Floats, rule: Rule | None, *, clipped: bool) -> None:
        self.values, self.times_shown = values.astype(np.float64), shown
        self.noise: Tails = tails(quantity.noise) if rule is None else truncated(rule)
        self.times = shown if rule is None else np.ones_like(shown)
        self.least = np.full_like(self.values, -np.inf) if rule is None else rule.threshold + 1 - self.values
        self.clipped = clipped and rule is None  # what is above a threshold is above 0
        self.cut = clipped
        self.reliable_from = quantity.half_width / float(WIDE) if rule is None else _reliable_from(rule)

    def of_all(self) -> _Chances:
        """As if every cell appeared."""
        other = copy(self)
        other.times_shown = other.times = np.ones_like(self.times)
        other.least, other.clipped = np.full_like(self.values, -np.inf), self.cut
        return other

    def within(self, error: Floats) -> Floats:
        """P[|error| ≤ ``error``, and the cell appears]."""
        low = np.maximum(-error, self.least)
        if self.clipped:  # a number that is cut at 0 is off by itself at most
            low = np.where(error >= self.values, self.least, low)
        return self.noise.between(low, error) * self.times

    def distance(self) -> Floats:
        """E[|error|; the cell appears]."""
        if not self.clipped:
            return self.noise.distance_above(self.least) * self.times
        cut = self.values * (1 - self.noise.above(-self.values))
        return (self.noise.distance_above(-self.values) + cut) * self.times

    def unreliable(self) -> Floats:
        """P[the interval is wider than it should be for the number that is published, and the cell appears]."""
        last = np.ceil(self.reliable_from) - 1
        first = self.least if self.clipped else np.maximum(-last - self.values, self.least)  # what is below 0 is cut at 0
        return self.noise.between(first, last - self.values) * self.times

    def median_ratio(self, whole: float) -> float | None:
        """The median of |error|/|value|; None where it is beyond all telling: most values are 0."""
        low, high = -9.0, 9.0  # powers of ten
        size = np.abs(self.values)
        if self.within(size * 10**high).sum() < whole / 2:
            return None
        for _ in range(STEPS):
            middle = (low + high) / 2
            enough = self.within(size * 10**middle).sum() >= whole / 2
            low, high = (low, middle) if enough else (middle, high)
        return _rounded(10**high)


@cache
def _reliable_from(rule: Rule) -> float:
    """The smallest count above the threshold from which on no interval is too wide."""
    seen = np.arange(rule.threshold + 1, rule.threshold + 3 * rule.reach + 4)
    lower, upper = intervals(rule, seen)
    wide = np.flatnonzero((upper - lower) / 2 > float(WIDE) * seen)
    return float(seen[wide[-1]] + 1) if len(wide) else float(seen[0])


# --- means and variances: as exact as there are many values -------------------------------------------------------


def _of_ratio(measure: Measure, part: Exact, shown: Floats, stage: DpTable, planned: Plan, appearing: bool) -> dict[str, Any] | None:
    weights = shown if appearing else np.ones_like(shown)
    if not _enough(weights):
        return None
    of = planned.of(measure.name)
    exact = {kind: part.values[measure.name, kind] for kind in of}
    estimate = ratios.mean if measure.kind == "mean" else ratios.variance
    unit = float(ratios.fine_unit(measure))
    value, lower, upper = (ends.astype(np.float64) * unit for ends in estimate(measure, of, exact))
    half = (upper - lower) / 2
    return {
        "absolute_error": None,
        "relative_error": _ratio_error(measure, of, exact, value, weights) if measure.kind == "mean" else None,
        "half_width": _middle(half, weights),
        **_shares(shown, np.where(half > float(WIDE) * np.abs(value), shown, 0.0)),
    }


def _of_quantile(measure: Measure, part: Exact, shown: Floats, stage: DpTable, planned: Plan, appearing: bool) -> dict[str, Any] | None:
    weights = shown if appearing else np.ones_like(shown)
    (quantity,) = planned.of(source(stage, measure).name).values()
    if quantity.tree is None or measure.rank is None or not _enough(weights):
        return None
    first, unit = bounds_in_units(measure)[0], float(measure.unit)
    found = trees.quantile(quantity.tree, part.values[quantity.key], float(measure.rank), quantity.noise)
    value, lower, upper = ((first + leaf) * unit for leaf in found)
    half = (upper - lower) / 2
    return {
        "absolute_error": None,
        "relative_error": None,
        "half_width": _middle(half, weights),
        **_shares(shown, np.where(half > float(WIDE) * np.abs(value), shown, 0.0)),
    }


def _ratio_error(measure: Measure, of: Mapping[Kind, MeasurePlan], exact: Mapping[Kind, Integers], mean: Floats, weights: Floats) -> float | None:
    """The median over the cells of the median error of each, |S-noise - m·N-noise|/N, as a share of the mean."""
    count, above = exact["values"].astype(np.float64), exact["centred"].astype(np.float64)
    many = np.maximum(count, 1)
    error = ratios.half_width_of_difference(of["centred"].noise, of["values"].noise, above / many, 0.5) / many
    known = np.where(count > 0, np.minimum(error, reach_in_units(measure)), np.inf) * float(measure.unit)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _middle(np.where(mean == 0, np.inf, known / np.abs(mean)), weights)


def _middle(numbers: Floats, weights: Floats) -> float | None:
    """The weighted median."""
    order = np.argsort(numbers, kind="stable")
    reached = np.cumsum(weights[order])
    found = float(numbers[order][np.searchsorted(reached, reached[-1] / 2)])
    return _rounded(found) if np.isfinite(found) else None


_RECKONED: Mapping[str, Reckoned] = {
    "persons": _of_noise,
    "rows": _of_noise,
    "sum": _of_noise,
    "mean": _of_ratio,
    "variance": _of_ratio,
    "quantile": _of_quantile,
    "median": _of_quantile,
}
"""Kinds of measure whose error is known; any other is said not to be."""


def _rounded(number: float) -> float:
    """Six significant digits."""
    return float(f"{number:.6g}")
