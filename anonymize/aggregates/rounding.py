"""What is made of noisy figures for reading: round numbers, and a mark where the interval is wide. Post-processing."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anonymize.aggregates.noise import Integers

_WIDE = pa.decimal256(61, 16)  # the square of a millionth, in hundredths, has 14 places
_SHARE = pa.decimal256(10, 6)


def rounded(value: Integers, lower: Integers, upper: Integers, to: int) -> tuple[Integers, Integers, Integers]:
    """Multiples of ``to``: the nearest to each value, and around it an interval that holds the old one.

    It is wider by half of ``to`` on either side, and then rounded outwards: the rounding is an error like the noise, and
    half-widths that are read off rounded intervals must hold for sums of many cells too.
    """
    near = np.floor_divide(2 * value + to, 2 * to) * to
    below, above = 2 * (near - (value - lower)) - to, 2 * (near + (upper - value)) + to
    return near, np.floor_divide(below, 2 * to) * to, -np.floor_divide(-above, 2 * to) * to


def is_unreliable(value: pa.Array, lower: pa.Array, upper: pa.Array, above: Decimal) -> pa.Array:
    """Where half the width of the interval is more than ``above`` times the value, by what is published; exactly.

    A missing value is unreliable; a value of 0 is, unless its interval has no width.
    """
    numbers, low, high = (array.cast(_WIDE) for array in (value, lower, upper))
    allowed = pc.multiply(pc.abs(numbers), pa.scalar(2 * above).cast(_SHARE))
    return pc.fill_null(pc.greater(pc.subtract(high, low), allowed), True)
