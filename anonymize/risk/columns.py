"""Which columns, and which pairs of them, make people stand out: what a steward should coarsen first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from anonymize.risk.arrays import Integers
from anonymize.risk.arrays import dense as numbered


def standing_out(codes: Integers, names: Sequence[str], *, times: Integers | None = None, pairs: int = 10) -> dict[str, Any]:
    """``codes``: (row, column); ``times``: (row,) how often each occurs. Rows count as persons; give one row a person where there are more.

    For each column: ``distinct`` values; ``bits``, its Shannon entropy; ``unique_alone``, the share of rows that no other
    row equals in this column; ``unique_without``, the share still unique in all columns but this one, beside
    ``unique``, the share unique in all. A column with a low ``unique_without`` does most to single people out.
    ``pairs``: the pairs with the largest ``unique_alone``, best first, ties by name. Shares in [0, 1].
    After Elliot et al., "A computational algorithm for handling the special uniques problem" (2002).
    """
    count, often = codes.shape[1], np.ones(len(codes), dtype=np.int64) if times is None else times
    dense = [numbered(codes[:, i])[0] for i in range(count)]
    ahead = [np.zeros(len(codes), dtype=np.int64)]
    for column in dense:
        ahead.append(_joint(ahead[-1], column))
    behind = [np.zeros(len(codes), dtype=np.int64)]
    for column in reversed(dense):
        behind.append(_joint(behind[-1], column))
    without = [_unique(_joint(ahead[i], behind[count - 1 - i]), often) for i in range(count)]
    columns = [
        {"column": name, "distinct": int(dense[i].max(initial=-1)) + 1, "bits": _bits(dense[i], often), "unique_alone": _unique(dense[i], often), "unique_without": without[i]}
        for i, name in enumerate(names)
    ]  # fmt: skip
    both = [
        {"columns": [names[i], names[j]], "unique_alone": _unique(_joint(dense[i], dense[j]), often)} for i, j in combinations(range(count), 2)
    ]
    both.sort(key=lambda pair: (-float(pair["unique_alone"]), pair["columns"]))  # type: ignore[arg-type]
    return {"unique": _unique(ahead[-1], often), "columns": columns, "pairs": both[:pairs]}


def _joint(left: Integers, right: Integers) -> Integers:
    """One code for each distinct pair, dense from 0, so that a product of two never overflows."""
    pair = left.astype(np.int64) * (int(right.max(initial=0)) + 1) + right
    return numbered(pair)[0]


def _unique(codes: Integers, persons: Integers) -> float:
    return round(int((np.bincount(codes, persons) == 1).sum()) / int(persons.sum()), 9) if len(codes) else 0.0


def _bits(codes: Integers, persons: Integers) -> float:
    share = np.bincount(codes, persons) / max(int(persons.sum()), 1)
    share = share[share > 0]
    return round(float(-(share * np.log2(share)).sum()) + 0.0, 6)
