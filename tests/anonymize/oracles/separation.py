"""What the classes of a local recoding tell about each other, by going through every possibility.

A class is one set of leaves a column; a part is a set of leaves that the ladder would have told apart one level below. Nothing here
is shared with the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

Class = Sequence[frozenset[str]]
Parts = Sequence[Sequence[frozenset[str]]]
Slot = tuple[int, int, int]
"""(class, column, part)."""


def overlap(one: Class, other: Class) -> bool:
    return all(a & b for a, b in zip(one, other, strict=True))


def reasons(classes: Sequence[Class], parts: Sequence[Parts], one: int, other: int) -> list[Slot]:
    """The slots of which one must be empty: a part of the coarser label that holds the finer one."""
    found = []
    for rest, went in ((one, other), (other, one)):
        for column, (coarse, fine) in enumerate(zip(classes[rest], classes[went], strict=True)):
            if fine < coarse:
                found += [(rest, column, i) for i, part in enumerate(parts[rest][column]) if fine <= part]
    return found


def slots_that_may_hold_rows(classes: Sequence[Class], parts: Sequence[Parts]) -> set[Slot]:
    """Every slot that holds rows in some world: two parts or more of every label do, and every pair has an empty reason.

    Empty where there is no such world.
    """
    pairs = [reasons(classes, parts, i, j) for i, j in combinations(range(len(classes)), 2) if overlap(classes[i], classes[j])]
    labels = [(i, column) for i in range(len(classes)) for column in range(len(classes[i])) if len(parts[i][column]) > 1]
    speaking = {slot[:2] for pair in pairs for slot in pair}
    choices = [_holding(len(parts[i][column])) for i, column in labels if (i, column) in speaking]
    free = [label for label in labels if label not in speaking]
    asked = [label for label in labels if label in speaking]
    everywhere = {(i, column, part) for i, column in free for part in range(len(parts[i][column]))}
    possible: set[Slot] = set()
    for world in product(*choices):
        held = {(i, column, part) for (i, column), some in zip(asked, world, strict=True) for part in some}
        if all(any(slot not in held for slot in pair) for pair in pairs):
            possible |= held | everywhere
    return possible


def _holding(parts: int) -> list[tuple[int, ...]]:
    return [some for size in range(2, parts + 1) for some in combinations(range(parts), size)]
