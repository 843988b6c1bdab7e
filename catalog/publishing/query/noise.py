"""How the error of noisy cells adds up when they are summed.

Each cell was published with an interval that holds the true value with 95 % probability, and the noise of different
cells is independent. For n cells whose widest half-width is h the sum's half-width is taken as h·√n, the root of the
sum of squares. That is exact for Gaussian noise and on the safe side for Laplace noise, whose tails shrink under
summing.

Cells that were raised to zero before publication (a count cannot be negative) bias a sum upwards, by at most 0.204·h a
cell for Gaussian noise (a standard deviation times the density at 0) and 0.167·h for Laplace noise, when the true value
is zero. The lower end is therefore moved down by a further 0.25·h for each cell that touches zero: a little more than
the bias, since 2.5 % of the true zeros stand too high to touch. The upper end needs no such help. (Tested by
simulation: tests/publishing/query/test_noise.py.)

Where a release holds totals, its cells were made to add up to them. Their errors are then never positively correlated (the
inverse of a tree's precision matrix has no positive entry off its diagonal), so that h·√n stays on the safe side.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from catalog.publishing.query.plan import Plan
from catalog.publishing.query.tree import names

RAISED_BIAS = 0.25  # half-widths per raised cell
_Floats = npt.NDArray[np.float64]


def interval(total: _Floats, half: _Floats, cells: _Floats, raised: _Floats) -> tuple[_Floats, _Floats]:
    """Ends of the 95 % interval of sums.

    ``total`` the published sums; ``half`` the widest half-width in each; ``cells`` how many were summed; ``raised`` how
    many of them touch zero. All of one length; nan in, nan out.
    """
    width = half * np.sqrt(cells)
    lower = total - width - RAISED_BIAS * half * raised
    return np.where(raised > 0, np.maximum(lower, 0.0), lower), total + width


def bounds(
    value: pa.Array, average: bool, half: pa.Array, cells: pa.Array, raised: pa.Array
) -> tuple[pa.Array, pa.Array]:
    """The interval of each sum (or average) in ``value``, in its own type, rounded outwards."""
    n = _floats(cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = _floats(value) * (n if average else 1.0)
        lower, upper = interval(total, _floats(half), n, _floats(raised))
        share = n if average else 1.0
        return _typed(lower / share, value.type, math.floor), _typed(upper / share, value.type, math.ceil)


def _floats(array: pa.Array) -> _Floats:
    if pa.types.is_decimal(array.type):
        array = array.cast(pa.float64())
    found: _Floats = array.to_numpy(zero_copy_only=False).astype(np.float64)
    return found


def _typed(ends: _Floats, kind: pa.DataType, away: type[int] | object) -> pa.Array:
    finite = np.isfinite(ends)
    if pa.types.is_floating(kind):
        return pa.array(ends, pa.float64(), mask=~finite)
    scale = kind.scale if pa.types.is_decimal(kind) else 0
    whole = [away(end * 10**scale) if ok else None for end, ok in zip(ends.tolist(), finite, strict=True)]  # type: ignore[operator]
    if pa.types.is_integer(kind):
        return pa.array([None if end is None else max(min(end, 2**63 - 1), -(2**63)) for end in whole], kind)
    with localcontext(prec=80):
        return pa.array([None if end is None else Decimal(end).scaleb(-scale) for end in whole], kind)


def error_note(plan: Plan) -> str | None:
    """How to read the intervals of this answer, in a few sentences; null when no noisy measure was folded."""
    folded = {o.column.name for o in plan.outputs if o.function and o.column and o.column.noisy}
    if not folded:
        return None
    said = [
        "Each summed cell carries independent noise."
        if not plan.with_totals
        else "Cells were made to add up to their totals, which makes their errors smaller and their sums no less exact than if "
        "the noise were independent. Where a published total says what a sum would, the total is more exact.",
        "The interval of a sum (…_lower, …_upper) holds the true sum with "
        "about 95 % probability: its half-width is the widest half-width of the cells times the square root of their "
        "number (root of the sum of squares).",
        "Cells that were raised to zero before publication push a sum up; the lower end allows for that. For many "
        "small cells a coarser release is more exact than a sum over this one.",
        "Who is in several cells is counted as often in their sum. Cells that were not published are not in it.",
    ]
    if any(output.bounded and output.function == "avg" for output in plan.outputs):
        said.append("An average is the mean of the published cells, each of equal weight.")
    if any(output.function in ("min", "max") and output.column and output.column.noisy for output in plan.outputs):
        said.append("The smallest and the largest of noisy cells are biased outwards and carry no interval.")
    if plan.where is not None and folded & names(plan.where):
        said.append(
            "The filter chooses cells by their noisy value; that biases the sum, and the interval does not show it."
        )
    return " ".join(said)
