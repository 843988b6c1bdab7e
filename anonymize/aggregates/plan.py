"""What a DP table will spend and how wrong it will be: decided from the recipe alone, before any row is read.

Unit of privacy: the person, all rows of a person key (neighbours: one person more or less). Once bounding has left a
person in at most C cells with at most R rows in each, one person changes, in L1,

    persons by at most C;  rows by at most C·R;  a sum by at most C·R·max(|lower|, |upper|)/unit.

Each measure is released with discrete Laplace noise of scale (L1 sensitivity)/(its share of ε) and is then
ε-share-private (Dwork & Roth 2014, theorem 3.6; Ghosh et al. 2009); shares add up (theorem 3.16). With private cells
one noisy count of persons also decides which cells appear: a cell that exists through one person alone appears with a
chance of at most δ/C (Korolova et al. 2009), so that all C of that person's stay hidden with a chance of 1 - δ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import Any, Literal

from anonymize.aggregates.accounting import Loss, Part
from anonymize.aggregates.laplace import half_width, smallest_above, to_decimal
from anonymize.aggregates.noise import MAX_ABS, MAX_DIFFPRIVLIB_SCALE, Noise, Sampler, draw_delta, of_scale
from anonymize.errors import Problem, RecipeError
from anonymize.recipe import DpTable, Measure
from anonymize.tables.base import PLACES

CONFIDENCE = Decimal("0.95")
MAX_VALUE = Decimal(10) ** 15
SAMPLER_SHARE = Fraction(1, 10)  # of a stage's δ, at most, for the imperfection of a fast sampler

Kind = Literal["persons", "rows", "sum", "selection"]


@dataclass(frozen=True)
class MeasurePlan:
    """One noisy quantity a cell. Integers count ``unit``\\s; ``selection`` is drawn but never published."""

    name: str
    kind: Kind
    unit: Decimal
    epsilon: Fraction
    per_cell: int  # most that one person changes one cell
    sensitivity: int  # most that one person changes all cells together (L1)
    noise: Noise
    delta: Fraction  # what its sampler costs
    half_width: int  # of the 95 % interval

    @property
    def error(self) -> Decimal:
        """Half the width of the 95 % interval, in the measure's own numbers."""
        return self.half_width * self.unit


@dataclass(frozen=True)
class Plan:
    """All that is decided before the data. ``selection`` is the count of persons that private cells are chosen by."""

    epsilon: Decimal
    delta: Decimal
    max_cells: int
    max_rows: int
    measures: tuple[MeasurePlan, ...]
    selection: MeasurePlan | None
    selection_delta: Fraction
    threshold: int | None  # a private cell appears when its noisy count of persons is at least this

    @property
    def drawn(self) -> tuple[MeasurePlan, ...]:
        """Every measure that noise is drawn for: the published ones, and the selection where it is one of its own."""
        extra = () if self.selection is None or self.selection in self.measures else (self.selection,)
        return self.measures + extra

    def loss(self) -> Loss:
        """What the release may give away of one person, part by part, for the ledger to compose with others."""
        parts = tuple(self._part(measure) for measure in self.drawn)
        return Loss(self.epsilon, self.delta, parts)

    def _part(self, measure: MeasurePlan) -> Part:
        scale = Context(prec=30, rounding=ROUND_FLOOR).divide(  # less noise than there is: never too small a loss
            Decimal(measure.noise.rate.denominator), Decimal(measure.noise.rate.numerator)
        )
        chosen = self.selection_delta if measure is self.selection else Fraction(0)
        delta = Context(prec=30, rounding=ROUND_CEILING).plus(to_decimal(measure.delta + chosen))
        return Part("discrete_laplace", noise=scale, shift=measure.per_cell, count=self.max_cells, delta=delta)

    def as_dict(self) -> dict[str, Any]:
        """For the report and for the preview: strings for exact numbers."""
        return {
            "unit_of_privacy": "person",
            "epsilon": format(self.epsilon, "f"),
            "delta": format(self.delta, "f"),
            "max_cells_per_person": self.max_cells,
            "max_rows_per_cell": self.max_rows,
            "confidence": format(CONFIDENCE, "f"),
            "measures": [_described(measure) for measure in self.measures],
            "selection": self._selection_as_dict(),
            "delta_of_samplers": _short(sum((measure.delta for measure in self.drawn), Fraction(0))),
        }

    def _selection_as_dict(self) -> dict[str, Any] | None:
        if self.selection is None:
            return None
        return {**_described(self.selection), "threshold": self.threshold, "delta": _short(self.selection_delta)}


def plan(stage: DpTable) -> Plan:
    """Split ε and δ, choose scales and samplers. Raises RecipeError for a stage that integers cannot carry out."""
    _refuse_what_integers_cannot_hold(stage)
    private = stage.cells == "private"
    by_itself = private and not any(measure.kind == "persons" for measure in stage.measures)
    shares = _shares(stage, by_itself=by_itself)
    wanted: list[tuple[str, Kind, Measure | None]] = [(m.name, m.kind, m) for m in stage.measures]
    if by_itself:
        wanted.append(("selection", "selection", None))
    drawn = [
        _measure(stage, name, kind, measure, share, len(wanted))
        for (name, kind, measure), share in zip(wanted, shares, strict=True)
    ]
    measures = tuple(drawn[: len(stage.measures)])
    selection = _selection(drawn) if private else None
    left = Fraction(stage.delta) - sum((measure.delta for measure in drawn), Fraction(0))
    planned = Plan(
        epsilon=stage.epsilon,
        delta=stage.delta,
        max_cells=stage.max_cells_per_person,
        max_rows=stage.max_rows_per_cell,
        measures=measures,
        selection=selection,
        selection_delta=left if private else Fraction(0),
        threshold=None,
    )
    return planned if selection is None else replace(planned, threshold=threshold(selection, left, planned.max_cells))


