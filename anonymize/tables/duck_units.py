"""Amounts counted in whole units, exactly, as an expression of DuckDB: in 64 bits wherever they hold the answer."""

from __future__ import annotations

import math
from decimal import Decimal

import duckdb
import narwhals as nw
from duckdb import ColumnExpression, ConstantExpression, Expression, FunctionExpression

from anonymize.tables.base import PLACES


def whole_units(column: str, kind: nw.dtypes.DType, *, lower: int, upper: int, unit: Decimal) -> Expression:
    """Integer arithmetic on the finest decimal place; the rough comparison first keeps every cast within its range."""
    value, places = ColumnExpression(column), max(_places_of(kind), -_exponent(unit))
    rough, grain = value.cast("DOUBLE"), 10**places
    below, beyond = _outward(lower * unit, upper * unit)
    step = int(unit * grain)
    finite = _call("isfinite", rough) if kind.is_float() else rough.isnotnull()
    units = (
        duckdb.CaseExpression(rough.isnull() | ~finite, _constant(None))
        .when(rough <= _constant(below), _number(lower, "BIGINT"))
        .when(rough >= _constant(beyond), _number(upper, "BIGINT"))
    )
    if max(-below, beyond) * grain > _NARROW:
        exact = _half_even(_exact_billionths(value, is_float=kind.is_float()), lower, int(unit * 10**PLACES), "HUGEINT")
        slow = _clamped(exact, lower, upper, "HUGEINT").cast("BIGINT")
        if step > _NARROW:
            return units.otherwise(slow).cast("BIGINT")
        units = units.when(_call("abs", rough) > _constant(_NARROW / grain), slow)
    reach = _NARROW // step  # what is counted from stays near the values, so that 64 bits hold it
    quick = _half_even(_grains(value, rough, kind, grain), min(max(lower, -reach - 1), reach), step, "BIGINT")
    return units.otherwise(_clamped(quick, lower, upper, "BIGINT")).cast("BIGINT")


_NARROW = 2 * 10**15  # grains: below it, a double that stands for a decimal errs by less than half a grain


def _places_of(kind: nw.dtypes.DType) -> int:
    """Decimal places that a value of this type can have, as far as they count."""
    if kind.is_integer():
        return 0
    return min(kind.scale, PLACES) if isinstance(kind, nw.Decimal) and kind.scale is not None else PLACES


def _exponent(unit: Decimal) -> int:
    """Of the last place that ``unit`` needs: -2 for 0.25; 0 where it needs none."""
    exponent = unit.normalize().as_tuple().exponent
    return min(int(exponent), 0)


def _grains(value: Expression, rough: Expression, kind: nw.dtypes.DType, grain: int) -> Expression:
    if kind.is_integer():
        return value.cast("BIGINT") * _number(grain, "BIGINT")
    return _call("round", rough * _constant(float(grain))).cast("BIGINT")


def _clamped(units: Expression, lower: int, upper: int, kind: str) -> Expression:
    return _call("least", _call("greatest", units, _number(lower, kind)), _number(upper, kind))


def _exact_billionths(value: Expression, *, is_float: bool) -> Expression:
    """In 128 bits, through text where it is a float; some thirty times slower than by doubles."""
    exact = (value.cast("VARCHAR") if is_float else value).cast("DECIMAL(25,9)")
    return (exact * _number(10**PLACES, "HUGEINT")).cast("HUGEINT")


def _half_even(grains: Expression, lower: int, step: int, kind: str) -> Expression:
    """``grains`` in steps, rounded half to even; counted from ``lower``, so that no remainder is negative."""
    if step == 1:
        return grains
    steps = _number(step, kind)
    above = grains - _number(lower * step, kind)
    whole, rest = _call("//", above, steps), above % steps
    odd = _call("abs", whole + _number(lower, kind)) % _number(2, kind)
    up = (rest + rest > steps) | ((rest + rest == steps) & (odd == _number(1, kind)))
    rounded = duckdb.CaseExpression(up, _number(1, kind)).otherwise(_number(0, kind))
    return whole + _number(lower, kind) + rounded


def _outward(lower: Decimal, upper: Decimal) -> tuple[float, float]:
    """Floats strictly outside [lower, upper]: whatever lies beyond them is surely beyond the bounds."""
    return math.nextafter(float(lower) - 1, -math.inf), math.nextafter(float(upper) + 1, math.inf)


def _number(number: int, kind: str) -> Expression:
    return ConstantExpression(number).cast(kind)


def _constant(value: float | None) -> Expression:
    return ConstantExpression(value)


def _call(name: str, *arguments: Expression) -> Expression:
    return FunctionExpression(name, *arguments)
