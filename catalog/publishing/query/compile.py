"""A checked filter as a DuckDB expression. Names and values travel as expression objects, never as SQL text.

Numbers are compared exactly: a literal finer or larger than the column can hold is first brought to the column's own
grid, so that no engine cast can round it or fail.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeAlias

import duckdb
from duckdb import CaseExpression, ColumnExpression, ConstantExpression

from catalog.publishing.query import tree
from catalog.publishing.query.schema import ROW_NUMBER, ReleaseSchema

Expression: TypeAlias = duckdb.Expression
_INTEGER_LIMIT = 2**126  # inside DuckDB's HUGEINT, far outside every column
_APPLY: dict[tree.Comparison, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class Columns:
    """The columns of a relation over a release: found by their place, because DuckDB folds the case of names."""

    def __init__(self, schema: ReleaseSchema, stored: list[str], names: list[str], types: list[Any]) -> None:
        known = {name: (given, str(kind)) for name, given, kind in zip(stored, names, types, strict=False)}
        self._known = {column.name: known[column.name] for column in schema.columns}
        self._schema = schema

    def __getitem__(self, name: str) -> Expression:
        return ColumnExpression(self._known[name][0])

    def scale(self, name: str) -> tuple[int, int]:
        """(digits, digits after the point) of a decimal column."""
        found = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", self._known[name][1])
        if found is None:
            raise ValueError(f"column {name!r} is not stored as a decimal")
        return int(found[1]), int(found[2])

    def type(self, name: str) -> str:
        return self._schema[name].type


def row_number() -> Expression:
    return ColumnExpression(ROW_NUMBER)


def compile_where(condition: tree.Condition, columns: Columns) -> Expression:
    """The expression that is true where the filter is."""
    match condition:
        case tree.And(parts):
            return joined(operator.and_, [compile_where(part, columns) for part in parts])
        case tree.Or(parts):
            return joined(operator.or_, [compile_where(part, columns) for part in parts])
        case tree.Not(part):
            return ~compile_where(part, columns)
        case tree.Compare(op, tree.Name(name), tree.Name(other)):
            return _apply(op, columns[name], columns[other])
        case tree.Compare(op, tree.Name(name), tree.Value(_, value)):
            return _compare(op, name, value, columns)
        case tree.In(tree.Name(name), values):
            return _membership(name, values, columns)
        case tree.Between(tree.Name(name), tree.Value(_, low), tree.Value(_, high)):
            return _compare(">=", name, low, columns) & _compare("<=", name, high, columns)
        case tree.IsNull(tree.Name(name)):
            return columns[name].is_null()
        case tree.Like(tree.Name(name), pattern):
            return columns[name].like(ConstantExpression(pattern), escape="\\")
    raise TypeError("the filter was not checked")


def joined(combine: Callable[[Any, Any], Any], parts: list[Expression]) -> Expression:
    """``parts`` combined as a balanced tree, so that a thousand of them are ten levels deep."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    both: Expression = combine(joined(combine, parts[:half]), joined(combine, parts[half:]))
    return both


def _apply(op: tree.Comparison, left: Expression, right: Expression) -> Expression:
    result: Expression = _APPLY[op](left, right)
    return result


def _compare(op: tree.Comparison, name: str, value: tree.Scalar, columns: Columns) -> Expression:
    kind = columns.type(name)
    if isinstance(value, Decimal) and kind in ("integer", "decimal"):
        return _compare_exactly(op, name, value, columns)
    return _apply(op, columns[name], _constant(value))


def _compare_exactly(op: tree.Comparison, name: str, value: Decimal, columns: Columns) -> Expression:
    digits, scale = columns.scale(name) if columns.type(name) == "decimal" else (0, 0)
    limit = 10**digits if digits else _INTEGER_LIMIT
    found = on_grid(op, value, scale, limit)
    if isinstance(found, bool):
        return CaseExpression(columns[name].is_null(), ConstantExpression(None)).otherwise(ConstantExpression(found))
    return _apply(found[0], columns[name], _grid_constant(found[1], scale))


def on_grid(op: tree.Comparison, value: Decimal, scale: int, limit: int) -> tuple[tree.Comparison, int] | bool:
    """``x op value`` with a whole number for the value, where x is a whole number of 10^-scale below ``limit`` of them.

    Gives the operator and the whole number, or the truth value if it is the same for every such x.
    """
    scaled = Fraction(value) * 10**scale
    whole = scaled.numerator // scaled.denominator
    if whole >= limit:
        return op in ("<", "<=", "!=")
    if whole <= -limit:
        return op in (">", ">=", "!=")
    if whole == scaled:
        return op, whole
    if op in ("=", "!="):
        return op == "!="
    return (">" if op in (">", ">=") else "<="), whole


def _grid_constant(whole: int, scale: int) -> Expression:
    if not scale:
        return ConstantExpression(whole)
    digits = tuple(int(digit) for digit in str(abs(whole)))
    return ConstantExpression(Decimal((int(whole < 0), digits, -scale)))


def _constant(value: tree.Scalar) -> Expression:
    return ConstantExpression(float(value) if isinstance(value, Decimal) else value)


def _membership(name: str, values: tuple[tree.Operand, ...], columns: Columns) -> Expression:
    equals = [_compare("=", name, value.value, columns) for value in values if isinstance(value, tree.Value)]
    return joined(operator.or_, equals)
