"""The settings that are forecast: a recipe under other ε, and with each dimension one step coarser or left out."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from anonymize import recipe as recipes
from anonymize.aggregates.dimensions import Dimension
from anonymize.columns.hierarchies import Ladder
from anonymize.errors import RecipeError
from anonymize.recipe import DpTable, GroupBy, Recipe

FACTORS: tuple[Decimal, ...] = (Decimal("0.25"), Decimal("0.5"), Decimal(1), Decimal(2), Decimal(4))
"""Of the recipe's ε."""
COARSER: Mapping[str, tuple[str, ...]] = {
    "hour": ("day", "week", "month", "quarter", "year"),
    "day": ("week", "month", "quarter", "year"),
    "week": ("month", "quarter", "year"),
    "month": ("quarter", "year"),
    "quarter": ("year",),
}
"""Time buckets that lie above one; weeks do not nest in months, but a grid by month is coarser."""


@dataclass(frozen=True)
class Change:
    """What is coarser: the time of a ``column``, its ``level`` in the hierarchy, or the column is ``dropped``.

    ``before`` and ``after``: buckets, or numbers of levels; ``None`` where there is none.
    """

    kind: Literal["time", "level", "dropped"]
    column: str
    before: str | None = None
    after: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "column": self.column, "before": self.before, "after": self.after}


@dataclass(frozen=True)
class Candidate:
    """One setting. ``change``: ``None`` for the recipe's own grid. ``recipe``: what it comes to, or the ``reason`` why not."""

    epsilon: Decimal
    change: Change | None
    recipe: Recipe | None
    reason: str | None = None
    own: bool = False  # the recipe as it stands

    @property
    def name(self) -> str:
        return f"ε = {self.epsilon:f}" if self.change is None else _said(self.change)


def _said(change: Change) -> str:
    if change.kind == "dropped":
        return f"without {change.column}" + (f" ({change.before.replace('_', ' ')})" if change.before else "")
    if change.kind == "time":
        return f"{change.column} by {change.after}"
    return f"{change.column} at level {change.after}"


def of_epsilon(recipe: Recipe, factors: Sequence[Decimal] = FACTORS) -> list[Candidate]:
    """The recipe under each factor of its ε, the own one included; what lies beyond the limits is left out."""
    found = []
    for factor in sorted({*factors, Decimal(1)}):
        epsilon = (_stage(recipe).epsilon * factor).normalize()
        document = json.loads(recipe.to_json())
        document["stages"][-1]["epsilon"] = format(epsilon, "f")
        try:
            made = recipe if factor == 1 else recipes.parse(document)
        except RecipeError:
            continue
        found.append(Candidate(epsilon, None, made, own=factor == 1))
    return found


def of_grid(recipe: Recipe, dimensions: Sequence[Dimension], ladders: Mapping[str, Ladder]) -> list[Candidate]:
    """The recipe with one dimension coarser, or left out where it is not the only one; ε stays."""
    found = []
    for i, dimension in enumerate(dimensions):
        made = [_later(recipe, i, dimension), _higher(recipe, i, dimension, ladders.get(dimension.group.column))]
        dropped = Change("dropped", dimension.group.column, dimension.group.bucket)
        made.append(_changed(recipe, i, dropped, None) if len(dimensions) > 1 else None)
        found += [candidate for candidate in made if candidate is not None]
    return found


def _stage(recipe: Recipe) -> DpTable:
    if not isinstance(recipe.final, DpTable):
        raise RecipeError("only a table with noise (dp_table) has errors to forecast")
    return recipe.final


def _changed(recipe: Recipe, i: int, change: Change, group: Mapping[str, Any] | None) -> Candidate:
    document, stage = json.loads(recipe.to_json()), _stage(recipe)
    asked = document["stages"][-1]
    asked["group_by"] = [*asked["group_by"][:i], *([] if group is None else [dict(group)]), *asked["group_by"][i + 1 :]]
    if stage.totals:  # those over this dimension are of the finer grid
        asked["totals"] = [total for total in asked["totals"] if stage.group_by[i].output_name not in total]
    try:
        return Candidate(stage.epsilon, change, recipes.parse(document))
    except RecipeError as error:
        return Candidate(stage.epsilon, change, None, error.message)


# --- time ----------------------------------------------------------------------------------------------------------


def _later(recipe: Recipe, i: int, dimension: Dimension) -> Candidate | None:
    """The next bucket above, that the declared range is made of whole ones of."""
    group, above = dimension.group, COARSER.get(str(dimension.group.bucket), ())
    given = group.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    tried: Candidate | None = None
    for bucket in above:
        wider = {**given, "bucket": bucket}
        if group.values is not None:
            begins = sorted({begin(moment, bucket).isoformat() for moment in dimension.domain or ()})
            wider["values"] = begins
        tried = _changed(recipe, i, Change("time", group.column, group.bucket, bucket), wider)
        if tried.recipe is not None and _whole(group, bucket):
            return tried
    return None


def _whole(group: GroupBy, bucket: str) -> bool:
    ends = [dt.date.fromisoformat(day) for day in (group.start, group.end) if day is not None]
    return all(begin(day, bucket) == day for day in ends)


def begin(moment: dt.date, bucket: str) -> dt.date:
    """The first day of the bucket that a day, or an hour, lies in."""
    day = moment.date() if isinstance(moment, dt.datetime) else moment
    if bucket == "week":
        return day - dt.timedelta(days=day.weekday())
    if bucket == "month":
        return day.replace(day=1)
    if bucket == "quarter":
        return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return day.replace(month=1, day=1) if bucket == "year" else day


# --- hierarchies ---------------------------------------------------------------------------------------------------


def _higher(recipe: Recipe, i: int, dimension: Dimension, ladder: Ladder | None) -> Candidate | None:
    """One level up, where that is not ``*`` yet."""
    group = dimension.group
    level = group.level or 0
    if ladder is None or group.bucket is not None or group.bins is not None or level + 1 >= ladder.top:
        return None
    change = Change("level", group.column, str(level), str(level + 1))
    wider = {**group.model_dump(mode="json", exclude_none=True, exclude_defaults=True), "level": level + 1}
    if group.values_from is not None:  # the hierarchy declares those of the next level too; what is written out is of this one
        wider.pop("values", None)
    elif dimension.domain is not None:
        try:
            labels = _raised(ladder, level, dimension.domain)
        except RecipeError as error:
            return Candidate(_stage(recipe).epsilon, change, None, error.message)
        wider["values"] = sorted(set(labels))
    return _changed(recipe, i, change, wider)


def _raised(ladder: Ladder, level: int, values: Sequence[Any]) -> list[str]:
    """The label one level up of each declared value."""
    if level == 0:
        found = ladder.labels(1, values)
    else:
        above = dict(zip(ladder.leaf_labels[level - 1], ladder.leaf_labels[level], strict=True))
        found = [above.get(str(value)) for value in values]
    labels = [label for label in found if label is not None]
    if len(labels) != len(values):
        raise RecipeError(f"column {ladder.column!r}: a declared value has no label that is known at level {level + 1}")
    return labels
