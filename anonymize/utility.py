"""Usefulness of what is left after generalisation and suppression."""

from __future__ import annotations

from collections.abc import Sequence
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
    return sum(int(size) ** 2 for size in rows) + suppressed * total


# --- what one column lost ----------------------------------------------------------------------------------------


def column_loss(loss: Floats, labels: Integers, rows: int) -> float:
    """Mean normalised certainty penalty of a column's cells over all ``rows`` of the input, in [0, 1]; 0: as it was.

    ``loss``: (label,) in [0, 1]; ``labels``: (released row,). A row that is not there counts 1. Xu et al., KDD 2006.
    """
    if not len(labels) <= rows:
        raise ValueError("a release has no more rows than its original")
    return round((float(loss[labels].sum()) + rows - len(labels)) / rows, 9) if rows else 0.0


def non_uniform_entropy(leaves: Integers, labels: Integers) -> float:
    """Σ -log₂(rows with the leaf / rows with the label) over rows, over the same with one label for all; in [0, 1].

    ``leaves``, ``labels``: (row,) codes of the same rows before and after. 0: nothing lost; 1: all rows have one label.
    0 for a column of one value. De Waal & Willenborg, "Information loss through global recoding and local suppression" (1999).
    """
    of_leaf, of_label = np.bincount(leaves), np.bincount(labels)
    lost = float(-np.log2(of_leaf[leaves] / of_label[labels]).sum())
    everything = float(-np.log2(of_leaf[leaves] / len(leaves)).sum()) if len(leaves) else 0.0
    return round(min(max(lost / everything, 0.0), 1.0), 9) if everything > 0 else 0.0


def entropy_loss(leaf_counts: Integers, starts: Integers, members: Integers, labels: Integers, rows: int) -> float:
    """Mean over ``rows`` of H(X | X in the label) / H(X), in [0, 1]; a row that is not there counts 1.

    Needs no row to be matched with its original. ``leaf_counts``: (leaf,) rows of the original; label i covers the leaves
    ``members[starts[i]:starts[i+1]]``; ``labels``: (released row,). Where all rows stay and equal leaves get equal labels
    it is :func:`non_uniform_entropy`. Gionis & Tassa, "k-anonymization with minimal loss of information", TKDE 2009.
    """
    whole = _entropy(leaf_counts)
    if not whole > 0 or not rows:
        return 0.0
    used = np.unique(labels)
    inside = {int(i): _entropy(leaf_counts[members[starts[i] : starts[i + 1]]]) / whole for i in used}
    lost = sum(inside[int(i)] * int(n) for i, n in zip(*np.unique(labels, return_counts=True), strict=True))
    return round(min((lost + rows - len(labels)) / rows, 1.0), 9)


def _entropy(counts: Integers) -> float:
    share = counts[counts > 0] / max(int(counts.sum()), 1)
    return float(-(share * np.log2(share)).sum())


# --- distances of tables -----------------------------------------------------------------------------------------


def total_variation(p: Floats, q: Floats) -> float:
    """½Σ|p - q| of two tables of counts or shares, each brought to sum 1; in [0, 1]. 1 where one of them is empty."""
    if not (p.sum() > 0 and q.sum() > 0):
        return 0.0 if p.sum() == q.sum() else 1.0
    return round(float(np.abs(p / p.sum() - q / q.sum()).sum()) / 2, 9)


def marginal_distance(leaves: Integers, labels: Integers, blocks: Integers, spread: Floats) -> float:
    """Total variation between a column before and after, in [0, 1].

    ``blocks``: (leaf,); ``spread``: (label, block), a label's rows shared out evenly among its leaves, as a reader who knows
    no better would. ``leaves``: (original row,); ``labels``: (released row,).
    """
    before = np.bincount(blocks[leaves], minlength=spread.shape[1]).astype(np.float64)
    return total_variation(before, np.bincount(labels, minlength=len(spread)) @ spread)


def two_way_distances(
    leaves: Integers, labels: Integers, blocks: Sequence[Integers], spreads: Sequence[Floats]
) -> dict[tuple[int, int], float]:
    """Total variation of the table of every two columns, in [0, 1]; parameters as :func:`marginal_distance`, a column each."""
    return {(i, j): _two_way(leaves, labels, blocks, spreads, i, j) for i, j in combinations(range(len(spreads)), 2)}


def _two_way(leaves: Integers, labels: Integers, blocks: Sequence[Integers], spreads: Sequence[Floats], i: int, j: int) -> float:
    left, right = spreads[i], spreads[j]
    before = _crossed(blocks[i][leaves[:, i]], blocks[j][leaves[:, j]], left.shape[1], right.shape[1])
    after = _crossed(labels[:, i], labels[:, j], len(left), len(right))
    return total_variation(before, left.T @ after @ right)


def _crossed(a: Integers, b: Integers, height: int, width: int) -> Floats:
    flat = np.bincount(a.astype(np.int64) * width + b, minlength=height * width)
    return flat.reshape(height, width).astype(np.float64)


# --- models ------------------------------------------------------------------------------------------------------


def model_accuracy(features: Floats, target: Integers, test_features: Floats, test_target: Integers) -> dict[str, float]:
    """How well a naive Bayes model learnt from one table predicts another: share of right answers, in [0, 1].

    ``features``: (row, feature) not negative, every column's shares of its values summing to 1 (a generalised cell has
    a share of each value it may stand for: expected counts, which naive Bayes takes as they are); ``target``: (row,) codes.
    ``accuracy``; ``balanced``: mean over the test's values of their share of right answers, which a model that only knows the
    commonest value cannot win; ``commonest``: what that one would get. Train on the original and on the release, and compare.
    """
    from sklearn.naive_bayes import MultinomialNB

    if not len(target) or not len(test_target):
        return {"accuracy": 0.0, "balanced": 0.0, "commonest": 0.0}
    right = MultinomialNB().fit(features, target).predict(test_features) == test_target
    _, of = np.unique(test_target, return_inverse=True)
    balanced = np.bincount(of, weights=right) / np.bincount(of)
    commonest = test_target == np.bincount(target).argmax()
    figures = {"accuracy": right.mean(), "balanced": balanced.mean(), "commonest": commonest.mean()}
    return {name: round(float(figure), 6) for name, figure in figures.items()}
