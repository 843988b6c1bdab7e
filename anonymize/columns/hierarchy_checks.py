"""What must hold of a ladder that is written down: every leaf once, no gap, levels that nest, no label above itself.

An entry is its position (a line, or a feature, counted from 1) and its labels, leaf first. Problems name the position
and the level, never a value: leaves may be values of persons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Literal, TypeAlias

from anonymize.columns.hierarchy_values import TOP
from anonymize.errors import Problem

Entry: TypeAlias = tuple[int, tuple[str, ...]]
Kind = Literal["line", "feature"]


def problems(entries: Sequence[Entry], what: Kind) -> list[Problem]:
    """All that is wrong with entries of one length."""
    return [*_empty(entries, what), *_duplicates(entries, what), *_not_nested(entries, what)] or list(_cycle(entries, what))


def problem(code: str, what: Kind, position: int, message: str) -> Problem:
    """A line is named by its number, a feature by a JSON pointer into the layer."""
    text = f"{what} {position}{message}"
    return Problem(code, text, line=position) if what == "line" else Problem(code, text, pointer=f"/features/{position - 1}")


def _empty(entries: Sequence[Entry], what: Kind) -> Iterator[Problem]:
    for number, labels in entries:
        for level, label in enumerate(labels):
            if not label:
                yield problem("empty_label", what, number, f", level {level} is empty")


def _duplicates(entries: Sequence[Entry], what: Kind) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for number, labels in entries:
        first = seen.setdefault(labels[0], number)
        if first != number:
            yield problem("duplicate_leaf", what, number, f" repeats the leaf of {what} {first}")


def _not_nested(entries: Sequence[Entry], what: Kind) -> Iterator[Problem]:
    for level in range(1, len(entries[0][1]) - 1):
        parents: dict[str, tuple[str, int]] = {}
        for number, labels in entries:
            parent, first = parents.setdefault(labels[level], (labels[level + 1], number))
            if parent != labels[level + 1]:
                message = f": its label at level {level} lies under another label of level {level + 1} than {what} {first} says: levels must nest"
                yield problem("not_nested", what, number, message)


def _cycle(entries: Sequence[Entry], what: Kind) -> Iterator[Problem]:
    """A label that repeats on its own path's next level is padding; one that returns by way of others is a cycle.

    Above every path stands ``*``: below another label it would be a cycle too.
    """
    above = {TOP, *(label for _, labels in entries for label in labels[1:])}
    edges: dict[tuple[str, str], int] = {}
    for number, labels in entries:
        for level, (low, high) in enumerate(pairwise((*labels, TOP))):
            if low != high and (level or low in above):
                edges.setdefault((low, high), number)
    graph: TopologicalSorter[str] = TopologicalSorter()
    for low, high in edges:
        graph.add(low, high)
    try:
        graph.prepare()
    except CycleError as error:
        path = error.args[1]  # each the predecessor of the next, the first again at the end
        number = min(edges[(low, high)] for high, low in pairwise(path))
        yield problem("cycle", what, number, ": a label of it lies above itself: the ladder has a cycle")
