"""A number as a dimension: half-open intervals between declared edges, the outermost open; public, complete, in order.

Labels are signs and numbers, the same in every language: ``<0``, ``[0,10)``, ``[10,50)``, ``≥50``. None begins with what
a spreadsheet takes for a formula.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from itertools import pairwise
from operator import add

import narwhals as nw

PLACES = 9  # of decimals: what an engine's decimal(38, 9) holds


def labels(edges: Sequence[Decimal]) -> tuple[str, ...]:
    """One more than there are edges, from low to high."""
    texts = [format(edge, "f") for edge in edges]
    return (f"<{texts[0]}", *(f"[{low},{high})" for low, high in pairwise(texts)), f"≥{texts[-1]}")


def place(column: str, kind: nw.dtypes.DType, edges: Sequence[Decimal]) -> nw.Expr:
    """Which bin each value falls into, from 0: how many edges it reaches. Null stays null, and what is not finite is null.

    Whole numbers and decimals are compared exactly. A float is taken for the shortest decimal that names it: it reaches an
    edge when it reaches the double nearest to it, which is the same for edges of up to 15 digits.
    """
    value = nw.col(column)
    if kind.is_integer():
        reached = [value >= math.ceil(edge) for edge in edges]
    elif kind.is_float():
        value = nw.when(value.is_finite()).then(value)
        reached = [value >= float(edge) for edge in edges]
    else:
        exact = value.cast(nw.Decimal(38, PLACES))
        reached = [exact >= nw.lit(edge.quantize(Decimal(1).scaleb(-PLACES))).cast(nw.Decimal(38, PLACES)) for edge in edges]
    return reduce(add, (one.cast(nw.Int64()) for one in reached))
