"""What the re-check of privacy models compares a class with, read from the input and from nothing that the search made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import pyarrow as pa

from anonymize.columns import hierarchies
from anonymize.microdata.recheck import spelled
from anonymize.recipe import Hierarchy, SensitiveModel, TCloseness
from anonymize.tables.base import Frame, TableEngine, distinct


@dataclass(frozen=True, slots=True)
class Baseline:
    """``before``: persons a value of each sensitive column, in the values' order, null last; ``ladders``: value → labels
    from itself up, ``*`` left out, of columns with a hierarchical distance."""

    before: dict[str, dict[Any, int]]
    ladders: dict[str, dict[Any, tuple[Any, ...]]]


def baseline(
    engine: TableEngine,
    frame: Frame,
    models: Sequence[SensitiveModel],
    sensitive: Mapping[str, Hierarchy | None],
    person_key: str | None,
    folder: Path | None,
) -> Baseline:
    """Count the input. Without a person key every row is a person."""
    before, ladders = {}, {}
    for column in dict.fromkeys(model.column for model in models):
        before[column] = _counts(engine, frame, column, sensitive[column], person_key, folder)
    for model in models:
        if isinstance(model, TCloseness) and model.distance == "hierarchical":
            ladders[model.column] = _paths(model.column, sensitive[model.column], before[model.column], folder)
    return Baseline(before, ladders)


def _counts(
    engine: TableEngine, frame: Frame, column: str, hierarchy: Hierarchy | None, person_key: str | None, folder: Path | None
) -> dict[Any, int]:
    held = frame.select(column) if person_key is None else distinct(frame.select(column, person_key))
    counted = pa.Table.from_pandas(engine.collect(held.select(column).group_by(column).agg(nw.len().alias(f"{column}_n"))))
    found: dict[Any, int] = {}
    for value, n in zip(counted.column(column).to_pylist(), counted.column(f"{column}_n").to_pylist(), strict=True):
        found[spelled(value)] = found.get(spelled(value), 0) + int(n)
    leaves = hierarchies.leaves(hierarchy, folder)
    place = {leaf: i for i, leaf in enumerate(leaves or ())}
    present = sorted((value for value in found if value is not None), key=lambda value: place[value] if isinstance(value, str) and value in place else value)
    return {value: found[value] for value in [*present, *([None] if None in found else [])]}


def _paths(column: str, hierarchy: Hierarchy | None, held: Mapping[Any, int], folder: Path | None) -> dict[Any, tuple[Any, ...]]:
    values = list(held)
    ladder = hierarchies.build(column, hierarchy, values, folder, list(held.values()))
    labels = [ladder.labels(level, values) for level in range(ladder.top)]
    return {value: tuple(level[i] for level in labels) for i, value in enumerate(values)}
