"""The stage dp_table: what it groups by, what it measures, what it may spend."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from anonymize.recipe import totals as nesting
from anonymize.recipe.totals import ADDED_UP, ALL, Totals
from anonymize.recipe.values import Bound, Delta, Epsilon, Exact, Name, Six, Unit, Value, between, digits, zone_name

Bucket = Literal["hour", "day", "week", "month", "quarter", "year", "hour_of_day", "day_of_week"]


Period = Literal["day", "week", "month"]


class PrivacyUnit(Value):
    """What is protected as one: all that a person did within one ``period`` of local time, a day, a week or a month.

    Weaker than protecting the person: over several periods more can be learnt about one.
    """

    period: Period
    column: Name
    time_zone: Annotated[str, AfterValidator(zone_name)] = "UTC"


Edge: TypeAlias = Annotated[Bound, digits(whole=15, places=9, together=15)]


class GroupBy(Value):
    """One dimension of a DP table: a column as it is, at a level of its hierarchy, in time buckets, or in bins of numbers.

    ``values`` declares the public domain; ``values_from`` takes it from the column's hierarchy, every label of the level.
    ``bins`` are the edges of intervals ``[a, b)``, the outermost open, and declare themselves. Buckets
    hour_of_day (0–23) and day_of_week (1 Monday – 7 Sunday) declare themselves; the other buckets declare theirs by ``start`` and ``end`` (ISO dates, end exclusive).
    A time stamp without a zone is local time of ``time_zone``; one with a zone is converted to it.
    """

    column: Name
    bucket: Bucket | None = None
    time_zone: Annotated[str, AfterValidator(zone_name)] = "UTC"
    level: Annotated[int, Field(ge=0, le=20)] | None = None
    bins: Annotated[tuple[Edge, ...], Field(min_length=1, max_length=200)] | None = None
    values: Annotated[tuple[str, ...], Field(min_length=1, max_length=100_000)] | None = None
    values_from: Literal["hierarchy"] | None = None
    start: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    end: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.bucket is not None and self.level is not None:
            raise ValueError("give either a bucket or a level")
        if (self.start is None) != (self.end is None):
            raise ValueError("start and end go together")
        if self.start is not None and (self.bucket is None or self.bucket in ("hour_of_day", "day_of_week")):
            raise ValueError("start and end declare the range of a calendar bucket")
        if self.start is not None and self.end is not None and not self.start < self.end:
            raise ValueError("start must be before end")
        if self.values is not None and len(set(self.values)) != len(self.values):
            raise ValueError("a declared value is listed twice")
        if self.bins is not None and any(part is not None for part in (self.bucket, self.level, self.values, self.values_from)):
            raise ValueError("bins declare themselves: give no bucket, level or values beside them")
        if self.bins is not None and any(not low < high for low, high in pairwise(self.bins)):
            raise ValueError("the edges of bins must rise")
        if self.values_from is not None and (self.values is not None or self.bucket is not None):
            raise ValueError("give either values, a bucket, or values_from")
        return self

    @property
    def declared(self) -> bool:
        """Whether the recipe says which values there can be."""
        given = (self.values, self.values_from, self.start, self.bins)
        return any(part is not None for part in given) or self.bucket in ("hour_of_day", "day_of_week")

    @property
    def output_name(self) -> str:
        """Name of the column in the artefact: the column's own, or ``column_bucket``."""
        return self.column if self.bucket is None else f"{self.column}_{self.bucket}"


OF_A_COLUMN = ("sum", "mean", "variance", "quantile", "median")
"""Kinds of measure that are about the clamped values of a column."""

OF_A_GRID = ("quantile", "median")
"""Kinds of measure that are read from counts of all values between the bounds."""

MAX_STEPS = 4096  # of a quantile's grid


