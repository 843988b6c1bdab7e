"""A filter as a tree of frozen values. Truth has three values, as in SQL: true, false and, where a null meets, unknown.

``at`` is the 0-based offset in the text that the node was read from, for errors.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeAlias

Comparison = Literal["=", "!=", "<", "<=", ">", ">="]
ValueKind = Literal["number", "text", "boolean", "date", "timestamp", "timestamptz", "null"]
Scalar: TypeAlias = Decimal | str | bool | dt.date | dt.datetime | None

FLIPPED: dict[Comparison, Comparison] = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Name:
    text: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Value:
    kind: ValueKind
    value: Scalar
    at: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """A function call inside a filter; no function is offered yet, so the check refuses it by name."""

    function: str
    at: int = 0


Operand: TypeAlias = Name | Value | Call


@dataclass(frozen=True, slots=True)
class Compare:
    op: Comparison
    left: Operand
    right: Operand
    at: int = 0


@dataclass(frozen=True, slots=True)
class In:
    operand: Operand
    values: tuple[Operand, ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Between:
    """``low <= operand <= high``, both ends included."""

    operand: Operand
    low: Operand
    high: Operand
    at: int = 0


@dataclass(frozen=True, slots=True)
class IsNull:
    operand: Operand
    at: int = 0


@dataclass(frozen=True, slots=True)
class Like:
    """``%`` is any run of characters, ``_`` any one; a backslash takes the sign after it as it is."""

    operand: Operand
    pattern: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Not:
    part: Condition


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Condition, ...]


Condition: TypeAlias = Compare | In | Between | IsNull | Like | Not | And | Or


def names(condition: Condition) -> frozenset[str]:
    """The columns that a filter looks at."""
    match condition:
        case And(parts) | Or(parts):
            return frozenset().union(*(names(part) for part in parts))
        case Not(part):
            return names(part)
        case Compare(_, left, right):
            return _named(left, right)
        case In(operand) | Between(operand) | IsNull(operand) | Like(operand):
            return _named(operand)


def _named(*operands: Operand) -> frozenset[str]:
    return frozenset(operand.text for operand in operands if isinstance(operand, Name))


# --- the other three parameters ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Selected:
    """One item of ``select``: a column, or ``function`` of a column (``count`` of nothing is ``count(*)``)."""

    column: Name | None
    function: str | None
    alias: str | None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Ordered:
    name: Name
    descending: bool
