"""Usefulness of what is left after generalisation and suppression.

Every figure is worked out from counts (rows a class, rows a label, rows a distinct row), so that it costs what the
distinct values cost, however many rows there are. None has a unit but discernibility, which is in rows squared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]


def granularity(loss: float) -> float:
    """1 - normalised certainty penalty, in [0, 1]; 1: every cell as it was, 0: everything is ``*``.

    ``loss``: mean over all quasi-identifying cells of the input of (leaves covered - 1) / (leaves of the domain - 1),
    a cell of a suppressed row counting 1. Xu et al., "Utility-based anonymization using local recoding", KDD 2006.
    """
    if not 0 <= loss <= 1:
        raise ValueError("a loss lies between 0 and 1")
    return round(1 - loss, 12)


def average_class_size(rows: Integers) -> float:
    """Mean rows a class; ``rows``: (class,) all above 0. At least 1. 0.0 when there is no class."""
    return float(rows.mean()) if len(rows) else 0.0


def normalised_class_size(rows: Integers, k: int) -> float:
    """C_avg = (rows / classes) / k: 1 is as small as k allows. LeFevre et al., "Mondrian", ICDE 2006."""
    return average_class_size(rows) / k


def discernibility(rows: Integers, suppressed: int, total: int) -> int:
    """Sum over kept rows of their class's size, plus ``total`` a suppressed row; from ``total`` (best) to total².

    Bayardo & Agrawal, "Data privacy through optimal k-anonymization", ICDE 2005.
    """
    sizes, classes = np.unique(rows, return_counts=True)  # few distinct sizes, in Python's whole numbers: no sum is too large
    return sum(int(size) ** 2 * int(n) for size, n in zip(sizes, classes, strict=True)) + suppressed * total


# --- what one column lost ----------------------------------------------------------------------------------------


def column_loss(loss: Floats, label_rows: Integers, rows: int) -> float:
    """Mean normalised certainty penalty of a column's cells over all ``rows`` of the input, in [0, 1]; 0: as it was.

    Σ loss·rows over the labels, plus 1 for every row that is not there, over ``rows``. ``loss``: (label,) in [0, 1];
    ``label_rows``: (label,) released rows. Raises ValueError for more of them than ``rows``. Xu et al., KDD 2006.
    """
    there = int(label_rows.sum())
    if not there <= rows:
        raise ValueError("a release has no more rows than its original")
    return round((float(loss @ label_rows) + rows - there) / rows, 9) if rows else 0.0


def non_uniform_entropy(leaves: Integers, labels: Integers) -> float:
    """Σ -log₂(rows with the leaf / rows with the label) over rows, over the same with one label for all; in [0, 1].

    ``leaves``, ``labels``: (row,) codes of the same rows before and after. 0: nothing lost; 1: all rows have one label.
    0 for a column of one value. De Waal & Willenborg, "Information loss through global recoding and local suppression" (1999).
    """
    of_leaf, of_label = np.bincount(leaves), np.bincount(labels)
    lost = float(-np.log2(of_leaf[leaves] / of_label[labels]).sum())
    everything = float(-np.log2(of_leaf[leaves] / len(leaves)).sum()) if len(leaves) else 0.0
    return round(min(max(lost / everything, 0.0), 1.0), 9) if everything > 0 else 0.0


def entropy_loss(leaf_rows: Integers, starts: Integers, members: Integers, label_rows: Integers, rows: int) -> float:
    """Mean over ``rows`` of H(X | X in the label) / H(X), in [0, 1]; a row that is not there counts 1. 0: nothing lost.

    Needs no row to be matched with its original. ``leaf_rows``: (leaf,) rows of the original; label i covers the leaves
    ``members[starts[i]:starts[i+1]]``; ``label_rows``: (label,) released rows. Where all rows stay and equal leaves get equal
    labels it is :func:`non_uniform_entropy`. Gionis & Tassa, "k-anonymization with minimal loss of information", TKDE 2009.
    """
    whole = _entropy(leaf_rows)
    if not whole > 0 or not rows:
        return 0.0
    lost = sum(_entropy(leaf_rows[members[starts[i] : starts[i + 1]]]) / whole * int(label_rows[i]) for i in np.flatnonzero(label_rows))
    return round(min((lost + rows - int(label_rows.sum())) / rows, 1.0), 9)


def _entropy(counts: Integers) -> float:
    share = counts[counts > 0] / max(int(counts.sum()), 1)
    return float(-(share * np.log2(share)).sum())


# --- distances of tables -----------------------------------------------------------------------------------------


def total_variation(p: Floats, q: Floats) -> float:
    """½Σ|p - q| of two tables of counts or shares, each brought to sum 1; in [0, 1]. 1 where one of them is empty."""
    if not (p.sum() > 0 and q.sum() > 0):
        return 0.0 if p.sum() == q.sum() else 1.0
    return round(float(np.abs(p / p.sum() - q / q.sum()).sum()) / 2, 9)


@dataclass(frozen=True)
class Shared:
    """What the labels of one column say of its values, brought to few cells.

    ``blocks``: (leaf,) the cell of each value. ``groups``: (label,) labels that say the same of the cells are one group.
    ``shares``: (group, block), a label's rows shared out evenly among its leaves, as a reader who knows no better would;
    a row sums to 1, or to 0 for a label of which nothing is known. The first groups are the blocks themselves.
    """

    blocks: Integers
    groups: Integers
    shares: Floats


def shared(starts: Integers, members: Integers, blocks: Integers) -> Shared:
    """``blocks``: (leaf,) numbers from 0 without gaps; label i covers the leaves ``members[starts[i]:starts[i+1]]``.

    Takes memory for the blocks and for the labels that lie across several, not for every label.
    """
    cells, labels = int(blocks.max(initial=-1)) + 1, len(starts) - 1
    owner, cell = np.repeat(np.arange(labels), np.diff(starts)), blocks[members]
    low, high = np.full(labels, cells), np.full(labels, -1)
    np.minimum.at(low, owner, cell)
    np.maximum.at(high, owner, cell)
    groups, across = low.copy(), np.flatnonzero(low != high)
    groups[across] = cells + np.arange(len(across))
    shares = np.concatenate([np.eye(cells), np.zeros((len(across), cells))])
    wide = low[owner] != high[owner]
    np.add.at(shares, (groups[owner[wide]], cell[wide]), 1 / np.diff(starts)[owner[wide]])
    return Shared(blocks, groups, shares)


def marginal_distance(leaf_rows: Integers, label_rows: Integers, column: Shared) -> float:
    """Total variation between a column before and after, in [0, 1]; 0: the same shares of every value.

    ``leaf_rows``: (leaf,) rows of the original; ``label_rows``: (label,) rows of the release.
    """
    before: Floats = np.bincount(column.blocks, weights=leaf_rows, minlength=column.shares.shape[1]).astype(np.float64)
    after = np.bincount(column.groups, weights=label_rows, minlength=len(column.shares))
    return total_variation(before, after @ column.shares)


@dataclass(frozen=True)
class Rows:
    """Distinct rows and how often each occurs. ``codes``: (distinct row, column); ``counts``: (distinct row,)."""

    codes: Integers
    counts: Integers


def two_way_distances(before: Rows, after: Rows, columns: Sequence[Shared]) -> dict[tuple[int, int], float]:
    """Total variation of the table of every two columns, in [0, 1]; 0: the same shares in every cell.

    ``before``: leaves of the original; ``after``: labels of the release; ``columns``: a :class:`Shared` a column.
    """
    was = np.column_stack([column.blocks[before.codes[:, i]] for i, column in enumerate(columns)])
    is_now = np.column_stack([column.groups[after.codes[:, i]] for i, column in enumerate(columns)])
    return {
        (i, j): _two_way(Rows(was[:, [i, j]], before.counts), Rows(is_now[:, [i, j]], after.counts), columns[i].shares, columns[j].shares)
        for i, j in combinations(range(len(columns)), 2)
    }


def _two_way(before: Rows, after: Rows, left: Floats, right: Floats) -> float:
    return total_variation(_crossed(before, left.shape[1], right.shape[1]), left.T @ _crossed(after, len(left), len(right)) @ right)


def _crossed(rows: Rows, height: int, width: int) -> Floats:
    """(height, width): how many rows have a pair of codes."""
    flat = np.bincount(rows.codes[:, 0] * width + rows.codes[:, 1], weights=rows.counts, minlength=height * width)
    return flat.astype(np.float64).reshape(height, width)


# --- models ------------------------------------------------------------------------------------------------------


def model_accuracy(features: Floats, target: Integers, test_features: Floats, test_target: Integers) -> dict[str, float]:
    """How well a naive Bayes model learnt from one table predicts another: share of right answers, in [0, 1].

    ``features``: (row, feature) not negative, every column's shares of its values summing to 1 (a generalised cell has
    a share of each value it may stand for: expected counts, which naive Bayes takes as they are); ``target``: (row,) codes.
    ``accuracy``; ``balanced``: mean over the test's values of their share of right answers, which a model that only knows the
    commonest value cannot win; ``commonest``: what that one would get. Train on the original and on the release, and compare.
    Multinomial naive Bayes with one row added to every count (Manning et al., "Introduction to Information Retrieval", 2008, ch. 13).
    """
    if not len(target) or not len(test_target):
        return {"accuracy": 0.0, "balanced": 0.0, "commonest": 0.0}
    right = _naive_bayes(features, target, test_features) == test_target
    _, of = np.unique(test_target, return_inverse=True)
    balanced = np.bincount(of, weights=right) / np.bincount(of)
    commonest = test_target == np.bincount(target).argmax()
    figures = {"accuracy": right.mean(), "balanced": balanced.mean(), "commonest": commonest.mean()}
    return {name: round(float(figure), 6) for name, figure in figures.items()}


def _naive_bayes(features: Floats, target: Integers, test_features: Floats) -> Integers:
    """(test row,) the likeliest target: the largest log P(target) + Σ feature · log P(feature | target); the smallest on a tie."""
    seen, of = np.unique(target, return_inverse=True)
    member = np.zeros((len(seen), len(target)))
    member[of, np.arange(len(target))] = 1
    counts = member @ features + 1  # (target, feature)
    likely = np.log(counts / counts.sum(axis=1, keepdims=True))
    best = (np.log(member.mean(axis=1)) + test_features @ likely.T).argmax(axis=1)
    return np.asarray(seen[best])
