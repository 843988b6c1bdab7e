"""k-map and δ-presence, counted once more: from the written file, the population file and the input as it came in.

What is taken from the run is its scheme alone, as numbers: at which level of each ladder every line of the population
file is. Labels are looked up here; the scheme must make of the input exactly the rows that the file holds, class by class
(a class that was left out is left out whole); then the persons of the population in each class are those whose line the
scheme gives the class's labels. What cannot be checked counts as failed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from anonymize.columns import hierarchies, population_files
from anonymize.columns.population_files import PopulationTable
from anonymize.errors import PrivacyNotMet
from anonymize.microdata.recheck import columns_of, persons_of, spelled
from anonymize.recipe import Hierarchy, KMap, PopulationModel
from anonymize.tables.base import Frame, TableEngine

Levels = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class _Population:
    """``labels``: a column, then (level, distinct field) → label as :func:`_word` writes it; ``codes``: (line, column);
    ``persons``: (line,); ``rows``: (line,) rows of the input that are in it."""

    labels: list[npt.NDArray[np.object_]]
    codes: npt.NDArray[np.integer[Any]]
    persons: npt.NDArray[np.integer[Any]]
    rows: npt.NDArray[np.integer[Any]]


def recheck_populations(
    engine: TableEngine,
    frame: Frame,
    artefact: Path,
    persons: Path | None,
    models: Sequence[PopulationModel],
    quasi_identifiers: Mapping[str, Hierarchy | None],
    lines: Mapping[str, Levels],
    folder: Path | None,
) -> list[dict[str, Any]]:
    """Count what every model of a population says of the written file.

    ``frame``: the input. ``quasi_identifiers``: with the hierarchies in use. ``lines``: population file → (line, column)
    the scheme's levels. ``persons``: as for :func:`anonymize.microdata.recheck.recheck`. Returns a line a bound; raises
    :class:`PrivacyNotMet` when one does not hold or cannot be checked.
    """
    found: list[dict[str, Any]] = []
    read: dict[str, pd.DataFrame] = {}
    for model in models:
        file = model.population.file
        if file not in read:
            people = _population(engine, frame, file, quasi_identifiers, folder)
            read[file] = _classes(artefact, persons, list(quasi_identifiers), people, lines.get(file))
        found += _judged(model, read[file])
    return found


def _population(
    engine: TableEngine, frame: Frame, file: str, quasi_identifiers: Mapping[str, Hierarchy | None], folder: Path | None
) -> _Population:
    columns = list(quasi_identifiers)
    table, kinds = population_files.read(file, folder, columns), frame.collect_schema()
    values = [population_files.typed(table, column, kinds[column]) for column in columns]
    labels = [_labels(column, quasi_identifiers[column], found, folder) for column, found in zip(columns, values, strict=True)]
    return _Population(labels, table.codes, table.persons, _rows(engine, frame, columns, table, [level[0] for level in labels]))


def _labels(column: str, hierarchy: Hierarchy | None, values: list[Any], folder: Path | None) -> npt.NDArray[np.object_]:
    ladder = hierarchies.build(column, hierarchy, values, folder)
    above = [[_word(label) for label in ladder.labels(level, values)] for level in range(1, ladder.levels)]
    return np.array([[_word(value) for value in values], *above], dtype=object)


def _word(value: Any) -> str:
    """A value or label as text that no other has: null is empty, everything else begins with a sign."""
    value = spelled(value)
    if value is None:
        return ""
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        value = value.astimezone(dt.UTC)
    return "=" + hierarchies.as_text(value)


def _rows(
    engine: TableEngine, frame: Frame, columns: list[str], table: PopulationTable, words: Sequence[npt.NDArray[np.object_]]
) -> npt.NDArray[np.integer[Any]]:
    """Rows of the input in each line: in the first, where the file spells one combination in several ways."""
    number = "n" + "_" * max(len(column) for column in columns)
    counted = pa.Table.from_pandas(engine.collect(frame.select(columns).group_by(columns).agg(nw.len().alias(number))), preserve_index=False)
    ours = pd.DataFrame({str(i): _words(counted.column(column)) for i, column in enumerate(columns)})
    theirs = pd.DataFrame({str(i): found[table.codes[:, i]] for i, found in enumerate(words)})
    lines = theirs.assign(line=range(len(theirs))).drop_duplicates(list(ours.columns))
    placed = ours.assign(n=counted.column(number).to_pylist()).merge(lines, on=list(ours.columns), how="left")
    if placed["line"].isna().any():
        raise PrivacyNotMet("re-check: the input has rows that fit nobody of the population")
    return np.bincount(placed["line"].astype(np.int64), placed["n"], len(theirs)).astype(np.int64)


def _words(column: pa.ChunkedArray) -> npt.NDArray[np.object_]:
    coded = column.dictionary_encode(null_encoding="encode").combine_chunks()
    words = np.array([_word(value) for value in coded.dictionary.to_pylist()], dtype=object)
    found: npt.NDArray[np.object_] = words[coded.indices.to_numpy(zero_copy_only=False)]
    return found


def _classes(artefact: Path, persons: Path | None, columns: list[str], people: _Population, levels: Levels | None) -> pd.DataFrame:
    """A line a class: ``persons`` in the file, ``everybody`` in the population; 0 where there is none."""
    if levels is None or levels.shape != people.codes.shape:
        raise PrivacyNotMet("re-check: the scheme does not say what becomes of the population")
    names = [str(i) for i in range(len(columns))]
    said = {name: _looked_up(people.labels[i], levels[:, i], people.codes[:, i]) for i, name in enumerate(names)}
    theirs = pd.DataFrame(said).assign(everybody=people.persons, input=people.rows).groupby(names, sort=False).sum()
    table = columns_of(artefact, columns)
    ours = pd.DataFrame({name: _words(table.column(i)) for i, name in enumerate(names)})
    groups = ours.assign(person=persons_of(persons, table.num_rows)).groupby(names, sort=False)["person"]
    held = pd.DataFrame({"rows": groups.size(), "persons": groups.nunique()})
    joined = held.join(theirs, how="outer").fillna(0).astype(np.int64)
    written = joined["rows"] > 0
    if not written.any() or not (joined["everybody"] > 0).all():
        raise PrivacyNotMet("re-check: a class of the file written fits nobody of the population")
    if not (joined["rows"] == joined["input"])[written].all():
        raise PrivacyNotMet("re-check: the file written is not what the scheme makes of the input")
    return joined


def _looked_up(labels: npt.NDArray[np.object_], levels: Levels, codes: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.object_]:
    if not ((levels >= 0) & (levels < len(labels))).all():
        raise PrivacyNotMet("re-check: the scheme speaks of a level that there is not")
    found: npt.NDArray[np.object_] = labels[levels.astype(np.int64), codes]
    return found


def _judged(model: PopulationModel, classes: pd.DataFrame) -> list[dict[str, Any]]:
    file, there = model.population.file, classes[classes["rows"] > 0]
    if isinstance(model, KMap):
        least = int(there["everybody"].min())
        if not least >= model.k:
            raise PrivacyNotMet(f"re-check: a class of the file written fits {least} person(s) of the population, fewer than {model.k}")
        return [_line(model, file, model.k, least, least - model.k)]
    lower, upper = Fraction(model.lower), Fraction(model.upper)
    shares = [Fraction(int(n), int(of)) for n, of in zip(there["persons"], there["everybody"], strict=True)]
    if not max(shares) <= upper:
        raise PrivacyNotMet("re-check: of a class of the file written, a larger share of the population is in the table than δ allows")
    lines = [_line(model, file, float(upper), float(max(shares)), float(upper - max(shares)))]
    if not lower > 0:
        return lines
    if len(there) != len(classes) or not min(shares) >= lower:
        raise PrivacyNotMet("re-check: of a class of the population, a smaller share is in the file written than δ asks for")
    return [*lines, _line(model, file, float(lower), float(min(shares)), float(min(shares) - lower))]


def _line(model: PopulationModel, file: str, asked: float, reached: float, margin: float) -> dict[str, Any]:
    return {
        "model": model.model, "column": None, "population": file,
        "asked": round(asked, 9), "reached": round(reached, 9), "margin": round(margin, 9),
    }  # fmt: skip
