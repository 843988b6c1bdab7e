"""Categories for which nobody gave a ladder: what many persons have stays, what few have is ``other``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anonymize.columns.hierarchy_values import Step, as_text
from anonymize.recipe import CountsHierarchy

OTHER = "other"


def unasked(k: int) -> CountsHierarchy:
    """The ladder of a text column without one, by k alone: k, 10 k and 100 k persons.

    A value of fewer than k persons can never stand in a class on its own. With other columns beside it a value needs
    many times k, hence the two steps above.
    """
    return CountsHierarchy(counts=(k, 10 * k, 100 * k))


def steps(thresholds: Sequence[int], values: Sequence[Any], persons: Sequence[int]) -> tuple[Step, ...]:
    """A step for each threshold that changes something: values of fewer persons become ``other``.

    ``persons[i]``: distinct persons with ``values[i]``; a value that nobody has counts as rare, and makes no other rare. ``other`` never
    stands for one value alone, which would be named by exclusion: the next rarer one joins it. A level that says the
    same as the one below, or ``other`` of everything, is left out.
    """
    rare_first = sorted((count, as_text(value)) for value, count in zip(values, persons, strict=True) if count)
    found: list[Step] = []
    last = 0
    for threshold in thresholds:
        rare = sum(count < threshold for count, _ in rare_first)
        rare = max(rare, 2) if rare else 0
        if last < rare < len(rare_first):
            found.append(_kept({text for _, text in rare_first[rare:]}))
            last = rare
    return tuple(found)


def _kept(frequent: set[str]) -> Step:
    return lambda value: text if (text := as_text(value)) in frequent else OTHER
