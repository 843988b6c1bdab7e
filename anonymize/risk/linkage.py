"""Nearest-neighbour linkage: an attacker who knows q columns of a person looks for that person's row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np

from anonymize.risk.attacks import Attack, nearest
from anonymize.risk.coding import Coded, Integers
from anonymize.risk.rates import Rate, generator, wilson

SUBSETS = 10
"""Sets of q known columns that targets are shared among."""


def linkage(
    tables: Coded, q: int, *, columns: Sequence[int] | None = None, targets: int = 1000, rng: np.random.Generator | None = None
) -> Attack:
    """Linking sampled people to rows of the release through ``q`` of the ``columns`` (default: all), drawn at random.

    The attacker picks one of the n nearest rows at random. Rows carry no name: a person counts as there when some row
    agrees with them in *every* column of both tables, and the link is then right with chance 1/n. Scored by that chance,
    in [0, 1]. Control: the same on held-out people, with whom a row agrees by coincidence. Baseline: a random row.
    After Domingo-Ferrer & Torra, "Disclosure risk assessment in statistical data protection" (2004).
    """
    draw = rng or generator()
    able = list(columns) if columns is not None else list(range(len(tables.columns)))
    if not 1 <= q <= len(able):
        raise ValueError("the attacker knows at least one of the columns and at most all")
    known = _subsets(able, q, draw)
    attack = _rate(tables, tables.original, known, targets, draw)
    control = None if tables.holdout is None else _rate(tables, tables.holdout, known, targets, draw)
    guess = wilson(attack.trials / max(len(tables.release), 1), attack.trials)
    return Attack("linkage", attack, guess, control)


def _subsets(able: list[int], q: int, draw: np.random.Generator) -> list[tuple[int, ...]]:
    if comb(len(able), q) <= SUBSETS:
        return list(combinations(able, q))
    return [tuple(int(i) for i in np.sort(draw.choice(able, q, replace=False))) for _ in range(SUBSETS)]


def _rate(tables: Coded, people: Integers, known: list[tuple[int, ...]], targets: int, draw: np.random.Generator) -> Rate:
    chosen = people[draw.choice(len(people), min(targets, len(people)), replace=False)]
    if not len(tables.release):
        return wilson(0, len(chosen))
    parts = np.array_split(np.arange(len(chosen)), len(known))
    won = sum(_won(tables, chosen[part], columns) for part, columns in zip(parts, known, strict=True))
    return wilson(won, len(chosen))


def _won(tables: Coded, people: Integers, known: tuple[int, ...]) -> float:
    """Expected right links: 1 / (rows equally near) for each person whom some row agrees with in every column.

    Such a row is at distance 0 in the known columns too, so it is always among the nearest.
    """
    agrees = [near.distance == 0 for near in nearest(tables, people, range(len(tables.columns)))]
    rows = [near.rows for near in nearest(tables, people, known)]
    return sum(1 / n for n, right in zip(rows, agrees, strict=True) if right)