def threshold(selection: MeasurePlan, delta: Fraction, max_cells: int) -> int:
    """The smallest τ with P[1 + X ≥ τ] ≤ δ/C: a cell of one person shows with a chance of at most that.

    Raises RecipeError when no δ is left for it.
    """
    if not delta > 0:
        message = "delta leaves nothing for choosing the cells: raise it"
        raise RecipeError(message, problems=(_at("/delta", message),))
    chance = to_decimal(delta / max_cells) * (1 - Decimal("1e-60"))  # rounded downwards
    return 1 + smallest_above(selection.noise.rate, chance)


def _shares(stage: DpTable, *, by_itself: bool) -> list[Fraction]:
    """ε by weight, exactly; the selection weighs 1 where it needs a share of its own."""
    weights = [Fraction(measure.weight) for measure in stage.measures] + [Fraction(1)] * by_itself
    return [Fraction(stage.epsilon) * weight / sum(weights) for weight in weights]


def _measure(
    stage: DpTable, name: str, kind: Kind, measure: Measure | None, epsilon: Fraction, measures: int
) -> MeasurePlan:
    unit = measure.unit if measure is not None and kind == "sum" else Decimal(1)
    per_cell = _per_cell(stage, kind, measure)
    sensitivity = per_cell * stage.max_cells_per_person
    sampler, delta = _sampler(stage, sensitivity / epsilon, per_cell, measures)
    noise = of_scale(sensitivity / epsilon, sampler)
    half = half_width(noise.rate, 1 - CONFIDENCE)
    return MeasurePlan(name, kind, unit, epsilon, per_cell, sensitivity, noise, delta, half)


def _per_cell(stage: DpTable, kind: Kind, measure: Measure | None) -> int:
    if kind == "rows":
        return stage.max_rows_per_cell
    if kind == "sum" and measure is not None:
        return stage.max_rows_per_cell * max(abs(units) for units in bounds_in_units(measure))
    return 1


def bounds_in_units(measure: Measure) -> tuple[int, int]:
    """``lower`` and ``upper`` of a sum as whole numbers of its unit. Raises RecipeError where they are missing."""
    if measure.lower is None or measure.upper is None:
        raise RecipeError(f"measure {measure.name!r} is a sum without bounds")
    lower, upper = Fraction(measure.lower) / Fraction(measure.unit), Fraction(measure.upper) / Fraction(measure.unit)
    if lower.denominator != 1 or upper.denominator != 1:
        raise RecipeError(f"measure {measure.name!r}: lower and upper must be whole multiples of unit")
    return int(lower), int(upper)


def _sampler(stage: DpTable, scale: Fraction, per_cell: int, measures: int) -> tuple[Sampler, Fraction]:
    """diffprivlib where its scale is allowed and the δ of its draws is a small part of the stage's; else OpenDP."""
    if scale <= MAX_DIFFPRIVLIB_SCALE and stage.delta > 0:
        delta = stage.max_cells_per_person * draw_delta(scale, per_cell / scale)
        if delta * measures <= SAMPLER_SHARE * Fraction(stage.delta):
            return "diffprivlib", delta
    return "opendp", Fraction(0)


def _selection(drawn: list[MeasurePlan]) -> MeasurePlan:
    counts = [measure for measure in drawn if measure.kind in ("persons", "selection")]
    return max(counts, key=lambda measure: measure.epsilon)


def _refuse_what_integers_cannot_hold(stage: DpTable) -> None:
    problems = [problem for i, m in enumerate(stage.measures) for problem in _measure_problems(stage, i, m)]
    if problems:
        raise RecipeError(problems[0].message, problems=tuple(problems))


def _measure_problems(stage: DpTable, i: int, measure: Measure) -> list[Problem]:
    if measure.kind != "sum":
        return []
    if (Fraction(measure.unit) * 10**PLACES).denominator != 1:
        return [_at(f"/measures/{i}/unit", f"a unit has at most {PLACES} decimal places")]
    in_units = max(abs(units) for units in bounds_in_units(measure))
    if not (in_units * measure.unit <= MAX_VALUE and in_units * stage.max_rows_per_cell < MAX_ABS):
        return [_at(f"/measures/{i}/unit", "the sum of one person could leave the integers: choose a larger unit")]
    return []


def _at(pointer: str, message: str) -> Problem:
    return Problem("dp_table", message, pointer=pointer)


def _described(measure: MeasurePlan) -> dict[str, Any]:
    return {
        "name": measure.name,
        "kind": measure.kind,
        "epsilon": _short(measure.epsilon),
        "sensitivity_per_cell": measure.per_cell,
        "sensitivity": measure.sensitivity,
        "unit": format(measure.unit, "f"),
        "noise": "discrete Laplace",
        "scale": _short(1 / measure.noise.rate),
        "sampler": measure.noise.sampler,
        "half_width": format(measure.error, "f"),
    }


def _short(number: Fraction) -> str:
    """Six significant digits, for reading; no exponent."""
    return format(Context(prec=6).plus(to_decimal(number)).normalize(), "f")
