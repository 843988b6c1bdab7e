"""The minimality attack on a full-domain release: knowing that no finer scheme would have done.

Who knows that levels were chosen as low as the promise allowed, knows that one step lower in any generalised column some
part of some class would have held 1 … k - 1 people. A class that could be that one is more suspicious than its size says.
Wong et al., "Minimality attack in privacy preserving data publishing", VLDB 2007. A scheme that was chosen without looking
at the data (``method: fixed``) tells nothing of the kind, and the attack does not apply to it.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from anonymize.risk.coding import Coded, Integers, distinct_rows
from anonymize.risk.rates import wilson

Floats = npt.NDArray[np.float64]
SURE = 0.95
EXACT = 30
"""Persons in a class up to which chances are exact."""


def node_of(tables: Coded) -> tuple[int, ...] | None:
    """The level of each column when the release is full domain: every label of a column on one level; else ``None``."""
    levels = []
    for j, column in enumerate(tables.columns):
        used = np.unique(tables.release[:, j])
        fits = [level for level, groups in enumerate(column.parents) if _at_level(column.covered, used, groups)]
        if not fits:
            return None
        levels.append(fits[0])
    return tuple(levels)


def _at_level(covered: Any, used: Integers, groups: Integers) -> bool:
    """Is every used label exactly one group of the level?"""
    sizes = np.bincount(groups)
    for label in used:
        leaves = covered(int(label))
        own = np.unique(groups[leaves])
        if len(own) != 1 or sizes[own[0]] != len(leaves):
            return False
    return True


def minimality(tables: Coded, k: int) -> dict[str, Any] | None:
    """Run the attack on the quasi-identifiers of a full-domain release without suppression; ``None`` where it is not one.

    For each generalised column and class: the chance, with persons spread evenly over the leaves of their label, that a part
    one level lower holds 1 … k-1 persons (``prior``); given that at least one class has such a part, prior / (1 - Π(1-prior))
    (``posterior``). ``gain``: mean posterior - prior over classes, in [0, 1]. A class is claimed where the posterior reaches
    0.95; ``claims`` is how often such a claim is true of the original, ``claims_before`` of those made without the attack;
    ``learnt`` counts the claims that only minimality allows. With suppression the knowledge is about more rows than one
    class, and the figures are a lower bound.
    """
    node = node_of(tables)
    if node is None or not len(tables.release):
        return None
    labels, _, sizes = distinct_rows(tables.release)
    columns = [_column(tables, labels, sizes, j, level, k) for j, level in enumerate(node) if level > 0]
    prior = np.concatenate([column[0] for column in columns]) if columns else np.zeros(0)
    posterior = np.concatenate([column[1] for column in columns]) if columns else np.zeros(0)
    truth = np.concatenate([column[2] for column in columns]) if columns else np.zeros(0, dtype=bool)
    claimed, before = posterior >= SURE, prior >= SURE
    return {
        "levels": dict(zip((column.name for column in tables.columns), node, strict=True)),
        "classes": len(labels),
        "gain": round(float((posterior - prior).mean()), 6) if len(prior) else 0.0,
        "gain_max": round(float((posterior - prior).max()), 6) if len(prior) else 0.0,
        "claims": wilson(int(truth[claimed].sum()), int(claimed.sum())).as_dict(),
        "claims_before": wilson(int(truth[before].sum()), int(before.sum())).as_dict(),
        "learnt": int((claimed & ~before).sum()),
    }


def _column(tables: Coded, labels: Integers, sizes: Integers, j: int, level: int, k: int) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """(class,) prior, posterior and truth of "a part one level lower holds 1 … k-1 persons"."""
    column = tables.columns[j]
    below = column.parents[level - 1]
    known: dict[tuple[int, int], float] = {}
    prior = np.zeros(len(labels))
    for i, (label, n) in enumerate(zip(labels[:, j], sizes, strict=True)):
        key = (int(label), int(n))
        if key not in known:
            leaves = column.covered(int(label))
            weights = np.unique(below[leaves], return_counts=True)[1] / max(len(leaves), 1)
            known[key] = small_part(int(n), weights, k)
        prior[i] = known[key]
    nobody = float(np.prod(1 - prior))
    posterior = np.minimum(prior / (1 - nobody), 1) if nobody < 1 else prior
    return prior, posterior, _truth(tables, labels, j, below, k)


def _truth(tables: Coded, labels: Integers, j: int, below: Integers, k: int) -> npt.NDArray[np.bool_]:
    """(class,): does the original really have such a part?"""
    group_of = []
    for i, column in enumerate(tables.columns):
        label_of = np.full(column.leaves, -1)
        for label in np.unique(labels[:, i]):
            label_of[column.covered(int(label))] = label
        group_of.append(label_of[tables.original[:, i]])
    people = np.column_stack(group_of)
    parts, sizes = np.unique(np.column_stack([people, below[tables.original[:, j]]]), axis=0, return_counts=True)
    small = {tuple(part[:-1]) for part, size in zip(parts.tolist(), sizes, strict=True) if size < k}
    return np.array([tuple(row) in small for row in labels.tolist()], dtype=bool)


def small_part(n: int, weights: Floats, k: int) -> float:
    """Chance that n persons, thrown into parts with these weights (sum 1), leave some part with 1 … k-1; in [0, 1].

    1 - n!·[xⁿ] Π_i (1 + Σ_{j≥k} (w_i x)ʲ/j!), exactly up to n = 30; above, as if parts were independent.
    """
    if len(weights) < 2 or k < 2:
        return 1.0 if 0 < n < k else 0.0
    distinct, times = np.unique(weights, return_counts=True)
    if n > EXACT:
        alone = binom.cdf(k - 1, n, distinct) - binom.pmf(0, n, distinct)
        return float(1 - np.prod((1 - alone) ** times))
    powers = np.arange(n + 1)
    factorials = np.array([factorial(j) for j in range(n + 1)], dtype=np.float64)
    ways = np.array([1.0])
    for weight, count in zip(distinct, times, strict=True):
        part = weight**powers / factorials
        part[1 : min(k, n + 1)] = 0
        ways = np.convolve(ways, _power(part, int(count), n))[: n + 1]
    none_small = float(ways[n]) * factorials[n] if len(ways) > n else 0.0
    return float(min(max(1 - none_small, 0.0), 1.0))


def _power(series: Floats, count: int, n: int) -> Floats:
    """A power series to the power of ``count``, up to xⁿ."""
    result, square = np.array([1.0]), series
    while count:
        if count % 2:
            result = np.convolve(result, square)[: n + 1]
        square, count = np.convolve(square, square)[: n + 1], count // 2
    return result
