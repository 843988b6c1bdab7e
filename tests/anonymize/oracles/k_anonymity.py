"""k-anonymity by full domain, written a second time: slow, obvious, exact, in plain Python.

Nothing here is shared with the engine. A ladder is a dictionary from a value to its labels, finest first, ``*`` last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from fractions import Fraction
from itertools import product

Row = tuple[Hashable, ...]
Paths = dict[Hashable, tuple[str | None, ...]]


def person_sets(rows: Sequence[Row], persons: Sequence[Hashable]) -> dict[Row, set[Hashable]]:
    """Every class and the persons in it."""
    classes: dict[Row, set[Hashable]] = defaultdict(set)
    for row, person in zip(rows, persons, strict=True):
        classes[row].add(person)
    return classes


def smallest_class(rows: Sequence[Row], persons: Sequence[Hashable]) -> int:
    return min(len(held) for held in person_sets(rows, persons).values())


def generalise(rows: Sequence[Row], ladders: Sequence[Paths], node: Sequence[int]) -> list[Row]:
    return [
        tuple(paths[value][level] for paths, value, level in zip(ladders, row, node, strict=True)) for row in rows
    ]


def cell_loss(paths: Paths, value: Hashable, level: int) -> Fraction:
    """(leaves with this label - 1) / (leaves - 1); null below the top loses nothing."""
    label = paths[value][level]
    if level == len(paths[value]) - 1:
        return Fraction(1)
    leaves = [leaf for leaf in paths if leaf is not None]
    if value is None:
        return Fraction(0)
    alike = sum(1 for leaf in leaves if paths[leaf][level] == label)
    return Fraction(alike - 1, max(len(leaves) - 1, 1))


def judge(
    rows: Sequence[Row], persons: Sequence[Hashable], ladders: Sequence[Paths], node: Sequence[int], k: int
) -> tuple[Fraction, int]:
    """Loss over all rows and number of suppressed rows at one node."""
    labelled = generalise(rows, ladders, node)
    classes = person_sets(labelled, persons)
    loss, suppressed = Fraction(0), 0
    for row, label in zip(rows, labelled, strict=True):
        if len(classes[label]) < k:
            suppressed += 1
            loss += len(ladders)
        else:
            loss += sum(cell_loss(p, value, level) for p, value, level in zip(ladders, row, node, strict=True))
    return loss / (len(rows) * len(ladders)), suppressed


def best_node(
    rows: Sequence[Row], persons: Sequence[Hashable], ladders: Sequence[Paths], k: int, limit: int
) -> tuple[Fraction, tuple[int, ...], int] | None:
    """Look at every node: the least loss that suppresses at most ``limit`` rows and not all; smallest levels on a tie."""
    found = []
    for node in product(*(range(len(next(iter(paths.values())))) for paths in ladders)):
        loss, suppressed = judge(rows, persons, ladders, node, k)
        if suppressed <= limit and suppressed < len(rows):
            found.append((loss, node, suppressed))
    return min(found, default=None)
