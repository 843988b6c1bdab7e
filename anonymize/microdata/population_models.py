"""Privacy models of a population: how many of those who could be in the table fit a class, and how many of them are in it.

P(c): persons of the population table whose values, generalised like the rows, are the labels of class c; T(c): distinct
persons of the input in c. Everybody stands in one line of the population and, here, in one combination of the input (a
table where somebody does not is refused), so P and T of a union of classes are sums. From that follows what a search may
prune:

- *k-map* (Sweeney 2002), P(c) ≥ k: a sum is no less than its parts, so it is **absorbing**, like k-anonymity.
- *δ-presence* (Nergiz, Atzori & Clifton 2007), lower ≤ T(c) / P(c) ≤ upper. The share of a union is the mediant of its
  parts' shares, (T₁ + T₂) / (P₁ + P₂), which lies between them: a union of classes that *all* hold holds. United with
  one that does not, a good class may become bad: **not absorbing**. So a node at which a class fails rules out all finer
  ones only when no class may be left out (each would otherwise lose the bad part to suppression), and is no reason to
  prune when some may.
- With ``lower`` above 0 the promise is to *everybody in the population*: also to those whom no row fits, whose share is
  0. Then every class of the population must be there and none may be left out (``complete``), whatever the suppression
  limit; so the line above applies, and one failing class rules out all finer nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol, TypeAlias

import numpy as np

from anonymize.microdata.classes import Classes
from anonymize.microdata.lattice import Booleans, Integers
from anonymize.recipe import KMap, PopulationModel


@dataclass(frozen=True)
class Register:
    """One population beside the combinations. ``persons``: (combination,); ``place``: (line of the file,) → combination."""

    file: str
    persons: Integers
    place: Integers

    def of(self, classes: Classes) -> Integers:
        """P of every class: (class,)."""
        inside = classes.of >= 0
        # float64 is exact below 2^53, far above the most persons that a population file may count
        return np.bincount(classes.of[inside], self.persons[inside], len(classes.persons)).astype(np.int64)


class PopulationRule(Protocol):
    """A model with what it is judged by. ``complete``: no class of the population may be missing or left out."""

    @property
    def register(self) -> Register: ...

    @property
    def absorbing(self) -> bool: ...

    @property
    def complete(self) -> bool: ...

    def holds(self, classes: Classes) -> Booleans:
        """(class,) whether it holds; nothing is said of classes without persons."""

    def report(self, classes: Classes, kept: Booleans) -> list[dict[str, Any]]:
        """What is reached at the worst class of those ``kept``, and by what margin it holds."""


PopulationRules: TypeAlias = tuple[PopulationRule, ...]


@dataclass(frozen=True, eq=False)
class Map:
    """k-map. Measure: persons of the population, from 0."""

    register: Register
    k: int
    absorbing: bool = True
    complete: bool = False

    def holds(self, classes: Classes) -> Booleans:
        return np.asarray(self.register.of(classes) >= self.k)

    def report(self, classes: Classes, kept: Booleans) -> list[dict[str, Any]]:
        least = int(self.register.of(classes)[kept].min())
        return [line("k-map", self.register.file, self.k, least, least - self.k)]


@dataclass(frozen=True, eq=False)
class Presence:
    """δ-presence. Measure: share of the population's persons who are in the table, in [0, 1]."""

    register: Register
    lower: Fraction
    upper: Fraction
    absorbing: bool = False

    @property
    def complete(self) -> bool:
        return self.lower > 0

    def holds(self, classes: Classes) -> Booleans:
        there, everybody = classes.persons, self.register.of(classes)
        enough = there * self.lower.denominator >= self.lower.numerator * everybody
        return np.asarray(enough & (there * self.upper.denominator <= self.upper.numerator * everybody))

    def report(self, classes: Classes, kept: Booleans) -> list[dict[str, Any]]:
        share = classes.persons[kept] / self.register.of(classes)[kept]
        least, most = float(share.min()), float(share.max())
        lines = [line("δ-presence, at most", self.register.file, float(self.upper), most, float(self.upper) - most)]
        if self.complete:
            lines.append(line("δ-presence, at least", self.register.file, float(self.lower), least, least - float(self.lower)))
        return lines


def line(model: str, file: str, asked: float, reached: float, margin: float) -> dict[str, Any]:
    """One line of the report, like those of models of sensitive columns."""
    return {
        "model": model, "column": None, "population": file,
        "asked": round(asked, 9), "reached": round(reached, 9), "margin": round(margin, 9),
    }  # fmt: skip


def rule_of(asked: PopulationModel, register: Register) -> PopulationRule:
    """The rule that a recipe asks for."""
    if isinstance(asked, KMap):
        return Map(register, asked.k)
    return Presence(register, Fraction(asked.lower), Fraction(asked.upper))
