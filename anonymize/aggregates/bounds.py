"""Bounds for a recipe, proposed from a differentially private look at the data (TRAPS.md 2 and 23).

Approximate bounds of Wilson, Zhang, Lam, Desfontaines, Simmons-Marengo and Gipson 2020, "Differentially Private SQL with
Bounded User Contribution": each person gives one value, chosen at random, to a histogram over a public grid, whose counts
get discrete Laplace noise; what is proposed is read off the noisy counts. One person more or less changes one count by one,
so that a histogram with noise of scale 1/ε is ε-private, and several add up.

The grid is 1, 2, 5, 10, 20, 50 … whole units, on both sides of zero for a column: no value of the data is a candidate, and
how often noise is drawn follows from the recipe alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from typing import Any, Literal

import narwhals as nw
import numpy as np

from anonymize.aggregates import noise
from anonymize.aggregates.accounting import Loss, Part
from anonymize.aggregates.dimensions import dimensions
from anonymize.aggregates.laplace import to_decimal
from anonymize.aggregates.noise import Integers, Noise
from anonymize.aggregates.plan import MAX_VALUE, plan
from anonymize.aggregates.rows import amounts_of, check_columns, of_columns, shape
from anonymize.aggregates.stage import Progress, protecting
from anonymize.columns.hierarchies import Ladder
from anonymize.errors import Problem, RecipeError
from anonymize.recipe import DpTable, PrivacyUnit
from anonymize.tables.base import Frame, TableEngine

LARGEST = 10**18
LARGEST_EPSILON = 100
SURE = 3  # times the half-width of its noise, a number of persons must be before anything is read off: about six σ
LARGEST_COUNT = 1_000_000  # the largest limit that a recipe can name


def steps(largest: int) -> tuple[int, ...]:
    """1, 2, 5, 10, 20, 50 … up to ``largest``, which is at least 1."""
    powers = (10**power for power in range(len(str(largest))))
    return tuple(step for power in powers for step in (power, 2 * power, 5 * power) if step <= largest)


@dataclass(frozen=True)
class Question:
    """What is asked of the data: a limit of the stage, by its ``field``, or the bounds of the measure ``name``.

    A count has a bin a step, of numbers above the step before and up to this one. A ``signed`` number has a bin for zero
    beside, and one a step on either side, of numbers whose distance from zero lies so. The last bin has all beyond.
    """

    field: str
    name: str = ""
    unit: Decimal = Decimal(1)
    steps: tuple[int, ...] = steps(LARGEST_COUNT)
    signed: bool = False

    @property
    def bins(self) -> int:
        return 2 * len(self.steps) + 1 if self.signed else len(self.steps)


@dataclass(frozen=True)
class Proposal:
    """A bound, or ``None`` and ``why``. ``covered``: the share of persons whose value lies within, by the noisy counts, give
    or take ``error`` (95 %). ``enough_epsilon``: where persons are too few, the ε with which they would do, about; ``None``
    where that cannot be told."""

    field: str
    name: str
    bound: Decimal | None
    covered: float | None
    error: float | None
    why: Literal["too_few_persons", "beyond_the_grid"] | None = None
    enough_epsilon: Decimal | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "field": self.field, "measure": self.name or None, "bound": _plain(self.bound), "covered": self.covered, "error": self.error,
            "why": self.why, "enough_epsilon": _plain(self.enough_epsilon),
        }  # fmt: skip


@dataclass(frozen=True)
class Look:
    """What a look costs, for each of its questions alike, before any is answered."""

    questions: tuple[Question, ...]
    noise: Noise
    epsilon: Decimal
    share: Fraction

    def loss(self, plan_of: Loss) -> Loss:
        """Of the unit, and the dates, of the table that it prepares."""
        rate = self.noise.rate
        scale = Context(prec=30, rounding=ROUND_FLOOR).divide(Decimal(rate.denominator), Decimal(rate.numerator))
        parts = (Part("discrete_laplace", noise=scale, shift=1, count=1),) * len(self.questions)
        return Loss(self.epsilon, Decimal(0), parts, plan_of.unit, plan_of.covers)


def look(stage: DpTable, epsilon: Decimal, share: Decimal) -> Look:
    """What will be asked for the stage: ``epsilon`` is shared out evenly. Raises RecipeError for ε or a share out of range."""
    if not (epsilon.is_finite() and Decimal("1e-6") <= epsilon <= LARGEST_EPSILON):
        raise _error("epsilon", "epsilon lies between 0.000001 and 100")
    if not (share.is_finite() and Decimal("0.5") <= share < 1):
        raise _error("share", "the share to cover lies between 0.5 and 1, without 1: a bound on everybody is somebody's value")
    asked = [Question("max_cells_per_person"), Question("max_rows_per_cell")]
    if stage.max_rows_per_person is not None:
        asked.append(Question("max_rows_per_person"))
    for _, measure in of_columns(stage):
        most = min(int(MAX_VALUE / measure.unit), LARGEST)
        asked.append(Question("bounds", measure.name, measure.unit, steps(most), signed=True))
    return Look(tuple(asked), noise.of_scale(len(asked) / Fraction(epsilon), "opendp"), epsilon, Fraction(share))


def propose(
    engine: TableEngine,
    frame: Frame,
    *,
    stage: DpTable,
    asked: Look,
    unit: tuple[str, ...],
    ladders: Mapping[str, Ladder],
    before_noise: Callable[[Loss], None],
    progress: Progress,
    column_types: Mapping[str, str],
    period: PrivacyUnit | None = None,
    nobodys: bool = False,
) -> list[Proposal]:
    """Bounds for the stage, whose own are not looked at; arguments as of :func:`anonymize.aggregates.stage.release_table`.

    Every refusal, and all counting, comes before ``before_noise`` is called; noise is drawn only after it has returned.
    """
    check_columns(stage, unit[0], column_types)
    loss, wide = asked.loss(protecting(plan(stage), stage, period).loss()), _unbounded(stage)
    progress("rows", 0.0)
    shaped = shape(
        engine, frame, stage=wide, dimensions=dimensions(stage, column_types), unit=unit, ladders=ladders, nobodys=nobodys
    )
    rows = engine.with_row_number(shaped.frame, "row")
    cells = engine.persist(rows.group_by(*shaped.unit, *shaped.groups).agg(nw.len().alias("v")))
    progress("bounding", 0.3)
    counting = _Counting(engine, wide, rows, cells, shaped.unit, shaped.groups)
    exact = [counting.of(question) for question in asked.questions]
    for spent in (cells, rows):
        engine.forget(spent)
    before_noise(loss)
    progress("noise", 0.8)
    noisy = [noise.add_noise(counts, asked.noise) for counts in exact]
    return [proposal for question, counts in zip(asked.questions, noisy, strict=True) for proposal in read(question, counts, asked)]


def _unbounded(stage: DpTable) -> DpTable:
    """The stage with the widest bounds around zero, for each measure of a column: as of a mean, which tells whether there
    is a value and how far from zero it lies."""
    widest = {
        i: measure.model_copy(update={"kind": "mean", "lower": -bound, "upper": bound})
        for i, measure in of_columns(stage)
        for bound in [min(int(MAX_VALUE / measure.unit), LARGEST) * measure.unit]
    }
    return stage.model_copy(update={"measures": tuple(widest.get(i, measure) for i, measure in enumerate(stage.measures))})


@dataclass(frozen=True)
class _Counting:
    """What is asked of: rows with a number of their own, and how many (``v``) of them each person has in each cell."""

    engine: TableEngine
    wide: DpTable
    rows: Frame
    cells: Frame
    unit: tuple[str, ...]
    groups: tuple[str, ...]

    def of(self, question: Question) -> Integers:
        """One value a person, chosen at random among theirs; none of a person who has none."""
        match question.field:
            case "max_cells_per_person":
                return tally(self.engine, self.cells.group_by(*self.unit).agg(nw.len().alias("v")), question)
            case "max_rows_per_person":
                return tally(self.engine, self.cells.group_by(*self.unit).agg(nw.col("v").sum()), question)
            case "max_rows_per_cell":
                return self._of_one_each(self.cells, [*self.unit, *self.groups], question)
        i, measure = next((i, measure) for i, measure in of_columns(self.wide) if measure.name == question.name)
        columns = amounts_of(i, measure)
        there = self.rows.filter(nw.col(columns["values"]) == 1)
        return self._of_one_each(there.select(*self.unit, "row", nw.col(columns["centred"]).alias("v")), ["row"], question)

    def _of_one_each(self, several: Frame, by: list[str], question: Question) -> Integers:
        ordered = self.engine.persist(self.engine.with_scattered_order(several, "order", by))
        counts = tally(self.engine, self.engine.smallest_of_each(ordered, "order", 1, self.unit), question)
        self.engine.forget(ordered)
        return counts


def tally(engine: TableEngine, values: Frame, question: Question) -> Integers:
    """How many of ``v`` lie in each bin: exact, and only for the eyes of the noise."""
    size = nw.col("v").abs() if question.signed else nw.col("v")
    passed = nw.sum_horizontal(*((size > step).cast(nw.Int64()) for step in question.steps[:-1]))
    if question.signed:
        zero = len(question.steps)
        above, below = nw.when(nw.col("v") > 0).then(zero + 1 + passed), nw.when(nw.col("v") < 0).then(zero - 1 - passed)
        placed = values.select(above.otherwise(below.otherwise(nw.lit(zero))).cast(nw.Int64()).alias("bin"))
    else:
        placed = values.select(passed.cast(nw.Int64()).alias("bin"))
    found = engine.collect(placed.group_by("bin").agg(nw.len().alias("n")))
    counts = np.zeros(question.bins, dtype=np.int64)
    counts[found["bin"].to_numpy(dtype=np.int64)] = found["n"].to_numpy(dtype=np.int64)
    return counts


# --- reading the noisy counts: post-processing ---------------------------------------------------------------------


def read(question: Question, counts: Integers, asked: Look) -> list[Proposal]:
    """The smallest bound on the grid of which noise cannot tell that it leaves out more than the rest of the share; of a
    column, half of the rest a side.

    Nothing is read off where noise, over all bins of a side, could be more than half of the rest: the sum of what lies
    beyond would first be small enough somewhere far out, where few draws are left to sum. Nothing either at the open end.
    """
    total, width = int(counts.sum()), asked.noise.half_width
    names = ("lower", "upper") if question.signed else (question.field,)
    enough = _enough(question, total, asked)
    if enough != 0:
        return [Proposal(name, question.name, None, None, None, "too_few_persons", enough) for name in names]
    rest = (1 - asked.share) * total
    if not question.signed:
        step, left_out, drawn = _smallest(counts, rest, width)
        return [_proposal(names[0], question, Decimal(question.steps[step]), left_out, drawn, total, width)]
    zero = len(question.steps)
    found = []
    for name, side in (("lower", counts[zero::-1]), ("upper", counts[zero:])):
        step, left_out, drawn = _smallest(side, rest / 2, width)
        size = Decimal(question.steps[step - 1] if step else 0)
        found.append(_proposal(name, question, (-size if name == "lower" else size) * question.unit, left_out, drawn, total, width))
    if found[0].bound == found[1].bound == 0:  # everything is zero: a recipe needs two bounds that differ
        found[1] = replace(found[1], bound=question.unit)
    return found


def _enough(question: Question, total: int, asked: Look) -> Decimal | None:
    """0 where the look is exact enough; else the ε, about, with which it would be, or None where noise hides even how many
    persons there are, or no look may be so dear. From the noisy total and what the recipe tells."""
    width = asked.noise.half_width
    if not total > SURE * _of_sum(width, question.bins):
        return None
    halves = 2 * _of_sum(width, len(question.steps) - (not question.signed)) / ((1 - asked.share) * total)
    if halves <= 1:
        return Decimal(0)
    needed = Context(prec=2, rounding=ROUND_CEILING).multiply(asked.epsilon, to_decimal(halves))
    return needed if needed <= LARGEST_EPSILON else None


def _smallest(side: Integers, rest: Fraction, width: int) -> tuple[int, int, int]:
    """The first place beyond which no more than ``rest`` lie, give or take the noise; how many do, and of how many draws
    that is the sum."""
    beyond = int(side.sum())
    for place, count in enumerate(side):
        beyond, drawn = beyond - int(count), len(side) - 1 - place
        if beyond <= rest + _of_sum(width, drawn):
            return place, beyond, drawn
    return len(side) - 1, 0, 0


def _of_sum(width: int, drawn: int) -> int:
    """The half-width of a sum of n draws is at most √n times that of one: sums of Laplace noise have lighter tails."""
    return math.ceil(width * math.sqrt(drawn))


def _proposal(field: str, question: Question, bound: Decimal, left_out: int, drawn: int, total: int, width: int) -> Proposal:
    """Without a draw beyond it, it is the end of the grid, which has all beyond in it."""
    if not drawn:
        return Proposal(field, question.name, None, None, None, "beyond_the_grid")
    covered = min(max(1 - left_out / total, 0.0), 1.0)
    return Proposal(field, question.name, bound, round(covered, 6), _up(Fraction(_of_sum(width, drawn)) / total))


def _plain(number: Decimal | None) -> str | None:
    return None if number is None else format(number.normalize(), "f")


def _up(number: Fraction) -> float:
    return float(Context(prec=6, rounding=ROUND_CEILING).plus(to_decimal(number)))


def _error(field: str, message: str) -> RecipeError:
    return RecipeError(message, problems=(Problem("bounds", message, pointer=f"/{field}"),))
