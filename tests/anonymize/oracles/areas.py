"""Whether a point lies in an area, slow and obvious: a ray to the east, and exact fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, TypeAlias

Point: TypeAlias = tuple[Fraction, Fraction]
Ring: TypeAlias = Sequence[Sequence[float]]


def first_of(features: Sequence[dict[str, Any]], x: Fraction, y: Fraction) -> int | None:
    """The place in the layer of the first area that holds the point, borders included; None where there is none."""
    return next((i for i, feature in enumerate(features) if holds(feature["geometry"], x, y)), None)


def holds(geometry: dict[str, Any], x: Fraction, y: Fraction) -> bool:
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return any(_in_polygon(rings, (x, y)) for rings in polygons)


def _in_polygon(rings: Sequence[Ring], point: Point) -> bool:
    if any(_on_border(ring, point) for ring in rings):
        return True
    outer, *holes = rings
    return _inside(outer, point) and not any(_inside(hole, point) for hole in holes)


def _edges(ring: Ring) -> list[tuple[Point, Point]]:
    corners = [(Fraction(corner[0]), Fraction(corner[1])) for corner in ring]
    return list(pairwise([*corners, corners[0]]))


def _on_border(ring: Ring, point: Point) -> bool:
    x, y = point
    for (ax, ay), (bx, by) in _edges(ring):
        straight = (bx - ax) * (y - ay) == (by - ay) * (x - ax)
        if straight and min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by):
            return True
    return False


def _inside(ring: Ring, point: Point) -> bool:
    """How often a ray to the east crosses the ring: an odd number of times from inside."""
    x, y = point
    crossed = [ax + (y - ay) * (bx - ax) / (by - ay) > x for (ax, ay), (bx, by) in _edges(ring) if (ay > y) != (by > y)]
    return sum(crossed) % 2 == 1
