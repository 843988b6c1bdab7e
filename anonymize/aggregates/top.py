"""Of each combination of the other groups only the largest by a noisy measure: post-processing, free of charge.

The largest of many noisy values are those whose noise was high: an interval that covers any one value with 95 % covers
the largest with less. With m values to choose from, each gets an interval at 1 - 0.05/m (Bonferroni): then all m cover at
once with a chance of 95 %, whichever are shown. Noise of other measures has no part in the choice, so that their intervals
stay as they are. With private cells m is how many appeared; a cell's interval holds given that it appears, and cells are
independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from anonymize.aggregates.noise import Integers

Places: TypeAlias = npt.NDArray[np.int64]

ERROR = 0.05


def combinations(groups: Mapping[str, pa.Array], dimension: str) -> Places:
    """(cell,): for each cell the first that has the same values in all groups but ``dimension``."""
    others = [_codes(array) for name, array in groups.items() if name != dimension]
    size = len(groups[dimension])
    if not (others and size):
        return np.zeros(size, dtype=np.int64)
    _, first, which = np.unique(np.stack(others), axis=1, return_index=True, return_inverse=True)
    return np.asarray(first[which.ravel()], dtype=np.int64)


def errors(combination: Places) -> npt.NDArray[np.float64]:
    """(cell,): how often each interval may fail, so that those of a combination fail together in one of twenty at most."""
    _, which, sizes = np.unique(combination, return_inverse=True, return_counts=True)
    return np.asarray(ERROR / sizes[which.ravel()])


def largest(combination: Places, values: Integers, limit: int) -> tuple[Places, Places]:
    """Which cells stay, combination by combination from large to small, and the rank of each, from 1.

    Equal values keep the order of the table.
    """
    order = np.lexsort((np.arange(len(values)), -values, combination))
    begins = np.flatnonzero(np.diff(combination[order], prepend=-1))
    lengths = np.diff(np.append(begins, len(order)))
    rank = np.arange(len(order)) - np.repeat(begins, lengths) + 1
    stays = rank <= limit
    return order[stays], rank[stays]


def columns(found: Mapping[str, pa.Array], stay: Places) -> dict[str, pa.Array]:
    """The rows that stay, in that order."""
    return {name: array.take(pa.array(stay)) for name, array in found.items()}


def _codes(array: pa.Array) -> Places:
    codes: Sequence[int] = pc.dictionary_encode(array).indices
    return np.asarray(codes, dtype=np.int64)