class Measure(Value):
    """A measure of a DP table: distinct persons, rows, or the sum, mean, variance or a quantile of a clamped column.

    Values are counted in whole ``unit``\\ s. A quantile is one of the values lower, lower + unit, …, upper. ``round_to``:
    counts are published as multiples of it. ``unreliable_above``: a column more says where half the width of the interval
    is more than this share of the value.
    """

    name: Name
    kind: Literal["persons", "rows", "sum", "mean", "variance", "quantile", "median"]
    quantile: Annotated[Exact, between(Decimal("1e-6"), Decimal("0.999999"))] | None = None
    column: Name | None = None
    lower: Bound | None = None
    upper: Bound | None = None
    unit: Unit = Decimal(1)
    weight: Annotated[Exact, between(Decimal(0), Decimal(1000), open_low=True)] = Decimal(1)
    round_to: Annotated[int, Field(ge=2, le=1_000_000, strict=True)] | None = None
    unreliable_above: Annotated[Exact, between(Decimal(0), Decimal(1000), open_low=True), Six] | None = None

    @model_validator(mode="after")
    def _sum_is_bounded(self) -> Self:
        bounds = (self.column, self.lower, self.upper)
        if self.kind in OF_A_COLUMN:
            if self.column is None or self.lower is None or self.upper is None:
                raise ValueError(f"a {self.kind} needs column, lower and upper: bounds are never taken from the data")
            if not self.lower < self.upper:
                raise ValueError("lower must be below upper")
            if Fraction(self.lower) % Fraction(self.unit) or Fraction(self.upper) % Fraction(self.unit):
                raise ValueError("lower and upper must be whole multiples of unit")
        elif any(part is not None for part in bounds):
            raise ValueError(f"{self.kind} takes no column, lower or upper")
        if self.round_to is not None and self.kind not in ("persons", "rows"):
            raise ValueError("round_to is for counts; what is measured of a column is rounded by its unit")
        if (self.kind == "quantile") != (self.quantile is not None):
            raise ValueError("a quantile, and only it, says which one: quantile 0.9 is the value that nine in ten do not exceed")
        if self.kind in OF_A_GRID and self.lower is not None and self.upper is not None:
            steps = (Fraction(self.upper) - Fraction(self.lower)) / Fraction(self.unit)
            if not steps <= MAX_STEPS:
                raise ValueError(f"a {self.kind} has at most {MAX_STEPS:,} steps of unit between lower and upper: raise unit")
        return self

    @property
    def rank(self) -> Decimal | None:
        """Of a quantile: which one, between 0 and 1."""
        return {"median": Decimal("0.5"), "quantile": self.quantile}.get(self.kind)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of its columns in the artefact: the value, the ends of its interval, and what marks an unreliable one."""
        names = (self.name, f"{self.name}_lower", f"{self.name}_upper")
        return names if self.unreliable_above is None else (*names, f"{self.name}_unreliable")


class Top(Value):
    """Of each combination of the other groups, only the ``limit`` values of ``dimension`` (a group column of the output)
    with the largest noisy ``measure`` (one of persons, rows or a sum) stay."""

    dimension: Name
    measure: Name
    limit: Annotated[int, Field(ge=1, le=1000, strict=True)]


RANK = "rank"
"""The column of a table of the largest that counts them, from 1."""


class DpTable(Value):
    """A table of noisy aggregates, (ε, δ)-differentially private for the person (Dwork & Roth 2014).

    ``max_rows_per_person``: at most so many rows of a person in all cells together, beside the limits a cell; it gives
    less noise where few persons fill all their cells. ``allow_large_delta``: lets δ reach one in the number of persons.
    ``totals``: coarser groupings from the coarsest on, each a dimension → how coarse, the others as in the table; they are
    measured too, and published so that parts add up to them.
    ``top`` keeps only the largest of each group.
    """

    stage: Literal["dp_table"]
    group_by: Annotated[tuple[GroupBy, ...], Field(min_length=1, max_length=8)]
    measures: Annotated[tuple[Measure, ...], Field(min_length=1, max_length=20)]
    epsilon: Epsilon
    delta: Delta = Decimal(0)
    max_cells_per_person: Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
    max_rows_per_cell: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 1
    max_rows_per_person: Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)] | None = None
    allow_large_delta: bool = False
    cells: Literal["public", "private"]
    minimum_persons: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 1
    noise: Literal["laplace", "gaussian"] = "laplace"
    non_negative: bool = True
    totals: Totals = ()
    top: Top | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [g.output_name for g in self.group_by] + [f"{g.output_name}_level" for g in self.levelled] + ([RANK] if self.top else [])
        for measure in self.measures:
            names += measure.output_names
        if len({name.casefold() for name in names}) != len(names):
            raise ValueError("two output columns would have the same name, or differ only in upper and lower case")
        if self.cells == "private" and not self.delta > 0:
            raise ValueError("cells 'private' needs delta above 0: a cell held by one person must be able to stay hidden")
        if self.noise == "gaussian" and not self.delta > 0:
            raise ValueError("Gaussian noise needs delta above 0")
        if self.minimum_persons > 1 and self.cells == "public":
            raise ValueError("minimum_persons belongs to private cells: public ones are all shown")
        if self.cells == "public":
            for g in self.group_by:
                if not g.declared:
                    raise ValueError(f"cells 'public' needs the declared values (or start and end) of {g.column!r}")
        return self

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if not self.totals:
            return self
        if self.cells != "public":
            raise ValueError("totals need public cells: a total would tell of the cells that stay hidden")
        for measure in self.measures:
            if measure.kind not in ADDED_UP:
                raise ValueError(f"totals take persons, rows and sums: a {measure.kind} of a whole is not the sum of those of its parts")
            if measure.round_to is not None:
                raise ValueError("round_to would keep parts from adding up to their totals: give one or the other")
        nesting.refuse(self.group_by, self.totals)
        for group in self.group_by:
            if group.bins is not None and any(total.get(group.output_name, ALL) != ALL for total in self.totals):
                raise ValueError(f"totals can only take the bins of {group.column!r} all together: 'all'")
        return self

    @model_validator(mode="after")
    def _top_is_there(self) -> Self:
        if self.top is None:
            return self
        if self.totals:
            raise ValueError("totals would not be those of the largest that are shown: give totals or top")
        if self.top.dimension not in [g.output_name for g in self.group_by]:
            raise ValueError(f"top: {self.top.dimension!r} is no column that is grouped by")
        if self.top.measure not in [m.name for m in self.measures if m.kind in ("persons", "rows", "sum")]:
            raise ValueError(f"top: {self.top.measure!r} is no measure of persons, rows or a sum")
        return self

    @property
    def levelled(self) -> tuple[GroupBy, ...]:
        """The dimensions that some total takes coarser."""
        return tuple(group for group in self.group_by if any(group.output_name in total for total in self.totals))
