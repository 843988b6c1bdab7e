"""A population beside the table: combinations that only the population has join those of the input, with no row.

What is searched is then one set of combinations, and every class, at whatever node or after whatever split, counts the
population's persons in it as it counts the table's. In full domain that is exact: those whose generalised values are the
class's labels. In local recoding the scheme is a function on all combinations of the population, the table's and the
others; a person whom the labels of two classes cover counts in the one that the scheme sends them to and in no other, so
a class never counts somebody who is not certainly in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anonymize.columns import population_files
from anonymize.columns.population_files import PopulationTable
from anonymize.errors import InputError, Problem
from anonymize.microdata.classes import Combinations
from anonymize.microdata.encode import Dictionary
from anonymize.microdata.lattice import CodedLadder, Integers, longer
from anonymize.microdata.population_models import PopulationRules, Register, rule_of
from anonymize.recipe import DeltaPresence, PopulationModel
from anonymize.tables.base import Frame


@dataclass(frozen=True)
class Beside:
    """``table``: the input's combinations as they were, then those of the population alone; ``ladders`` for both."""

    table: Combinations
    ladders: list[CodedLadder]
    rules: PopulationRules

    @property
    def places(self) -> dict[str, Integers]:
        """(line of the file,) → combination, of each population file."""
        return {rule.register.file: rule.register.place for rule in self.rules}


def beside(
    frame: Frame, table: Combinations, dictionaries: Sequence[Dictionary], asked: Sequence[PopulationModel], folder: Path | None
) -> Beside:
    """Read the population files that models ask for, and put them beside the table.

    Raises :class:`RecipeError` for a file that cannot be used, :class:`InputError` when the table is no part of the
    population.
    """
    ladders = [entry.coded for entry in dictionaries]
    if not asked:
        return Beside(table, ladders, ())
    if table.visitors:
        raise _no_part(
            f"{table.visitors} person(s) have rows in several combinations of the quasi-identifiers, and a population has everybody once"
        )
    files = {name: population_files.read(name, folder, table.columns) for name in dict.fromkeys(m.population.file for m in asked)}
    kinds = frame.collect_schema()
    coders = [_Coder(entry) for entry in dictionaries]
    codes = {
        name: np.stack([coder.codes(found, kinds[coder.entry.column])[found.codes[:, i]] for i, coder in enumerate(coders)], axis=1)
        for name, found in files.items()
    }
    wide, places = _widened(table, codes)
    registers = {name: _register(found, places[name], len(wide)) for name, found in files.items()}
    _check(table, registers, asked)
    return Beside(wide, [coder.ladder() for coder in coders], tuple(rule_of(model, registers[model.population.file]) for model in asked))


class _Coder:
    """Leaf codes of one column: the input's values keep theirs, further ones of populations come after."""

    def __init__(self, entry: Dictionary) -> None:
        self.entry = entry
        self.known: dict[Any, int] = {value: code for code, value in enumerate(entry.values)}
        self.more: list[Any] = []

    def codes(self, found: PopulationTable, kind: Any) -> Integers:
        """(distinct field,) → code."""
        values = population_files.typed(found, self.entry.column, kind)
        for value in values:
            if value not in self.known:
                self.known[value] = len(self.known)
                self.more.append(value)
        return np.array([self.known[value] for value in values], dtype=np.int64)

    def ladder(self) -> CodedLadder:
        """The ladder over all codes. Raises :class:`RecipeError` when a value has no path."""
        return longer(self.entry.coded, self.entry.ladder, self.entry.values, self.more)


def _widened(table: Combinations, codes: Mapping[str, Integers]) -> tuple[Combinations, dict[str, Integers]]:
    """The table with the populations' further combinations, and the combination of every line of every file."""
    stacked = pd.DataFrame(np.concatenate([table.codes, *codes.values()]))
    number = stacked.groupby(list(stacked.columns), sort=False).ngroup().to_numpy()  # in the order of appearance: ours first
    _, first = np.unique(number, return_index=True)
    more = len(first) - len(table)
    settled = np.append(table.settled, np.zeros(more, dtype=np.int64))
    rows = settled if table.settled is table.rows else np.append(table.rows, np.zeros(more, dtype=np.int64))
    wide = replace(table, codes=np.asfortranarray(stacked.to_numpy()[first]), rows=rows, settled=settled)
    ends = np.cumsum([len(table), *map(len, codes.values())])
    return wide, {name: number[start:end] for name, start, end in zip(codes, ends, ends[1:], strict=False)}


def _register(found: PopulationTable, place: Integers, combinations: int) -> Register:
    persons = np.bincount(place, found.persons, combinations).astype(np.int64)
    return Register(found.file, persons, place)


def _check(table: Combinations, registers: Mapping[str, Register], asked: Sequence[PopulationModel]) -> None:
    for model in asked:
        register = registers[model.population.file]
        everybody = register.persons[: len(table)]
        missing = int(table.rows[everybody == 0].sum())
        if missing:
            raise _no_part(f"{missing} row(s) have quasi-identifiers that nobody in population file {register.file} has")
        over = int(table.rows[table.settled > everybody].sum())
        if over and isinstance(model, DeltaPresence):
            raise _no_part(f"{over} row(s) have quasi-identifiers that more persons of the table have than of population file {register.file}")


def _no_part(message: str) -> InputError:
    message += ": the table must be a part of the population, and the file must have its values as they are after the row stages and truncation"
    return InputError(message, problems=(Problem("not_in_population", message),))
