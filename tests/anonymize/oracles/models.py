"""Privacy models by their papers' definitions: slow, exact where they can be, in plain Python.

A class is a list of (person, value) pairs; a table is a list of such pairs too.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from fractions import Fraction
from itertools import permutations

Pair = tuple[Hashable, Hashable]


def counts(pairs: Sequence[Pair]) -> dict[Hashable, int]:
    """Distinct persons a value."""
    found: dict[Hashable, set[Hashable]] = {}
    for person, value in pairs:
        found.setdefault(value, set()).add(person)
    return {value: len(persons) for value, persons in found.items()}


def shares(pairs: Sequence[Pair]) -> dict[Hashable, Fraction]:
    held = counts(pairs)
    return {value: Fraction(n, sum(held.values())) for value, n in held.items()}


def persons(pairs: Sequence[Pair]) -> int:
    return len({person for person, _ in pairs})


def distinct(pairs: Sequence[Pair]) -> int:
    return len(counts(pairs))


def entropy(pairs: Sequence[Pair]) -> float:
    return math.exp(-sum(float(q) * math.log(q) for q in shares(pairs).values()))


def recursive(pairs: Sequence[Pair], l: int, c: Fraction) -> bool:  # noqa: E741
    held = sorted(counts(pairs).values(), reverse=True)
    return held[0] < c * sum(held[l - 1 :])


def alpha(pairs: Sequence[Pair]) -> Fraction:
    return Fraction(max(counts(pairs).values()), persons(pairs))


def beta(pairs: Sequence[Pair], table: Sequence[Pair]) -> Fraction:
    p = shares(table)
    return max((q - p[value]) / p[value] for value, q in shares(pairs).items())


def closeness(pairs: Sequence[Pair], table: Sequence[Pair], ground: Mapping[tuple[Hashable, Hashable], Fraction]) -> Fraction:
    """Earth mover's distance: the cheapest way to move q onto p, found by trying every order of greedy moves.

    For so few values one of the greedy orders is a basic optimal plan (the north-west corner rule reaches every vertex
    of the transport polytope under some order of rows and columns).
    """
    q, p = shares(pairs), shares(table)
    values = list(p)
    spare = {v: q.get(v, Fraction(0)) - p[v] for v in values}
    sources = [v for v in values if spare[v] > 0]
    sinks = [v for v in values if spare[v] < 0]
    best = None
    for from_ in permutations(sources):
        for to in permutations(sinks):
            cost = _north_west([(v, spare[v]) for v in from_], [(v, -spare[v]) for v in to], ground)
            best = cost if best is None else min(best, cost)
    return best or Fraction(0)


def _north_west(
    sources: list[tuple[Hashable, Fraction]], sinks: list[tuple[Hashable, Fraction]], ground: Mapping[tuple[Hashable, Hashable], Fraction]
) -> Fraction:
    cost, sources, sinks = Fraction(0), list(sources), list(sinks)
    while sources and sinks:
        (a, have), (b, want) = sources[0], sinks[0]
        moved = min(have, want)
        cost += moved * ground[a, b]
        sources[0], sinks[0] = (a, have - moved), (b, want - moved)
        sources, sinks = [s for s in sources if s[1]], [s for s in sinks if s[1]]
    return cost
