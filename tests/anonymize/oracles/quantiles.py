"""Trees of counts and their quantiles, slow and obvious: every node written out, least squares by linear algebra."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def intervals(leaves: int, fan_out: int) -> list[range]:
    """The leaves below each node, level after level from below the root."""
    width, levels = 1, [[range(i, i + 1) for i in range(leaves)]]
    while len(levels[0]) > fan_out:
        width *= fan_out
        levels.insert(0, [range(i, min(i + width, leaves)) for i in range(0, leaves, width)])
    return [node for level in levels for node in level]


def best_leaves(leaves: int, fan_out: int) -> Floats:
    """(leaf, node): the leaves of least squares as sums over noisy nodes."""
    design = np.array([[float(leaf in node) for leaf in range(leaves)] for node in intervals(leaves, fan_out)])
    return np.linalg.pinv(design)


def weights(leaves: int, fan_out: int, q: float) -> Floats:
    """(leaf, node): of the count of values up to each leaf, less q times the count of all."""
    up_to = np.cumsum(best_leaves(leaves, fan_out), axis=0)
    return up_to - q * up_to[-1]


def quantiles(counts: Sequence[int], q: float) -> range:
    """Every leaf v with F(v - 1) ≤ q·N ≤ F(v): those whose ranks include q."""
    ranks = np.cumsum([0, *counts])
    good = [v for v in range(len(counts)) if ranks[v] <= q * ranks[-1] + 1e-9 and q * ranks[-1] - 1e-9 <= ranks[v + 1]]
    return range(good[0], good[-1] + 1)
