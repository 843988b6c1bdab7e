"""k-map and δ-presence by their papers' definitions: persons counted one by one, under any recoding of combinations.

``recode`` says what label a combination of quasi-identifiers gets; ``population``: the combination of each of its persons;
``table``: person → combination, of those who are in the data; ``released``: the labels that stand in the release.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from fractions import Fraction

Combination = tuple[Hashable, ...]
Recode = Callable[[Combination], Hashable]


def fitting(population: Iterable[Combination], recode: Recode) -> Counter[Hashable]:
    """Persons of the population by label."""
    return Counter(recode(combination) for combination in population)


def is_k_map(population: Iterable[Combination], recode: Recode, released: Collection[Hashable], k: int) -> bool:
    """Every label of the release fits at least k persons (Sweeney 2002)."""
    found = fitting(population, recode)
    return all(found[label] >= k for label in released)


def is_delta_present(
    population: Collection[Combination],
    table: Mapping[Hashable, Combination],
    recode: Recode,
    released: Collection[Hashable],
    lower: Fraction,
    upper: Fraction,
) -> bool:
    """For **each** person of the population: the share, of those with the same label, who are in the release lies between
    the bounds (Nergiz, Atzori & Clifton 2007). Nobody with a label that is not released is in it."""
    everybody, there = fitting(population, recode), fitting(table.values(), recode)
    for combination in population:
        label = recode(combination)
        share = Fraction(there[label], everybody[label]) if label in released else Fraction(0)
        if share > upper or share < lower:
            return False
    return True
