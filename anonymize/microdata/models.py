"""Privacy models of sensitive values: what must hold in every class beside k-anonymity.

All count **persons**: a value counts once for each person of the class who has it, however many rows say so; a person
with two values in one class counts for each. Null is a value. q is the distribution of such counts in a class, p the
one of the whole input table.

How they behave when classes merge decides what a search may prune:

- *absorbing* (k-anonymity, distinct l-diversity): a class that holds, united with any other, holds.
- the others hold on a convex set of q (entropy and recursive l-diversity: Machanavajjhala et al. 2007; t-closeness: Li
  et al. 2007, the distance is convex in q; (α,k): Wong et al. 2006 and β-likeness: Cao & Karras 2012, a maximum of
  linear functions of q). A union of classes that *all* hold holds, since its q is a mixture of theirs. United with a
  class that does not hold, a good class may become bad: with suppression they are therefore not monotone. And where
  one person has rows in several classes the q of a union is no mixture (the person is counted once): not monotone
  either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np

from anonymize.errors import RecipeError
from anonymize.microdata.histograms import Histogram
from anonymize.microdata.lattice import Booleans, Floats, Integers
from anonymize.recipe import Alpha, BetaLikeness, LDiversity, SensitiveModel, TCloseness

ROUNDING = 1e-9  # entropies and distances are sums of floats: this much past the threshold counts as rounding
CHUNK = 1 << 22


class Model(Protocol):
    """One requirement on one sensitive column. ``least``: the measure must be at least (else at most) what is asked."""

    @property
    def name(self) -> str: ...

    @property
    def column(self) -> str: ...

    @property
    def absorbing(self) -> bool: ...

    @property
    def least(self) -> bool: ...

    @property
    def asked(self) -> float: ...

    def measure(self, found: Histogram, persons: Integers) -> Floats:
        """What the class reaches: (class,)."""

    def holds(self, found: Histogram, persons: Integers) -> Booleans:
        """Whether it is enough: (class,). ``persons``: distinct persons of each class."""


@dataclass(frozen=True)
class Distinct:
    """Distinct l-diversity: at least l different values. Measure: their number, from 1."""

    column: str
    l: int  # noqa: E741 - the model's own name
    name: str = "distinct l-diversity"
    absorbing: bool = True
    least: bool = True

    @property
    def asked(self) -> float:
        return float(self.l)

    def measure(self, found: Histogram, persons: Integers) -> Floats:
        return np.bincount(found.of, minlength=found.classes).astype(np.float64)

    def holds(self, found: Histogram, persons: Integers) -> Booleans:
        return self.measure(found, persons) >= self.l


@dataclass(frozen=True)
class Entropy:
    """Entropy l-diversity: exp(-Σ q ln q) ≥ l. Measure: the left side, an effective number of values, from 1."""

    column: str
    l: float  # noqa: E741
    name: str = "entropy l-diversity"
    absorbing: bool = False
    least: bool = True

    @property
    def asked(self) -> float:
        return self.l

    def measure(self, found: Histogram, persons: Integers) -> Floats:
        q = found.shares()
        number: Floats = np.exp(np.bincount(found.of, -q * np.log(q), found.classes))
        return number

    def holds(self, found: Histogram, persons: Integers) -> Booleans:
        return np.asarray(self.measure(found, persons) >= self.l - ROUNDING)


@dataclass(frozen=True)
class Recursive:
    """Recursive (c,l)-diversity: r₁ < c (r_l + … + r_m), counts falling. Measure: r₁ / (r_l + … + r_m), to ∞."""

    column: str
    l: int  # noqa: E741
    c: Fraction
    name: str = "recursive (c,l)-diversity"
    absorbing: bool = False
    least: bool = False

    @property
    def asked(self) -> float:
        return float(self.c)

    def _sides(self, found: Histogram) -> tuple[Integers, Integers]:
        order = np.lexsort((-found.persons, found.of))
        of, persons = found.of[order], found.persons[order]
        start = np.searchsorted(of, of)  # where the entry's class begins
        rank = np.arange(len(of)) - start
        first = np.bincount(of, np.where(rank == 0, persons, 0), found.classes).astype(np.int64)
        tail = np.bincount(of, np.where(rank >= self.l - 1, persons, 0), found.classes).astype(np.int64)
        return first, tail

    def measure(self, found: Histogram, persons: Integers) -> Floats:
        first, tail = self._sides(found)
        ratio = np.full(found.classes, np.inf)
        np.divide(first, tail, out=ratio, where=tail > 0)
        return ratio

    def holds(self, found: Histogram, persons: Integers) -> Booleans:
        first, tail = self._sides(found)
        return np.asarray((first * self.c.denominator < self.c.numerator * tail) | (first == 0))


@dataclass(frozen=True, eq=False)
class Closeness:
    """t-closeness: earth mover's distance of q from p ≤ t. Measure: the distance, in [0, 1].

    ``levels``: labels of the values on the way up, finest first, ``*`` left out: a value alone for the equal distance
    (then the distance is ½ Σ |q - p|), the ladder's labels for the hierarchical one (the ground distance of two values
    is the level where they meet over the height; on such a tree the earth mover's distance is the mean over the levels
    below the top of ½ Σ |q - p| of that level's labels). ``ranks``: for the ordered distance, the place of each value
    in order; the ground distance is the difference of places over (values - 1).
    """

    column: str
    t: float
    distance: str
    levels: tuple[Integers, ...] = ()
    ranks: Integers | None = None
    name: str = "t-closeness"
    absorbing: bool = False
    least: bool = False

    @property
    def asked(self) -> float:
        return self.t

    def measure(self, found: Histogram, persons: Integers) -> Floats:
        if self.ranks is not None:
            return self._ordered(found, self.ranks)
        above = [_above(found, labels) for labels in self.levels]
        return np.asarray(np.sum(above, axis=0) / len(self.levels))

    def _ordered(self, found: Histogram, ranks: Integers) -> Floats:
        """Σ |cumulated q - p| over the values in order / (values - 1); a block of classes at a time."""
        values = len(ranks)
        p = np.zeros(values)
        p[ranks] = found.expected()
        order = np.argsort(found.of, kind="stable")
        of, place, q = found.of[order], ranks[found.value[order]], found.shares()[order]
        distance = np.zeros(found.classes)
        step = max(CHUNK // values, 1)
        for start in range(0, found.classes, step):
            low, high = np.searchsorted(of, (start, start + step))
            block = np.tile(-p, (min(step, found.classes - start), 1))  # (class, value)
            block[of[low:high] - start, place[low:high]] += q[low:high]
            distance[start : start + step] = np.abs(block.cumsum(axis=1)).sum(axis=1) / max(values - 1, 1)
        return distance

    def holds(self, found: Histogram, persons: Integers) -> Booleans:
        return self.measure(found, persons) <= self.t + ROUNDING


def _above(found: Histogram, labels: Integers) -> Floats:
    """Σ max(q - p, 0) over the labels of a class, which is ½ Σ |q - p|: only labels in the class can be above."""
    count = int(labels.max(initial=0)) + 1
    p = np.bincount(labels, found.expected(), count)
    keys, entry = np.unique(found.of.astype(np.int64) * count + labels[found.value], return_inverse=True)
    q = np.bincount(entry, found.shares(), len(keys))
    return np.bincount(keys // count, np.maximum(q - p[keys % count], 0), found.classes).astype(np.float64)


@dataclass(frozen=True)
class MaxShare:
    """(α,k)-anonymity: at most a share α of the class's persons have any one value. Measure: the largest share."""

    column: str
    alpha: Fraction
    name: str = "(α,k)-anonymity"
    absorbing: bool = False
    least: bool = False

    @property
    def asked(self) -> float:
        return float(self.alpha)

    def measure(self, found: Histogram, persons: Integers) -> Floats:
        return _largest(found, found.persons / np.maximum(persons, 1)[found.of])

    def holds(self, found: Histogram, persons: Integers) -> Booleans:
        most = _largest(found, found.persons.astype(np.float64)).astype(np.int64)
        return most * self.alpha.denominator <= self.alpha.numerator * persons


