"""The obvious slow way to answer a question: row after row, in plain Python, with SQL's three truth values."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from catalog.publishing.query import tree

Row = Mapping[str, Any]


def holds(condition: tree.Condition, row: Row) -> bool | None:
    """True, False, or None where it is unknown because a null met."""
    match condition:
        case tree.And(parts):
            truths = [holds(part, row) for part in parts]
            return False if False in truths else None if None in truths else True
        case tree.Or(parts):
            truths = [holds(part, row) for part in parts]
            return True if True in truths else None if None in truths else False
        case tree.Not(part):
            truth = holds(part, row)
            return None if truth is None else not truth
        case tree.IsNull(operand):
            return _value(operand, row) is None
        case tree.Compare(op, left, right):
            return _compared(op, _value(left, row), _value(right, row))
        case tree.In(operand, values):
            return holds(tree.Or(tuple(tree.Compare("=", operand, value) for value in values)), row)
        case tree.Between(operand, low, high):
            return holds(tree.And((tree.Compare(">=", operand, low), tree.Compare("<=", operand, high))), row)
        case tree.Like(operand, pattern):
            text = _value(operand, row)
            return None if text is None else re.fullmatch(_regex(pattern), text, re.DOTALL) is not None
    raise TypeError(condition)


def _value(operand: tree.Operand, row: Row) -> Any:
    return row[operand.text] if isinstance(operand, tree.Name) else operand.value  # type: ignore[union-attr]


def _compared(op: str, left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return None
    if isinstance(left, float) and isinstance(right, Decimal):
        right = float(right)  # a double column is compared with the nearest double
    if isinstance(left, (int, Decimal)) and not isinstance(left, bool) and isinstance(right, (int, Decimal)):
        left, right = Fraction(left), Fraction(right)
    sign = _order(left, right)
    return {"=": sign == 0, "!=": sign != 0, "<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0}[op]


def _order(left: Any, right: Any) -> int:
    """-1, 0, 1; a NaN equals itself and is above everything, as DuckDB (and PostgreSQL) order doubles."""
    left_nan, right_nan = left != left, right != right
    if left_nan or right_nan:
        return int(left_nan) - int(right_nan)
    return (left > right) - (left < right)


def _regex(pattern: str) -> str:
    out, signs = "", iter(pattern)
    for sign in signs:
        out += {"%": ".*", "_": "."}.get(sign) or re.escape(next(signs) if sign == "\\" else sign)
    return out


def ordered(rows: list[Row], keys: list[tuple[str, bool]]) -> list[Row]:
    """Rows by (column, descending) keys, nulls last either way, ties in the order given."""

    def compare(one: Row, other: Row) -> int:
        for name, descending in keys:
            a, b = one[name], other[name]
            nulls = (a is None) - (b is None)
            sign = nulls if None in (a, b) else _order(a, b) * (-1 if descending else 1)
            if sign:
                return sign
        return 0

    return sorted(rows, key=functools.cmp_to_key(compare))
