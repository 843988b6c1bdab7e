"""Who is alone with some of their own points, by going through everybody, every choice of points and every row."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from itertools import combinations

Event = tuple[int, Hashable]
"""(person, point)."""


def own_points(events: Iterable[Event]) -> dict[int, set[Hashable]]:
    found: dict[int, set[Hashable]] = {}
    for person, point in events:
        found.setdefault(person, set()).add(point)
    return found


def alone(events: Iterable[Event], p: int, seen_as: Callable[[Hashable], Hashable] = lambda point: point) -> float:
    """Mean over persons with p points or more of the share of their choices of p points that nobody else fits.

    ``seen_as``: what a point looks like to the attacker, who compares the persons by that.
    """
    own = own_points(events)
    looks = {person: {seen_as(point) for point in points} for person, points in own.items()}
    shares = []
    for points in own.values():
        choices = list(combinations(sorted(points, key=str), p))
        lone = sum(sum({seen_as(x) for x in known} <= theirs for theirs in looks.values()) == 1 for known in choices)
        shares += [lone / len(choices)] if choices else []
    return sum(shares) / len(shares)


def alone_behind_rows(rows: Iterable[tuple[int, Hashable, frozenset[Hashable]]]) -> float:
    """Mean over persons of the share of their points for which all rows that cover it are one person's.

    ``rows``: (person, point, the points that the released row covers).
    """
    listed = list(rows)
    shares = []
    for points in own_points((person, point) for person, point, _ in listed).values():
        lone = sum(len({person for person, _, covers in listed if point in covers}) == 1 for point in points)
        shares.append(lone / len(points))
    return sum(shares) / len(shares)
