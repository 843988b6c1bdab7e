"""Models of sensitive values, counted in the written file by their definitions, class by class, in plain Python."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import pandas as pd

from anonymize.errors import PrivacyNotMet
from anonymize.microdata.recheck import coded, columns_of, persons_of, spelled
from anonymize.recipe import Alpha, BetaLikeness, LDiversity, SensitiveModel, TCloseness

_ROUNDING = 1e-8  # entropies and distances are sums of floats


def recheck_models(
    artefact: Path,
    persons: Path | None,
    quasi_identifiers: Sequence[str],
    models: Sequence[SensitiveModel],
    before: Mapping[str, Mapping[Any, int]],
    ladders: Mapping[str, Mapping[Any, Sequence[Any]]],
) -> list[dict[str, Any]]:
    """Count what every privacy model says of the written file, class by class, in plain Python.

    ``before``: persons a value of each sensitive column in the whole input (what closeness and likeness compare with).
    ``ladders``: for hierarchical distances, the labels of each value from the value itself up, without ``*``. Values are
    as :func:`spelled` gives them. Returns a line a model; raises :class:`PrivacyNotMet` when one does not hold.
    """
    columns = list(dict.fromkeys(model.column for model in models))
    table = columns_of(artefact, [*quasi_identifiers, *columns])
    frame = pd.DataFrame({str(i): coded(table.column(i)) for i in range(len(quasi_identifiers))})
    class_of = frame.groupby(list(frame.columns), sort=False).ngroup()
    person = persons_of(persons, table.num_rows)
    class_size = person.groupby(class_of).nunique().to_dict()
    found = []
    for model in models:
        values = [spelled(value) for value in table.column(len(quasi_identifiers) + columns.index(model.column)).to_pylist()]
        held = pd.DataFrame({"class": class_of, "value": pd.Series(values, dtype=object), "person": person})
        counts = held.drop_duplicates().groupby(["class", "value"], dropna=False, sort=False).size().reset_index(name="n")
        by_class: dict[int, dict[Any, int]] = {}
        for number, value, count in zip(counts["class"], counts["value"], counts["n"], strict=True):
            by_class.setdefault(int(number), {})[spelled(value)] = int(count)
        check = _Check(model, before.get(model.column, {}), ladders.get(model.column, {}))
        reached = [check.measure(held_by, class_size[number]) for number, held_by in by_class.items()]
        if not reached:
            raise PrivacyNotMet("re-check: the file written has no class")
        worst = min(reached) if isinstance(model, LDiversity) and model.kind != "recursive" else max(reached)
        found.append(check.line(worst))
        if not check.enough(worst):
            raise PrivacyNotMet(f"re-check: a class of the file written does not hold {model.model} of column {model.column!r}")
    return found


@dataclass(frozen=True, slots=True)
class _Check:
    """One model, by its definition."""

    model: SensitiveModel
    before: Mapping[Any, int]
    ladder: Mapping[Any, Sequence[Any]]

    def measure(self, held: Mapping[Any, int], persons: int) -> float:
        """``held``: value → persons of the class who have it."""
        counts = sorted(held.values(), reverse=True)
        total = sum(counts)
        match self.model:
            case LDiversity(kind="distinct"):
                return len(counts)
            case LDiversity(kind="entropy"):
                return math.exp(-sum(n / total * math.log(n / total) for n in counts))
            case LDiversity(l=least):
                tail = sum(counts[int(least) - 1 :])
                return counts[0] / tail if tail else math.inf
            case Alpha():
                return counts[0] / persons
            case BetaLikeness():
                whole = sum(self.before.values())
                return max(n / total / (self._known(value) / whole) - 1 for value, n in held.items())
            case TCloseness(distance=distance):
                return self._distance(held, distance)

    def _known(self, value: Any) -> int:
        if not self.before.get(value, 0) > 0:
            raise PrivacyNotMet("re-check: the file written has a sensitive value that the input has not")
        return self.before[value]

    def _distance(self, held: Mapping[Any, int], distance: str) -> float:
        total, whole = sum(held.values()), sum(self.before.values())
        for value in held:
            self._known(value)
        differences = {value: held.get(value, 0) / total - n / whole for value, n in self.before.items()}
        if distance == "equal":
            return sum(abs(d) for d in differences.values()) / 2
        if distance == "ordered":  # ``before`` is in order
            return sum(abs(c) for c in accumulate(differences.values())) / max(len(differences) - 1, 1)
        height = len(next(iter(self.ladder.values())))
        moved = 0.0
        for level in range(height):
            extra: dict[Any, float] = {}
            for value, difference in differences.items():
                label = self.ladder[value][level]
                extra[label] = extra.get(label, 0.0) + difference
            moved += sum(abs(e) for e in extra.values()) / 2
        return moved / height

    def line(self, worst: float) -> dict[str, Any]:
        """What is asked, what the worst class reaches, and by how much more than asked."""
        match self.model:
            case LDiversity(kind="recursive", c=ratio):
                asked, margin = float(ratio or 0), float(ratio or 0) - worst
            case LDiversity(l=least):
                asked, margin = float(least), worst - float(least)
            case TCloseness(t=limit) | Alpha(alpha=limit) | BetaLikeness(beta=limit):
                asked, margin = float(limit), float(limit) - worst
        words = {"model": self.model.model, "column": self.model.column}
        return {**words, "asked": round(asked, 9), "reached": round(worst, 9), "margin": round(margin, 9)}

    def enough(self, worst: float) -> bool:
        match self.model:
            case LDiversity(kind="recursive", c=ratio):
                return worst < float(ratio or 0)
            case LDiversity(l=least):
                return worst >= float(least) - _ROUNDING
            case TCloseness(t=limit) | Alpha(alpha=limit) | BetaLikeness(beta=limit):
                return worst <= float(limit) + _ROUNDING
