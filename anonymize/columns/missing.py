"""When a value names nobody: null, NaN and blank text all say the same."""

from __future__ import annotations

import math
from typing import Any

import narwhals as nw
import pyarrow as pa
import pyarrow.types as pt

BLANK = "".join(sign for sign in map(chr, range(2**16)) if sign.isspace())
"""Every white space of Unicode: what ``str.strip`` takes off. Engines have ideas of their own of what is blank."""


def is_missing(value: Any) -> bool:
    """Whether one value names nobody."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or (isinstance(value, str) and not value.strip())


def named(name: str, kind: pa.DataType) -> nw.Expr:
    """The same for a column of a type, as an expression: true where somebody is named."""
    column = nw.col(name)
    there = ~column.is_null()
    if pt.is_floating(kind):
        return there & ~not_a_number(name)
    if pt.is_string(kind) or pt.is_large_string(kind):
        # what begins with a visible sign of ASCII is not blank: told by its first byte, and the rest by stripping it, which is dear
        visible = (column >= "!") & (column < "\x7f")
        return there & nw.when(visible).then(nw.lit(True)).otherwise(column.str.strip_chars(BLANK) != "")
    return there


def not_a_number(name: str) -> nw.Expr:
    """True where a column of floats holds NaN; null stays null.

    By way of a condition: DuckDB 2.0 believes the statistics of a Parquet file, which leave NaN out, and answers ``isnan``
    of such a column, and what its text is, with "never".
    """
    column = nw.col(name)
    return nw.when(~column.is_null()).then(column).is_nan()
