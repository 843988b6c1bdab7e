"""Bottom and top coding and rounding of a numeric column, in exact decimals, row by row."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeAlias

import narwhals as nw
import pyarrow as pa
import pyarrow.types as pt

from anonymize.columns.missing import not_a_number
from anonymize.errors import InputError, Problem, RecipeError
from anonymize.recipe import Recode
from anonymize.recipe.rows import RECODED
from anonymize.tables.base import PLACES, Frame, TableEngine

_UNITS = "__units"

Target: TypeAlias = nw.Int64 | nw.Float64 | nw.Decimal


def recode(engine: TableEngine, frame: Frame, stage: Recode, pointer: str) -> Frame:
    """``frame`` with the stage's column recoded (Hundepool et al. 2012). Null stays null.

    The column keeps its type: integers become decimals only where the stage's numbers are none, decimals get more
    places only where its numbers have more, and floats are taken for the shortest decimal that names them.
    Raises :class:`RecipeError` for a column that is not numeric, :class:`InputError` for values that cannot be rounded.
    """
    kind = engine.schema(frame).field(stage.column).type
    target = _target(kind, stage)
    if target is None:
        message = f"column {stage.column!r} is not numeric, or has more than {PLACES} decimal places"
        raise RecipeError(message, problems=(Problem("not_numeric", message, pointer=pointer),))
    _refuse(engine, frame, stage, is_float=bool(pt.is_floating(kind)))
    order = frame.collect_schema().names()
    frame = frame.with_columns(_clipped(stage, target).alias(stage.column))
    if stage.round_to is None:
        return frame
    limit = RECODED // stage.round_to
    units = engine.with_whole_units(frame, stage.column, _UNITS, lower=-int(limit), upper=int(limit), unit=stage.round_to)
    return units.with_columns(_multiple(stage.round_to, target).alias(stage.column)).select(*order)


def _target(kind: pa.DataType, stage: Recode) -> Target | None:
    """The type of the recoded column; ``None`` where it cannot be recoded."""
    places = max(_places(number) for number in (stage.bottom, stage.top, stage.round_to) if number is not None)
    if pt.is_floating(kind):
        return nw.Float64()
    if pt.is_integer(kind):
        return nw.Decimal(38, places) if places else nw.Int64()
    if pt.is_decimal(kind) and kind.scale <= PLACES:
        return nw.Decimal(kind.precision, kind.scale) if places <= kind.scale else nw.Decimal(38, places)
    return None


def _places(number: Decimal) -> int:
    return max(0, -int(number.normalize().as_tuple().exponent))


def _refuse(engine: TableEngine, frame: Frame, stage: Recode, *, is_float: bool) -> None:
    """Neither NaN, which is above or below nothing, nor a value too large to be rounded exactly."""
    value = nw.col(stage.column)
    rounds, limit = stage.round_to is not None, int(RECODED)
    wrong = {
        "no_number": [not_a_number(stage.column)] * is_float,
        "too_low": [value < -limit] * (rounds and stage.bottom is None),
        "too_high": [value > limit] * (rounds and stage.top is None),
    }
    counts = [test.cast(nw.Int64()).sum().alias(name) for name, tests in wrong.items() for test in tests]
    found: dict[Any, Any] = engine.collect(frame.select(*counts)).fillna(0).iloc[0].to_dict() if counts else {}
    if found.get("no_number"):
        raise InputError(f"column {stage.column!r} holds values that are not a number (NaN): clean them first")
    if found.get("too_low") or found.get("too_high"):
        raise InputError(f"column {stage.column!r} holds values beyond {limit:,}: they cannot be rounded; give bottom and top")


def _clipped(stage: Recode, target: Target) -> nw.Expr:
    """Comparisons with null are null, so that null falls through to itself."""
    value = nw.col(stage.column)
    found = value.cast(target)
    if stage.top is not None:
        found = nw.when(value > _number(stage.top)).then(_literal(stage.top, target)).otherwise(found)
    if stage.bottom is not None:
        found = nw.when(value < _number(stage.bottom)).then(_literal(stage.bottom, target)).otherwise(found)
    return found


def _number(number: Decimal) -> nw.Expr:
    return nw.lit(number) if number % 1 else nw.lit(int(number))


def _literal(number: Decimal, target: Target) -> nw.Expr:
    plain: Any = float(number) if isinstance(target, nw.Float64) else int(number) if isinstance(target, nw.Int64) else number
    return nw.lit(plain).cast(target)


def _multiple(step: Decimal, target: Target) -> nw.Expr:
    """Units of ``step`` as a number: in whole numbers first, so that only one division rounds, and that of a float alone."""
    places = _places(step)
    whole: nw.Expr = nw.col(_UNITS) * int(step.scaleb(places))
    if isinstance(target, nw.Float64):
        return whole.cast(nw.Float64()) / int(10**places)
    if isinstance(target, nw.Int64):
        return whole
    return (whole.cast(nw.Decimal(19, 0)) * nw.lit(Decimal(1).scaleb(-places))).cast(target)
