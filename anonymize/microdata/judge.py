"""Whether classes keep every promise: k and all models, together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from anonymize.microdata.classes import Classes, Combinations
from anonymize.microdata.histograms import Histogram, Sensitive
from anonymize.microdata.lattice import Booleans
from anonymize.microdata.models import Model
from anonymize.microdata.population_models import PopulationRules

Rules: TypeAlias = tuple[tuple[Model, Sensitive], ...]


@dataclass(frozen=True)
class Judge:
    """Says of any classes over one set of combinations whether they keep every promise."""

    k: int
    rules: Rules = ()
    populations: PopulationRules = ()

    @property
    def plain(self) -> bool:
        """Whether k is all that is asked."""
        return not self.rules and not self.populations

    @property
    def effort(self) -> int:
        """What judging all classes once looks at beside the combinations."""
        of_sensitive = sum(len(sensitive.combination) + len(sensitive.visitor) for _, sensitive in self.rules)
        return of_sensitive + sum(len(rule.register.persons) for rule in self.populations)

    @property
    def absorbing(self) -> bool:
        """Whether a class that holds still holds when others join it."""
        return all(model.absorbing for model, _ in self.rules) and all(rule.absorbing for rule in self.populations)

    @property
    def complete(self) -> bool:
        """Whether every class of a population must be there: none may be missing, or left out."""
        return any(rule.complete for rule in self.populations)

    def monotone(self, table: Combinations) -> bool:
        """Whether a union of classes that all hold always holds."""
        return self.absorbing or not (table.visitors or any(sensitive.visitors for _, sensitive in self.rules))

    def holds(self, classes: Classes) -> Booleans:
        """(class,) whether k and all models hold; an empty class counts as one that does not."""
        return self.keeps_models(classes) & (classes.persons >= self.k)

    def keeps_models(self, classes: Classes, *, absorbing_only: bool = False) -> Booleans:
        """(class,) whether all models beside k hold."""
        good = np.ones(len(classes.persons), dtype=bool)
        counted: dict[str, Histogram] = {}  # several models may speak of one column
        for model, sensitive in self.rules:
            if model.absorbing or not absorbing_only:
                if model.column not in counted:
                    counted[model.column] = sensitive.histogram(classes.of, len(good))
                good &= model.holds(counted[model.column], classes.persons)
        for rule in self.populations:
            if rule.absorbing or not absorbing_only:
                good &= rule.holds(classes)
        return good

    def settled(self, classes: Classes) -> bool:
        """Whether these classes may be all that there is: each holds, but for those that only a population is in."""
        empty = classes.persons == 0
        if self.complete and empty[classes.of[classes.of >= 0]].any():
            return False
        return bool((self.holds(classes) | empty).all())

    def report(self, classes: Classes, kept: Booleans) -> list[dict[str, Any]]:
        """What each model reaches at its worst class of those ``kept``, and by what margin it holds (0 or more: it does)."""
        found = []
        for model, sensitive in self.rules:
            reached = model.measure(sensitive.histogram(classes.of, len(kept)), classes.persons)[kept]
            worst = float(reached.min() if model.least else reached.max())
            found.append(statement(model, worst))
        return found + [line for rule in self.populations for line in rule.report(classes, kept)]


def statement(model: Model, worst: float) -> dict[str, Any]:
    """One model's line of the report."""
    margin = worst - model.asked if model.least else model.asked - worst
    return {
        "model": model.name,
        "column": model.column,
        "asked": round(model.asked, 9),
        "reached": round(worst, 9),
        "margin": round(margin, 9),
    }
