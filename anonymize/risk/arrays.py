"""Arrays of codes: lists by key, distinct keys and rows. What the attacks have in common, and nothing about people."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Booleans: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Lists:
    """A list for every key 0 … n - 1, as compressed rows: ``members[starts[i] : starts[i + 1]]`` is that of key i."""

    starts: Integers
    members: Integers

    def of(self, key: int) -> Integers:
        return self.members[self.starts[key] : self.starts[key + 1]]

    @cached_property
    def sizes(self) -> Integers:
        """(key,) how long each list is."""
        return np.diff(self.starts)

    def joined(self, keys: Integers) -> tuple[Integers, Integers]:
        """The lists of some keys one after the other: (member,) the place in ``keys`` it belongs to, and the member."""
        sizes = self.sizes[keys]
        owner = np.repeat(np.arange(len(keys)), sizes)
        begin = np.cumsum(sizes) - sizes
        return owner, self.members[np.arange(len(owner)) - begin[owner] + self.starts[keys][owner]]

    @staticmethod
    def grouped(keys: Integers, values: Integers, count: int) -> Lists:
        """The values of each of ``count`` keys, in the order they come."""
        order = np.argsort(keys, kind="stable")
        return Lists(np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=count))]).astype(np.int64), values[order])


def unique(keys: Integers) -> Integers:
    """The distinct keys, ascending: ``np.unique`` by sorting alone, much quicker for many different ones."""
    ordered = np.sort(keys)
    return np.asarray(ordered[np.diff(ordered, prepend=ordered[:1] - 1) != 0], dtype=np.int64)


def dense(keys: Integers) -> tuple[Integers, Integers]:
    """(row,) each key's number among the distinct keys, ascending, and those: ``np.unique`` by hashing, quicker."""
    codes, distinct = pd.factorize(keys, sort=True)
    return np.asarray(codes, dtype=np.int64), np.asarray(distinct, dtype=np.int64)


def distinct_rows(codes: Integers, weights: Integers | None = None) -> tuple[Integers, Integers, Integers]:
    """(distinct row, column), (row,) its distinct row, (distinct row,) how many: ``np.unique(axis=0)``, quicker.

    ``weights``: (row,) counts a row as so many.
    """
    of, room = np.zeros(len(codes), dtype=np.int64), 1
    for column in codes.T:
        size = int(column.max(initial=0)) + 1
        if room * size >= 1 << 62:
            of, distinct = dense(of)
            room = max(len(distinct), 1)
        of, room = of * size + column, room * size
    of, distinct = dense(of)
    first = np.zeros(len(distinct), dtype=np.int64)
    first[of[::-1]] = np.arange(len(codes))[::-1]
    counts = np.bincount(of, weights=weights, minlength=len(distinct)).astype(np.int64)
    return codes[first], of, counts


@dataclass(frozen=True)
class Distinct:
    """The distinct rows of a table. ``codes``: (distinct row, column); ``of``: (row,) which one; ``counts``: (distinct row,)."""

    codes: Integers
    of: Integers
    counts: Integers

    def __len__(self) -> int:
        return len(self.codes)
