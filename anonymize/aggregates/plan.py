"""What a DP table will spend and how wrong it will be: decided from the recipe alone, before any row is read.

Unit of privacy: the person, all rows of a person key (neighbours: one person more or less), or where the recipe says so
what a person did within one period; "person" below means that unit. Once bounding has left a
person in at most C cells with at most R rows in each, one person changes, in L1,

    persons by at most C;  rows by at most C·R;  a sum by at most C·R·max(|lower|, |upper|)/unit,

and with T rows at most in all cells together, by at most min(C·R, T) in the place of C·R; in L2, squared, rows by at most
R·min(C·R, T), since a sum of squares of numbers up to R that add up to T is at most R·T.

A quantile is read from a tree of counts (:mod:`anonymize.aggregates.trees`): of h levels of nodes a row is in one each, so
that one person changes all nodes by at most h·C·R, in L2, squared, by h·C·R². These hold however R rows of a cell are spread
over the nodes of a level: to change one node by R tells most (the noise is log-concave, so that what two nodes give away
together is no more than what one gives that changes by both: Dong, Roth & Su 2022, group privacy).

A mean is made of two such quantities, how many values there are and the sum of their distances from the middle of the
bounds, and a variance of a third, the sum of the squares of these; each has noise of its own.

*Laplace*: each quantity has discrete Laplace noise of scale (L1 sensitivity)/(its share of ε) and is then
ε-share-private (Dwork & Roth 2014, theorem 3.6; Ghosh et al. 2009); shares add up (theorem 3.16).
*Gaussian*: (ε, δ) is turned into ρ of concentrated privacy, which is shared out; each quantity has discrete Gaussian
noise of σ² = C·(change of one cell)²/2ρ (Canonne, Kamath & Steinke 2020, theorem 15; Bun & Steinke 2016).

With totals (:mod:`anonymize.aggregates.totals`) each quantity's share is halved, or cut in three …, and every level has noise
of its own.

With private cells one noisy count of persons also decides which cells appear, by :mod:`anonymize.aggregates.selection`
with ε and δ of one cell: a cell that exists through one person alone appears with a chance of at most δ/C, so that all C
of that person's stay hidden with a chance of 1 - δ.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import Any

from anonymize.aggregates import gaussian, trees
from anonymize.aggregates.accounting import Loss, Part, Unit, rho_of_epsilon
from anonymize.aggregates.laplace import to_decimal
from anonymize.aggregates.noise import (
    MAX_ABS,
    MAX_DIFFPRIVLIB_SCALE,
    AnyNoise,
    Noise,
    Sampler,
    draw_delta,
    of_scale,
    of_variance,
)
from anonymize.aggregates.selection import Rule, rule
from anonymize.aggregates.sensitivity import (
    INGREDIENTS,
    Key,
    Kind,
    Size,
    bounds_in_units,
    most_cells,
    most_per_cell,
    most_rows,
    most_rows_in_all,
    size_of,
    source,
)
from anonymize.aggregates.trees import Tree
from anonymize.errors import Problem, RecipeError
from anonymize.recipe import DpTable, Measure
from anonymize.tables.base import PLACES

CONFIDENCE = Decimal("0.95")
MAX_VALUE = Decimal(10) ** 15
SAMPLER_SHARE = Fraction(1, 10)  # of a stage's δ, at most, for the imperfection of a fast sampler

@dataclass(frozen=True)
class MeasurePlan:
    """One noisy quantity a cell. Integers count ``unit``\\s (``squares``: unit²s).

    ``name``: the measure that it belongs to. ``share``: its part of ε, or of ρ where noise is Gaussian.
    """

    name: str
    kind: Kind
    unit: Decimal
    share: Fraction
    per_cell: int  # most that one person changes one cell
    cells: int  # most cells that one person changes; of a tree, once for each level
    noise: AnyNoise
    delta: Fraction  # what its sampler costs
    most: int | None = None  # that one person changes all cells together, in L1, where that is less than cells × per_cell
    tree: Tree | None = None  # of counts, one in each cell

    @property
    def key(self) -> Key:
        return self.name, self.kind

    @property
    def epsilon(self) -> Fraction:
        """Its share, where that is one of ε."""
        return self.share

    @property
    def sensitivity(self) -> int:
        """Most that one person changes all cells together, in L1."""
        return self.per_cell * self.cells if self.most is None else self.most

    @property
    def sensitivity_squared(self) -> int:
        """The same in L2, squared: by at most ``per_cell`` a cell and ``sensitivity`` in all."""
        return self.per_cell * self.sensitivity

    @property
    def half_width(self) -> int:
        """Of the 95 % interval of its noise; of a tree, in rows that the rank of the median may be off."""
        if self.tree is not None:
            return math.ceil(float(trees.half_widths(self.tree, 0.5, self.noise).max()))
        return self.noise.half_width

    @property
    def error(self) -> Decimal:
        """Half the width of the 95 % interval, in the measure's own numbers."""
        return self.half_width * self.unit

    def of_total(self, parts: int | None = None) -> MeasurePlan:
        """The same quantity of cells that hold up to ``parts`` of these, with the same share.

        All that one person changes may lie in one such cell, as far as its parts hold it.
        """
        changed = self.sensitivity
        if isinstance(self.noise, Noise):
            return replace(self, per_cell=changed, cells=1, most=None, noise=of_scale(changed / self.share, "opendp"), delta=Fraction(0))
        per_cell = changed if parts is None else min(changed, parts * self.per_cell)
        noise = of_variance(gaussian.sigma_of_rho(per_cell * changed, self.share))
        most = changed if per_cell < changed else None
        return replace(self, per_cell=per_cell, cells=-(-changed // per_cell), most=most, noise=noise, delta=Fraction(0))

    def part(self, beside: Fraction) -> Part:
        """Its loss, with a δ ``beside`` that of its sampler. Noise is rounded downwards: never too small a loss."""
        delta = Context(prec=30, rounding=ROUND_CEILING).plus(to_decimal(self.delta + beside))
        down = Context(prec=30, rounding=ROUND_FLOOR)
        if self.most is not None:
            return self._part_of_all(delta)
        if isinstance(self.noise, Noise):
            rate = self.noise.rate
            scale = down.divide(Decimal(rate.denominator), Decimal(rate.numerator))
            return Part("discrete_laplace", noise=scale, shift=self.per_cell, count=self.cells, delta=delta)
        return Part("discrete_gaussian", noise=down.plus(Decimal(self.noise.scale)), shift=self.per_cell, count=self.cells, delta=delta)

    def _part_of_all(self, delta: Decimal) -> Part:
        """Where a limit over all cells holds, no number of cells says how the change is spread: as if it were in one, or by ρ."""
        up, down = Context(prec=30, rounding=ROUND_CEILING), Context(prec=30, rounding=ROUND_FLOOR)
        if isinstance(self.noise, Noise):
            scale = down.divide(Decimal(self.noise.rate.denominator), Decimal(self.noise.rate.numerator))
            return Part("discrete_laplace", noise=scale, shift=self.sensitivity, count=1, delta=delta)
        rho = Fraction(self.sensitivity_squared) / (2 * Fraction(self.noise.scale) ** 2)
        return Part("zcdp", rho=up.divide(Decimal(rho.numerator), Decimal(rho.denominator)), delta=delta)


@dataclass(frozen=True)
class Plan:
    """All that is decided before the data. ``selection`` is the count of persons that private cells are chosen by."""

    epsilon: Decimal
    delta: Decimal
    max_cells: int
    max_rows: int
    max_rows_in_all: int | None  # cells together; None where the other two already say as much
    measures: tuple[MeasurePlan, ...]
    selection: MeasurePlan | None
    selection_delta: Fraction
    rule: Rule | None  # by which private cells appear
    conversion_delta: Fraction = Fraction(0)  # with Gaussian noise: what reading ρ as (ε, δ) costs
    unit: Unit = "person"
    covers: tuple[dt.date, dt.date] | None = None  # the days that rows can lie in, the last one exclusive
    totals: tuple[tuple[MeasurePlan, ...], ...] = ()  # the measures' quantities again, a level each, from the coarsest on

    @property
    def drawn(self) -> tuple[MeasurePlan, ...]:
        """Every quantity that noise is drawn for: the measures', and the selection where it is one of its own."""
        extra = () if self.selection is None or self.selection in self.measures else (self.selection,)
        return self.measures + extra + tuple(quantity for level in self.totals for quantity in level)

    def of(self, name: str) -> dict[Kind, MeasurePlan]:
        """The quantities of a measure."""
        return {quantity.kind: quantity for quantity in self.measures if quantity.name == name}

    def loss(self) -> Loss:
        """What the release may give away of one person, part by part, for the ledger to compose with others."""
        parts = tuple(q.part(self.selection_delta if q is self.selection else Fraction(0)) for q in self.drawn)
        return Loss(self.epsilon, self.delta, parts, self.unit, self.covers)

    def as_dict(self) -> dict[str, Any]:
        """For the report and for the preview: strings for exact numbers."""
        return {
            "unit_of_privacy": self.unit,
            "epsilon": format(self.epsilon, "f"),
            "delta": format(self.delta, "f"),
            "max_cells_per_person": self.max_cells,
            "max_rows_per_cell": self.max_rows,
            "max_rows_per_person": self.max_rows_in_all,
            "confidence": format(CONFIDENCE, "f"),
            "measures": [described(measure) for measure in self.measures],
            "selection": self._selection_as_dict(),
            "delta_of_samplers": _short(sum((measure.delta for measure in self.drawn), Fraction(0))),
        }

    def _selection_as_dict(self) -> dict[str, Any] | None:
        if self.selection is None or self.rule is None:
            return None
        return {
            **described(self.selection),
            "threshold": self.rule.threshold,
            "minimum_persons": self.rule.minimum,
            "delta": _short(self.selection_delta),
        }


def plan(stage: DpTable) -> Plan:
    """Split ε and δ, choose scales and samplers. Raises RecipeError for a stage that integers cannot carry out."""
    _refuse_what_integers_cannot_hold(stage)
    return _gaussian(stage) if stage.noise == "gaussian" else _laplace(stage)


def _laplace(stage: DpTable) -> Plan:
    private = stage.cells == "private"
    wanted = _wanted(stage, selection=private and not any(measure.kind == "persons" for measure in stage.measures))
    shares = _shares(wanted, Fraction(stage.epsilon), 1 + len(stage.totals))
    drawn = [_laplace_quantity(stage, *one, share, len(wanted)) for one, share in zip(wanted, shares, strict=True)]
    left = Fraction(stage.delta) - sum((quantity.delta for quantity in drawn), Fraction(0))
    chosen = _selection(drawn) if private else None
    return _plan(stage, drawn, chosen, left if private else Fraction(0))


def _gaussian(stage: DpTable) -> Plan:
    """Half of δ chooses private cells, with Laplace noise of pure ε (ρ = ε²/2); the rest reads ρ as (ε, δ)."""
    private = stage.cells == "private"
    wanted = _wanted(stage, selection=private)
    delta = Fraction(stage.delta)
    for_cells = delta / 2 if private else Fraction(0)
    rho = Fraction(rho_of_epsilon(stage.epsilon, Context(prec=30, rounding=ROUND_FLOOR).plus(to_decimal(delta - for_cells))))
    drawn = []
    for (name, kind, measure, _), share in zip(wanted, _shares(wanted, rho, 1 + len(stage.totals)), strict=True):
        make = _selection_quantity if kind == "selection" else _gaussian_quantity
        drawn.append(make(stage, name, kind, measure, share))
    return replace(_plan(stage, drawn, _selection(drawn) if private else None, for_cells), conversion_delta=delta - for_cells)


def _plan(stage: DpTable, drawn: list[MeasurePlan], selection: MeasurePlan | None, delta: Fraction) -> Plan:
    return Plan(
        epsilon=stage.epsilon,
        delta=stage.delta,
        max_cells=most_cells(stage),
        max_rows=most_rows(stage),
        max_rows_in_all=most_rows_in_all(stage),
        measures=tuple(quantity for quantity in drawn if quantity.kind != "selection"),
        selection=selection,
        selection_delta=delta,
        rule=None if selection is None else rule_of(selection, delta, stage.minimum_persons),
        totals=tuple(tuple(quantity.of_total() for quantity in drawn) for _ in stage.totals),
    )


def rule_of(selection: MeasurePlan, delta: Fraction, minimum: int) -> Rule:
    """The rule of one cell, with its part of ε and of δ. Raises RecipeError when no δ is left for it."""
    if not (delta > 0 and isinstance(selection.noise, Noise)):
        message = "delta leaves nothing for choosing the cells: raise it"
        raise RecipeError(message, problems=(_at("/delta", message),))
    return rule(selection.noise.rate, delta / selection.cells, minimum)


def _weight(stage: DpTable, measure: Measure) -> Fraction:
    """A tree that several quantiles are read from is paid for once, with the largest of their weights."""
    return max(Fraction(m.weight) for m in stage.measures if source(stage, m) is measure)


def _wanted(stage: DpTable, *, selection: bool) -> list[tuple[str, Kind, Measure | None, Fraction]]:
    """Name, kind, measure and weight of every quantity; a measure's weight is shared out evenly among its quantities."""
    wanted: list[tuple[str, Kind, Measure | None, Fraction]] = []
    for measure in stage.measures:
        if source(stage, measure) is measure:
            kinds = INGREDIENTS[measure.kind]
            wanted += [(measure.name, kind, measure, _weight(stage, measure) / len(kinds)) for kind in kinds]
    if selection:
        wanted.append(("selection", "selection", None, Fraction(1)))
    return wanted


def _shares(wanted: list[tuple[str, Kind, Measure | None, Fraction]], whole: Fraction, levels: int) -> list[Fraction]:
    """By weight, exactly, and equally over the levels; the selection weighs 1 where it needs a share of its own."""
    weights = [weight for *_, weight in wanted]
    return [whole * weight / sum(weights) / levels for weight in weights]


def _laplace_quantity(
    stage: DpTable, name: str, kind: Kind, measure: Measure | None, _: Fraction, epsilon: Fraction, quantities: int
) -> MeasurePlan:
    size = size_of(stage, kind, measure)
    scale = size.sensitivity / epsilon
    sampler, delta = _sampler(stage, scale, size, quantities)
    return MeasurePlan(name, kind, _unit(kind, measure), epsilon, size.per_cell, size.cells, of_scale(scale, sampler), delta, size.most, size.tree)


def _gaussian_quantity(stage: DpTable, name: str, kind: Kind, measure: Measure | None, rho: Fraction) -> MeasurePlan:
    size = size_of(stage, kind, measure)
    noise = of_variance(gaussian.sigma_of_rho(size.per_cell * size.sensitivity, rho))
    return MeasurePlan(name, kind, _unit(kind, measure), rho, size.per_cell, size.cells, noise, Fraction(0), size.most, size.tree)


def _selection_quantity(stage: DpTable, name: str, kind: Kind, measure: Measure | None, rho: Fraction) -> MeasurePlan:
    """ε of one cell whose C-fold composition is ρ-zCDP: C·ε²/2 = ρ, rounded downwards."""
    cells = most_cells(stage)
    epsilon = Fraction(math.nextafter(math.sqrt(2 * rho / cells), 0.0)) * (1 - Fraction(1, 2**50))
    return MeasurePlan(name, kind, Decimal(1), rho, 1, cells, of_scale(1 / epsilon, "opendp"), Fraction(0))


def _unit(kind: Kind, measure: Measure | None) -> Decimal:
    counted = measure is None or kind in ("persons", "rows", "values", "nodes", "selection")
    return Decimal(1) if counted or measure is None else measure.unit


def _sampler(stage: DpTable, scale: Fraction, size: Size, measures: int) -> tuple[Sampler, Fraction]:
    """diffprivlib where its scale is allowed and the δ of its draws is a small part of the stage's; else OpenDP."""
    if scale <= MAX_DIFFPRIVLIB_SCALE and stage.delta > 0:
        delta = size.draws * draw_delta(scale, size.per_cell / scale)
        if delta * measures <= SAMPLER_SHARE * Fraction(stage.delta):
            return "diffprivlib", delta
    return "opendp", Fraction(0)


def _selection(drawn: list[MeasurePlan]) -> MeasurePlan:
    counts = [measure for measure in drawn if measure.kind in ("persons", "selection")]
    return max((q for q in counts if isinstance(q.noise, Noise)), key=lambda quantity: quantity.share)


def _refuse_what_integers_cannot_hold(stage: DpTable) -> None:
    problems = [problem for i, m in enumerate(stage.measures) for problem in _measure_problems(stage, i, m)]
    if problems:
        raise RecipeError(problems[0].message, problems=tuple(problems))


def _measure_problems(stage: DpTable, i: int, measure: Measure) -> list[Problem]:
    if measure.column is None:
        return []
    if (Fraction(measure.unit) * 10**PLACES).denominator != 1:
        return [_at(f"/measures/{i}/unit", f"a unit has at most {PLACES} decimal places")]
    in_units = max(abs(units) for units in bounds_in_units(measure))
    largest = max(most_per_cell(stage, kind, measure) for kind in INGREDIENTS[measure.kind])
    if not (in_units * measure.unit <= MAX_VALUE and in_units * stage.max_rows_per_cell < MAX_ABS and largest < MAX_ABS):
        return [_at(f"/measures/{i}/unit", "the sum of one person could leave the integers: choose a larger unit")]
    return []


def _at(pointer: str, message: str) -> Problem:
    return Problem("dp_table", message, pointer=pointer)


def described(measure: MeasurePlan) -> dict[str, Any]:
    pure = isinstance(measure.noise, Noise)
    return {
        "name": measure.name,
        "kind": measure.kind,
        "epsilon": _short(measure.share) if pure else None,
        "rho": None if pure else _short(measure.share),
        "sensitivity_per_cell": measure.per_cell,
        "sensitivity": measure.sensitivity,
        "unit": format(measure.unit, "f"),
        "noise": measure.noise.name,
        "scale": _short(Fraction(measure.noise.scale)),
        "sampler": measure.noise.sampler,
        "half_width": format(measure.error, "f"),
        **({} if measure.tree is None else {"tree": {"values": measure.tree.leaves, "fan_out": measure.tree.fan_out, "levels": measure.tree.levels}}),
    }


def _short(number: Fraction) -> str:
    """Six significant digits, for reading; no exponent."""
    return format(Context(prec=6).plus(to_decimal(number)).normalize(), "f")
