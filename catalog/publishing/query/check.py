"""A filter against a release's columns: every name known, every comparison between things of one kind."""

from __future__ import annotations

import datetime as dt
import math
from typing import NoReturn

from catalog.publishing.query import tree
from catalog.publishing.query.errors import QueryError
from catalog.publishing.query.schema import ReleaseColumn, ReleaseSchema

MAX_WILDCARDS = 8  # each further % multiplies the time of one match, and a match cannot be interrupted
MAX_PATTERN = 500

# what a literal is called, and how one of the column's type is written
_EXAMPLES = {
    "integer": "a number such as 12",
    "decimal": "a number such as 12.50",
    "number": "a number such as 0.5",
    "text": 'a text such as "11110"',
    "boolean": "true or false",
    "date": "date'2026-01-31'",
    "timestamp": "timestamp'2026-01-31T18:00:00'",
    "timestamptz": "timestamp'2026-01-31T18:00:00+09:00'",
}
_FITS = {
    "integer": {"number"},
    "decimal": {"number"},
    "number": {"number"},
    "text": {"text"},
    "boolean": {"boolean"},
    "date": {"date"},
    "timestamp": {"timestamp", "date"},  # a date is its midnight
    "timestamptz": {"timestamptz"},
}


class Checker:
    """Checks one filter; holds the schema and the text that errors point into."""

    def __init__(self, schema: ReleaseSchema, text: str) -> None:
        self.schema = schema
        self.text = text

    def check(self, condition: tree.Condition) -> tree.Condition:
        """The same filter with the column on the left of every comparison and each literal of the column's type."""
        match condition:
            case tree.And(parts):
                return tree.And(tuple(self.check(part) for part in parts))
            case tree.Or(parts):
                return tree.Or(tuple(self.check(part) for part in parts))
            case tree.Not(part):
                return tree.Not(self.check(part))
            case tree.Compare():
                return self._compare(condition)
            case tree.In(operand, values, at):
                column = self._column(operand)
                return tree.In(operand, tuple(self._literal(column, value) for value in values), at)
            case tree.Between(operand, low, high, at):
                column = self._ordered(operand)
                return tree.Between(operand, self._literal(column, low), self._literal(column, high), at)
            case tree.IsNull(operand):
                self._column(operand)
                return condition
            case tree.Like(operand, pattern, at):
                self._pattern(self._column(operand), pattern, at)
                return condition

    def _compare(self, found: tree.Compare) -> tree.Compare:
        op, left, right = found.op, found.left, found.right
        if isinstance(left, tree.Value):
            op, left, right = tree.FLIPPED[op], right, left
        column = self._column(left) if op in ("=", "!=") else self._ordered(left)
        if isinstance(right, tree.Value):
            return tree.Compare(op, left, self._literal(column, right), found.at)
        other = self._column(right)
        if other.type != column.type:
            self._refuse("type_mismatch", f"{column.name} is {column.type} and {other.name} is {other.type}", right.at)
        return tree.Compare(op, left, right, found.at)

    def _column(self, operand: tree.Operand) -> ReleaseColumn:
        if isinstance(operand, tree.Call):
            self._refuse("unknown_function", f"there is no function {operand.function!r} for filters", operand.at)
        if isinstance(operand, tree.Value):
            self._refuse("no_column", "a column name is needed here, not a value", operand.at)
        column = self.schema.get(operand.text)
        if column is None:
            raise unknown_column(self.schema, operand, pointer="where", text=self.text)
        return column

    def _ordered(self, operand: tree.Operand) -> ReleaseColumn:
        column = self._column(operand)
        if column.type == "boolean":
            self._refuse("type_mismatch", f"{column.name} is boolean: compare it with = or !=", operand.at)
        return column

    def _literal(self, column: ReleaseColumn, operand: tree.Operand) -> tree.Value:
        if not isinstance(operand, tree.Value):
            self._refuse("no_value", "a value is needed here", operand.at)
        if operand.kind == "null":
            self._refuse("null_comparison", f"nothing equals null: write `{column.name} is null`", operand.at)
        if operand.kind not in _FITS[column.type]:
            message = f"{column.name} is {column.type}: compare it with {_EXAMPLES[column.type]}"
            self._refuse("type_mismatch", message, operand.at)
        if column.type == "number" and not math.isfinite(float(operand.value)):  # type: ignore[arg-type]
            self._refuse("number_out_of_range", f"no number in {column.name} can be that large", operand.at)
        if column.type == "timestamp" and operand.kind == "date":
            midnight = dt.datetime.combine(operand.value, dt.time())  # type: ignore[arg-type]
            return tree.Value("timestamp", midnight, operand.at)
        return operand

    def _pattern(self, column: ReleaseColumn, pattern: str, at: int) -> None:
        if column.type != "text":
            self._refuse("type_mismatch", f"{column.name} is {column.type}: like works on text", at)
        if not (len(pattern) <= MAX_PATTERN and pattern.count("%") <= MAX_WILDCARDS):
            message = f"a pattern has at most {MAX_PATTERN} characters and {MAX_WILDCARDS} signs %"
            self._refuse("pattern_too_long", message, at)
        if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
            self._refuse("invalid_pattern", "the pattern ends in a backslash that escapes nothing", at)

    def _refuse(self, code: str, message: str, at: int) -> NoReturn:
        raise QueryError(code, message, pointer="where", position=at, text=self.text)


def check_where(condition: tree.Condition, schema: ReleaseSchema, text: str) -> tree.Condition:
    """Check a filter that was read from ``text``. Raises :class:`QueryError` with the position of what is wrong."""
    return Checker(schema, text).check(condition)


def unknown_column(schema: ReleaseSchema, name: tree.Name, *, pointer: str, text: str) -> QueryError:
    """The error for a column that the release does not have, with the nearest names that it has."""
    near = schema.near(name.text)
    message = f"there is no column {name.text[:80]!r}" + (f"; did you mean {near}?" if near else "")
    return QueryError("unknown_column", message, pointer=pointer, position=name.at, text=text, suggestion=near)
