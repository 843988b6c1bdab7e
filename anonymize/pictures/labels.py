"""Where labels stand beside the marks of a picture, so that each can be read and none misleads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot, inf

Spot = tuple[float, float]
"""Pixels from the left and from the top."""
Box = tuple[float, float, float, float]
"""left, top, right, bottom in pixels."""
Place = tuple[Spot, int]
"""A mark and the number of an anchor beside it."""
ANCHORS = tuple(
    (dx, dy, align, baseline)
    for far in (0, 16, 34)
    for dx, dy, align, baseline in (
        (9, 8 + far, "left", "top"), (10 + far, 0, "left", "middle"), (-9, -8 - far, "right", "bottom"), (0, 11 + far, "center", "top"),
        (0, -11 - far, "center", "bottom"), (-10 - far, 0, "right", "middle"), (9, -8 - far, "left", "bottom"), (-9, 8 + far, "right", "top"),
    )
)  # fmt: skip
"""dx, dy, align, baseline: where a label may stand, best first; eight directions, three distances."""
EIGHT = 8
SIZE, LINE_HEIGHT = 13, 17.0
NEAR = 9
"""Pixels: marks that are closer look like one."""


@dataclass(frozen=True, slots=True)
class Label:
    """``marks``: those that it may stand beside. ``needed``: it is shown however crowded the place."""

    text: str
    colour: str
    marks: tuple[Spot, ...]
    needed: bool = False

    def box(self, mark: Spot, anchor: int) -> Box:
        dx, dy, align, baseline = ANCHORS[anchor]
        wide, high = length(self.text), LINE_HEIGHT
        left = mark[0] + dx - {"left": 0.0, "center": wide / 2, "right": wide}[align]
        top = mark[1] + dy - {"top": 0.0, "middle": high / 2, "bottom": high}[baseline]
        return (left, top, left + wide, top + high)


def placed(labels: Sequence[Label], marks: Sequence[Spot], line: Sequence[Spot], room: Box) -> list[tuple[Label, Place]]:
    """Each label where it hides least of the marks, of the line, of labels before it and of the edge.

    A label that could not be read anywhere is left out, unless it is needed: a crowd is for the table beside the picture.
    """
    taken: list[Box] = [(x - 6, y - 6, x + 6, y + 6) for x, y in marks] + [(x - 1, y - 1, x + 1, y + 1) for x, y in _dots(line)]
    found: list[tuple[Label, Place]] = []
    for label in labels:
        places = [(mark, anchor) for anchor in range(len(ANCHORS)) for mark in label.marks]
        costs = [_cost(label, place, marks, taken, room) for place in places]
        best = min(range(len(places)), key=lambda i: costs[i] + places[i][1] + places[i][1] // EIGHT * 60)
        box = label.box(*places[best])
        if label.needed or costs[best] <= 0.25 * _area(box):
            taken.append(box)
            found.append((label, places[best]))
    return found


def _cost(label: Label, place: Place, marks: Sequence[Spot], taken: Sequence[Box], room: Box) -> float:
    box = label.box(*place)
    others = [_gap(box, other) for other in marks if min(apart(other, own) for own in label.marks) >= NEAR]
    misleading = _area(box) / 2 if min(others, default=inf) < _gap(box, place[0]) else 0.0  # nearer to another's mark
    return sum(_overlap(box, other) for other in taken) + 4 * (_area(box) - _overlap(box, room)) + misleading


def _dots(line: Sequence[Spot]) -> Iterator[Spot]:
    for (x, y), (to_x, to_y) in pairwise(line):
        for step in range(41):
            yield x + step / 40 * (to_x - x), y + step / 40 * (to_y - y)


def length(text: str) -> float:
    return sum(13.0 if ord(sign) > 0x2E7F else 6.8 for sign in text)


def apart(one: Spot, other: Spot) -> float:
    return max(abs(one[0] - other[0]), abs(one[1] - other[1]))


def _gap(box: Box, at: Spot) -> float:
    return hypot(max(box[0] - at[0], at[0] - box[2], 0.0), max(box[1] - at[1], at[1] - box[3], 0.0))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _overlap(a: Box, b: Box) -> float:
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0.0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)
