"""The written file, counted again by code that shares nothing with the search.

Reads the artefact's quasi-identifiers as they were written and counts distinct persons in every class. Null is a value;
so is every spelling of one. What cannot be checked counts as failed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anonymize.errors import PrivacyNotMet
from anonymize.recipe import Alpha, BetaLikeness, LDiversity, PrivacyModel, TCloseness

_ROUNDING = 1e-8  # entropies and distances are sums of floats


@dataclass(frozen=True, slots=True)
class Recheck:
    """What was counted in the file."""

    classes: int
    smallest_class_persons: int
    rows: int


def recheck(artefact: Path, persons: Path | None, quasi_identifiers: Sequence[str], k: int) -> Recheck:
    """Count the classes of a written Parquet file.

    ``persons``: a Parquet file of one column, the person of each row of ``artefact`` in the same order; without it every
    row is a person. Raises :class:`PrivacyNotMet` when a class has fewer than ``k`` distinct persons, when there is no
    row, and when anything of this cannot be read.
    """
    if not k >= 2:
        raise PrivacyNotMet("re-check: k must be at least 2")
    table = _read(artefact, quasi_identifiers)
    person = _persons(persons, table.num_rows)
    classes = pd.DataFrame({str(i): _spelled(table.column(i)) for i in range(table.num_columns)})
    sizes = person.groupby([classes[name] for name in classes.columns], sort=False).nunique()
    smallest = int(sizes.min()) if len(sizes) else 0
    if not smallest >= k:
        raise PrivacyNotMet(f"re-check: the file written has a class of {smallest} person(s), fewer than k = {k}")
    return Recheck(len(sizes), smallest, table.num_rows)


def _read(artefact: Path, columns: Sequence[str]) -> pa.Table:
    try:
        file = pq.ParquetFile(artefact)
        missing = [column for column in columns if column not in file.schema_arrow.names]
        table = None if missing else file.read(columns=list(columns)).select(list(columns))
    except (OSError, pa.ArrowException):
        raise PrivacyNotMet("re-check: the file written cannot be read") from None
    if table is None or not columns:
        raise PrivacyNotMet("re-check: the file written lacks a quasi-identifier")
    return table


def _spelled(column: pa.ChunkedArray) -> pd.Series[int]:
    """A number for every distinct value as it is spelled; null has one of its own."""
    coded = column.dictionary_encode(null_encoding="encode").combine_chunks()
    return pd.Series(coded.indices.to_numpy(zero_copy_only=False))


def _persons(persons: Path | None, rows: int) -> pd.Series[int]:
    if persons is None:
        return pd.Series(range(rows))
    try:
        column = pq.ParquetFile(persons).read().column(0)
    except (OSError, IndexError, pa.ArrowException):
        raise PrivacyNotMet("re-check: the list of persons cannot be read") from None
    if len(column) != rows or column.null_count:
        raise PrivacyNotMet("re-check: the list of persons does not match the rows of the file")
    return _spelled(column)


def recheck_models(
    artefact: Path,
    persons: Path | None,
    quasi_identifiers: Sequence[str],
    models: Sequence[PrivacyModel],
    before: Mapping[str, Mapping[Any, int]],
    ladders: Mapping[str, Mapping[Any, Sequence[Any]]],
) -> list[dict[str, Any]]:
    """Count what every privacy model says of the written file, class by class, in plain Python.

    ``before``: persons a value of each sensitive column in the whole input (what closeness and likeness compare with).
    ``ladders``: for hierarchical distances, the labels of each value from the value itself up, without ``*``. Values are
    as :func:`spelled` gives them. Returns a line a model; raises :class:`PrivacyNotMet` when one does not hold.
    """
    columns = list(dict.fromkeys(model.column for model in models))
    table = _read(artefact, [*quasi_identifiers, *columns])
    frame = pd.DataFrame({str(i): _spelled(table.column(i)) for i in range(len(quasi_identifiers))})
    class_of = frame.groupby(list(frame.columns), sort=False).ngroup()
    person = _persons(persons, table.num_rows)
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
        found.append({"model": model.model, "column": model.column, "reached": round(worst, 9)})
        if not check.enough(worst):
            raise PrivacyNotMet(f"re-check: a class of the file written does not hold {model.model} of column {model.column!r}")
    return found


def spelled(value: Any) -> Any:
    """A value as something that can be looked up and is equal to itself; null is None, -0.0 is 0.0."""
    if value is None or value is pd.NA or value is pd.NaT or value != value:  # NaN alone
        return None
    return value + 0.0 if isinstance(value, float) else value


@dataclass(frozen=True, slots=True)
class _Check:
    """One model, by its definition."""

    model: PrivacyModel
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

    def enough(self, worst: float) -> bool:
        match self.model:
            case LDiversity(kind="recursive", c=ratio):
                return worst < float(ratio or 0)
            case LDiversity(l=least):
                return worst >= float(least) - _ROUNDING
            case TCloseness(t=limit) | Alpha(alpha=limit) | BetaLikeness(beta=limit):
                return worst <= float(limit) + _ROUNDING
