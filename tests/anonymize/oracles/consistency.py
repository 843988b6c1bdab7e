"""Consistency the slow way: the whole design matrix, every set of parts that could be 0, one unit at a time."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np


def weights(sizes, parents, variances):
    """What every estimate takes of every measurement: (all cells, all cells), levels from the coarsest on.

    Each measurement is a row of the design matrix over the finest cells; its weight is one over its variance.
    """
    finest = np.eye(sizes[-1])
    designs = [finest]
    for parent, size in zip(parents[::-1], sizes[-2::-1], strict=True):
        merged = np.zeros((size, sizes[-1]))
        for part, whole in enumerate(parent):
            merged[whole] += designs[0][part]
        designs.insert(0, merged)
    design = np.concatenate(designs)
    root = np.sqrt(1 / np.repeat(variances, sizes))[:, None]
    solved, *_ = np.linalg.lstsq(root * design, root * np.eye(len(design)), rcond=None)
    return design @ solved


def nearest(values, variances, total):
    """Of the parts x ≥ 0 with Σx = total those of least Σ(x - value)²/variance: the best of all sets that are not 0."""
    best = None
    places = range(len(values))
    for size in range(1, len(values) + 1):
        for kept in combinations(places, size):
            over = (sum(values[i] for i in kept) - total) / sum(variances[i] for i in kept)
            x = [values[i] - over * variances[i] if i in kept else 0.0 for i in places]
            cost = sum((x[i] - values[i]) ** 2 / variances[i] for i in places)
            if min(x) >= -1e-9 and (best is None or cost < best[0]):
                best = (cost, x)
    return best[1]


def by_largest_remainders(reals, total):
    """Round all downwards, then give the missing units one by one to the largest remainder that has none yet."""
    whole = [int(Fraction(x) // 1) for x in reals]
    order = sorted(range(len(reals)), key=lambda i: (-(Fraction(reals[i]) - whole[i]), i))
    for i in order[: total - sum(whole)]:
        whole[i] += 1
    return whole
