"""Quantiles from a tree of counts over a public grid of values.

The leaves are the grid's values, and every node of the levels above counts the rows below it; there is no count at the
root. A clamped row adds 1 to one node a level, so that R rows of one person change a level by at most R in L1, and by at
most R in L2 too, when all fall into one leaf. Noise is drawn on every node, also where nothing was counted.

What follows is post-processing, free of charge. The noisy counts are made consistent by least squares (Hay, Rastogi,
Miklau & Suciu, "Boosting the accuracy of differentially private histograms through consistency", 2010): upwards each count
is averaged with the sum of those below it, downwards what is left over is shared out among them, each by the inverse of its
variance, so that a level need not be full.

With F(v) the consistent count of values up to v, and N that of all, the q-quantile is where F(v) - q·N changes its sign.
Its 95 % interval inverts tests: v is a q-quantile when F(v-1) ≤ q·N ≤ F(v), so it stays unless F(v) - q·N is below, or
F(v-1) - q·N above, what 97.5 % of the noise of these two reach. A q-quantile stays with a chance of 95 %; the interval goes
from the first to the last value that stays, and is the whole grid where there may be no row at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from anonymize.aggregates.laplace import variance
from anonymize.aggregates.noise import AnyNoise, Integers, Noise

Floats: TypeAlias = npt.NDArray[np.float64]

Z = 1.959963984540054  # 97.5 % of the normal distribution
CHEBYSHEV = math.sqrt(20)  # of any distribution at most one part in twenty lies farther out, in standard deviations
AT_ONCE = 4_000_000  # counts that are worked on together
WIDEST = 64  # fan-out: beyond it two levels are better than one
EXACT = 1e-9  # what a difference of counts may be off by in doubles, relative to the counts


@dataclass(frozen=True)
class Tree:
    """The shape of a tree over ``leaves`` ≥ 2 values, with at most ``fan_out`` ≥ 2 nodes below each node."""

    leaves: int
    fan_out: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many nodes each level has, from below the root down to the leaves."""
        sizes = [self.leaves]
        while sizes[0] > self.fan_out:
            sizes.insert(0, -(-sizes[0] // self.fan_out))
        return tuple(sizes)

    @property
    def levels(self) -> int:
        return len(self.sizes)

    @property
    def nodes(self) -> int:
        return sum(self.sizes)


@lru_cache(maxsize=64)
def best_tree(leaves: int, *, squared: bool) -> Tree:
    """The tree whose ranks have the least mean variance, with noise that grows with the number of levels.

    A row is in a node of every level: the scale of Laplace noise grows with the levels, of Gaussian noise (``squared``: its
    sensitivity is one of squares) with their root.
    """
    def cost(tree: Tree) -> float:
        return float(np.mean(_spread(tree, 0.5)[0])) * tree.levels ** (1 if squared else 2)

    return min((Tree(leaves, fan_out) for fan_out in range(2, min(leaves, WIDEST) + 1)), key=cost)


def counts(tree: Tree, leaves: Integers) -> Integers:
    """(cell, leaf) → (cell, node), level after level from the top."""
    levels = [leaves]
    while len(levels) < tree.levels:
        levels.insert(0, _sums(tree, levels[0]))
    return np.concatenate(levels, axis=1)


def consistent(tree: Tree, nodes: Integers) -> Floats:
    """(cell, node) of noisy counts → (cell, leaf) of those that fit all of them best, in the sense of least squares."""
    noisy = np.split(nodes.astype(np.float64), np.cumsum(tree.sizes)[:-1], axis=1)
    weights = _weights(tree)
    upwards = [noisy[-1]]
    for level in range(tree.levels - 2, -1, -1):
        own = weights[level].own
        upwards.insert(0, own * noisy[level] + (1 - own) * _sums(tree, upwards[0]))
    best = upwards[0]
    for level in range(1, tree.levels):
        left_over = best - _sums(tree, upwards[level])
        best = upwards[level] + weights[level].share * np.repeat(left_over, tree.fan_out, axis=1)[:, : tree.sizes[level]]
    return best


def quantile(tree: Tree, nodes: Integers, q: float, noise: AnyNoise) -> tuple[Integers, Integers, Integers]:
    """The leaf, from 0, of the ``q``-quantile and of the ends of its 95 % interval: (cell,) each.

    ``nodes``: (cell, node) of noisy counts. The leaf is the first whose count of values up to it is q·N or more, where
    noise leaves these counts in order.
    """
    step = max(1, AT_ONCE // tree.nodes)
    parts = [_quantile(tree, nodes[i : i + step], q, noise) for i in range(0, len(nodes), step)]
    none = np.zeros(0, dtype=np.int64)
    value, lower, upper = (np.concatenate([none, *(part[i] for part in parts)]) for i in range(3))
    return value, lower, upper


def _quantile(tree: Tree, nodes: Integers, q: float, noise: AnyNoise) -> tuple[Integers, Integers, Integers]:
    up_to = np.cumsum(consistent(tree, nodes), axis=1)
    total = up_to[:, -1:]
    above = up_to - q * total  # (cell, leaf): below 0 where the quantile is larger
    above[np.abs(above) <= EXACT * (1 + np.abs(up_to))] = 0.0
    reach = half_widths(tree, q, noise)
    value = (above < 0).sum(axis=1)
    lower = np.argmax(above >= -reach, axis=1)
    small = np.concatenate([np.ones_like(total, dtype=bool), above[:, :-1] <= reach[:-1]], axis=1)
    upper = tree.leaves - 1 - np.argmax(small[:, ::-1], axis=1)
    maybe_none = total[:, 0] <= half_width_of_total(tree, noise)
    value = np.where(total[:, 0] > 0, value, (tree.leaves - 1) // 2)
    return value, np.where(maybe_none, 0, lower), np.where(maybe_none, tree.leaves - 1, upper)


def half_widths(tree: Tree, q: float, noise: AnyNoise) -> Floats:
    """(leaf,): the noise of F(v) - q·N lies within ±this with a chance of 95 %."""
    return _reach(*_spread(tree, q), noise)


def half_width_of_total(tree: Tree, noise: AnyNoise) -> float:
    """The noise of N lies within ±this with a chance of 95 %."""
    top = _weights(tree)[0]
    return float(_reach(top.variance.sum(), top.fourth.sum(), noise))


def _reach(squares: Floats, fourths: Floats, noise: AnyNoise) -> Floats:
    """Half-width of a sum of draws, of whose weights these are the sums of squares and of fourth powers.

    By the first term that the fourth cumulant adds to a normal quantile (Cornish & Fisher 1938), never beyond Chebyshev's.
    """
    second, fourth = _cumulants(noise)
    excess = fourth * fourths / (second * squares) ** 2
    return np.asarray(np.sqrt(second * squares) * np.minimum(Z + excess * (Z**3 - 3 * Z) / 24, CHEBYSHEV))


def _cumulants(noise: AnyNoise) -> tuple[float, float]:
    """The second and the fourth: 2a/(1 - a)² and 2a(1 + 4a + a²)/(1 - a)⁴ of discrete Laplace noise, σ² and 0 of Gaussian."""
    if not isinstance(noise, Noise):
        return noise.scale**2, 0.0
    second = float(variance(noise.rate))
    # 2a(1 + 4a + a²)/(1 - a)⁴ in terms of the second, which holds its digits where a is nearly 1
    return second, second * (1 + 3 * second)


# --- what least squares weigh: of unit variance, the same in every cell --------------------------------------------


@dataclass(frozen=True)
class _Level:
    """(node,) each. ``own``: the weight of a node's own count when going up. ``share``: its part of what is left over when
    going down. ``variance`` and ``fourth``: of the count that going up gives it, in those of one draw."""

    own: Floats
    share: Floats
    variance: Floats
    fourth: Floats


@lru_cache(maxsize=64)
def _weights(tree: Tree) -> tuple[_Level, ...]:
    ones = np.ones(tree.leaves)
    levels = [_Level(ones, ones, ones, ones)]
    for _ in tree.sizes[1:]:
        below = levels[0]
        summed, fourths = _sums(tree, below.variance[None])[0], _sums(tree, below.fourth[None])[0]
        own = summed / (1 + summed)
        share = below.variance / np.repeat(summed, tree.fan_out)[: len(below.variance)]
        levels[0] = _Level(below.own, share, below.variance, below.fourth)
        levels.insert(0, _Level(own, np.ones_like(own), own**2 + (1 - own) ** 2 * summed, own**4 + (1 - own) ** 4 * fourths))
    return tuple(levels)


@lru_cache(maxsize=64)
def _spread(tree: Tree, q: float) -> tuple[Floats, Floats]:
    """Of F(v) - q·N as a sum of weighted draws, one a node: the weights' sums of squares and of fourth powers, (leaf,) each.

    Within the subtree of a node on the path to v, the count up to v is a part ``alpha`` of the node's consistent count and
    a sum over the counts that going up gave to what is below. Those left of the path have weight 1 - alpha in it, those
    right of it -alpha. At the root, alpha is q.
    """
    weights = _weights(tree)
    paths = [np.arange(tree.leaves) // tree.fan_out**above for above in range(tree.levels - 1, -1, -1)]
    alpha = [np.ones(tree.leaves)]
    for level in range(tree.levels - 1, 0, -1):
        left, _ = _beside(tree, weights[level].share, paths[level])
        alpha.insert(0, left + alpha[0] * weights[level].share[paths[level]])
    squares, fourths = np.zeros(tree.leaves), np.zeros(tree.leaves)
    outer, carried = np.full(tree.leaves, q), np.zeros(tree.leaves)
    for path, inner, of in zip(paths, alpha, weights, strict=True):
        left, right, on = 1 - outer + carried, -outer + carried, inner - outer + carried
        own = of.own[path]
        for total, moment, power in ((squares, of.variance, 2), (fourths, of.fourth, 4)):
            before, after = _beside(tree, moment, path)
            total += left**power * before + right**power * after + (on * own) ** power
        outer, carried = inner, on * (1 - own)
    return squares, fourths


def _beside(tree: Tree, of_nodes: Floats, path: Integers) -> tuple[Floats, Floats]:
    """Sums over the siblings left and right of each node of ``path``."""
    sums = np.concatenate([[0.0], np.cumsum(of_nodes)])
    first = path // tree.fan_out * tree.fan_out
    end = np.minimum(first + tree.fan_out, len(of_nodes))
    return sums[path] - sums[first], sums[end] - sums[path + 1]


_Number = TypeVar("_Number", np.int64, np.float64)


def _sums(tree: Tree, nodes: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    """(…, node) → (…, node of the level above)."""
    found: npt.NDArray[_Number] = np.add.reduceat(nodes, np.arange(0, nodes.shape[1], tree.fan_out), axis=1)
    return found
