"""Which columns, and which pairs of them, make people stand out: what a steward should coarsen first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from anonymize.risk.arrays import Integers
from anonymize.risk.arrays import dense as numbered

FLAT = 1 << 22
"""Keys below this are counted in a flat array, others by hashing."""


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
    single = [_Keys(column, int(column.max(initial=0)) + 1) for column in dense]
    ahead, behind = [_Keys.one(len(codes))], [_Keys.one(len(codes))]
    for column in single:
        ahead.append(ahead[-1].joined(column))
    for column in reversed(single):
        behind.append(behind[-1].joined(column))
    without = [ahead[i].joined(behind[count - 1 - i]).alone(often) for i in range(count)]
    columns = [
        {"column": name, "distinct": int(dense[i].max(initial=-1)) + 1, "bits": _bits(dense[i], often), "unique_alone": single[i].alone(often), "unique_without": without[i]}
        for i, name in enumerate(names)
    ]  # fmt: skip
    both = [
        {"columns": [names[i], names[j]], "unique_alone": single[i].joined(single[j]).alone(often)} for i, j in combinations(range(count), 2)
    ]
    both.sort(key=lambda pair: (-float(pair["unique_alone"]), pair["columns"]))  # type: ignore[arg-type]
    return {"unique": ahead[-1].alone(often), "columns": columns, "pairs": both[:pairs]}


@dataclass(frozen=True)
class _Keys:
    """(row,) a number below ``room`` for what it has in some columns: equal where they are equal."""

    keys: Integers
    room: int

    @staticmethod
    def one(rows: int) -> _Keys:
        """Of no column: all rows are equal."""
        return _Keys(np.zeros(rows, dtype=np.int64), 1)

    def joined(self, other: _Keys) -> _Keys:
        """Of the columns of both; numbered anew where the product would leave 64 bits."""
        one, two = self, other
        if one.room * two.room >= 1 << 62:
            one, two = one._tight(), two._tight()
        return _Keys(one.keys * two.room + two.keys, one.room * two.room)

    def _tight(self) -> _Keys:
        keys, distinct = pd.factorize(self.keys)
        return _Keys(np.asarray(keys, dtype=np.int64), max(len(distinct), 1))

    def alone(self, often: Integers) -> float:
        """Share of the rows, in [0, 1], that no other row equals. ``often``: (row,) how often each occurs."""
        keys = self.keys if self.room <= FLAT else pd.factorize(self.keys)[0]
        return round(int((np.bincount(keys, often) == 1).sum()) / int(often.sum()), 9) if len(keys) else 0.0


def _bits(codes: Integers, often: Integers) -> float:
    share = np.bincount(codes, often) / max(int(often.sum()), 1)
    share = share[share > 0]
    return round(float(-(share * np.log2(share)).sum()) + 0.0, 6)