@dataclass(frozen=True)
class Likeness:
    """Basic β-likeness: (q - p) / p ≤ β for every value. Measure: the largest left side, above -1."""

    column: str
    beta: float
    name: str = "β-likeness"
    absorbing: bool = False
    least: bool = False

    @property
    def asked(self) -> float:
        return self.beta

    def measure(self, found: Histogram, persons: Integers) -> Floats:
        return _largest(found, found.shares() / found.expected()[found.value] - 1)

    def holds(self, found: Histogram, persons: Integers) -> Booleans:
        return self.measure(found, persons) <= self.beta + ROUNDING


def _largest(found: Histogram, measure: Floats) -> Floats:
    """The largest of every class's entries; 0 where there is none."""
    largest = np.full(found.classes, -np.inf)
    np.maximum.at(largest, found.of, measure)
    return np.where(np.isneginf(largest), 0.0, largest)


def model_of(asked: SensitiveModel, levels: Sequence[Integers], ranks: Integers | None) -> Model:
    """The model that a recipe asks for. ``levels``: the ladder's labels from the values up, ``*`` last; ``ranks``: order.

    Raises :class:`RecipeError` for an ordered distance on values that have no order.
    """
    match asked:
        case LDiversity(kind="distinct"):
            return Distinct(asked.column, int(asked.l))
        case LDiversity(kind="entropy"):
            return Entropy(asked.column, float(asked.l))
        case LDiversity():
            return Recursive(asked.column, int(asked.l), Fraction(asked.c or 0))
        case TCloseness(distance="equal"):
            return Closeness(asked.column, float(asked.t), asked.distance, (levels[0],))
        case TCloseness(distance="hierarchical"):
            return Closeness(asked.column, float(asked.t), asked.distance, tuple(levels[:-1]))
        case TCloseness():
            if ranks is None:
                raise RecipeError(f"column {asked.column!r} has no order: the ordered distance needs numbers or dates")
            return Closeness(asked.column, float(asked.t), asked.distance, ranks=ranks)
        case Alpha():
            return MaxShare(asked.column, Fraction(asked.alpha))
        case BetaLikeness():
            return Likeness(asked.column, float(asked.beta))


def of_recipe(models: Sequence[SensitiveModel]) -> tuple[str, ...]:
    """The sensitive columns that models speak of, each once, in their order."""
    return tuple(dict.fromkeys(model.column for model in models))
