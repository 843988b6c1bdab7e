"""What is read of a table before anything is decided: its values, its combinations, its sensitive values.

All of it is counted once in the table engine, and serves any number of stages over the same columns: codes and counts do
not depend on k, on the method or on the models; only ladders and rules do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import narwhals as nw

from anonymize.errors import InputError, PrivacyNotMet, RecipeError
from anonymize.microdata import encode, models, sensitive
from anonymize.microdata.classes import Combinations, combinations, of_single_rows
from anonymize.microdata.encode import Dictionary, Leaves, Names, Values
from anonymize.microdata.histograms import Sensitive
from anonymize.microdata.judge import Judge, Rules
from anonymize.microdata.lattice import CodedLadder
from anonymize.microdata.population import Beside, beside
from anonymize.microdata.unasked import with_ladders
from anonymize.progress import Progress, silent
from anonymize.recipe import Hierarchy, KAnonymity, SensitiveModel
from anonymize.tables.base import Frame, TableEngine


@dataclass(frozen=True)
class Work:
    """What was read of the table, and what one stage asks of it. ``coded``: ``frame`` with a code for every value.

    ``beside``: the table with the populations that the stage's models speak of. ``asked``: the hierarchies in use.
    """

    engine: TableEngine
    stage: KAnonymity
    names: Names
    columns: list[str]
    person_key: str | None
    frame: Frame
    coded: Frame
    dictionaries: list[Dictionary]
    table: Combinations
    beside: Beside
    judge: Judge
    asked: dict[str, Hierarchy | None]

    @property
    def ladders(self) -> list[CodedLadder]:
        return [entry.coded for entry in self.dictionaries]


class Reading:
    """One table. ``judged``: the sensitive columns that any stage's models may speak of, with their hierarchies."""

    def __init__(
        self,
        engine: TableEngine,
        frame: Frame,
        quasi_identifiers: Mapping[str, Hierarchy | None],
        person_key: str | None,
        folder: Path | None,
        judged: Mapping[str, Hierarchy | None],
    ) -> None:
        _check(engine, frame, list(quasi_identifiers), person_key, list(judged))
        self.engine, self.person_key, self.folder = engine, person_key, folder
        self.quasi, self.judged = dict(quasi_identifiers), dict(judged)
        self.names = Names(frame.collect_schema().names())
        self.frame = encode.one_zero(frame, [*quasi_identifiers, *judged])
        self._leaves: Leaves | None = None
        self._values: dict[str, Values] = {}
        self._dictionaries: dict[tuple[str, str], Dictionary] = {}
        self._counted: tuple[Frame, Combinations] | None = None
        self._sensitive: dict[str, Sensitive] = {}

    def table(self) -> Combinations:
        """The combinations alone. Raises what the recipe's own hierarchies raise on these values."""
        given = [self._dictionary(column, hierarchy) for column, hierarchy in {**self.quasi, **self.judged}.items()]
        return self._count(given)[1]

    def work(self, stage: KAnonymity, progress: Progress = silent) -> Work:
        """The table under a stage. Raises :class:`PrivacyNotMet` when it has fewer than k persons; RecipeError, InputError."""
        progress("reading values", 0.0)
        asked = with_ladders(self.engine, self.frame, self.quasi, stage)
        dictionaries = [self._dictionary(column, hierarchy) for column, hierarchy in asked.items()]
        secrets = {column: self._dictionary(column, hierarchy) for column, hierarchy in self.judged.items()}
        progress("counting classes", 0.2)
        coded, table = self._count([*dictionaries, *secrets.values()])
        if not table.total_persons >= stage.k:
            raise PrivacyNotMet(f"k = {stage.k} asks for more persons than the table holds")
        with_populations = beside(self.frame, table, dictionaries, stage.population_models, self.folder)
        judge = Judge(stage.k, self._rules(coded, table, stage.sensitive_models, secrets), with_populations.rules)
        return Work(
            self.engine, stage, self.names, list(self.quasi), self.person_key, self.frame, coded, dictionaries, table,
            with_populations, judge, asked,
        )  # fmt: skip

    def _dictionary(self, column: str, hierarchy: Hierarchy | None) -> Dictionary:
        key = (column, "" if hierarchy is None else hierarchy.model_dump_json())
        if key not in self._dictionaries:
            values = self._value(column)
            found = encode.dictionary(self.engine, self.frame, values, hierarchy, self.folder, self.names, self.person_key)
            self._dictionaries[key] = found
        return self._dictionaries[key]

    def _value(self, column: str) -> Values:
        """The values of the quasi-identifiers come with their combinations, those of a sensitive column alone."""
        if column not in self._values:
            found = encode.leaves(self.engine, self.frame, list(self.quasi) if column in self.quasi else [column], self.names)
            self._values |= {values.column: values for values in found.values}
            self._leaves = found if column in self.quasi else self._leaves
        return self._values[column]

    def _count(self, entries: Sequence[Dictionary]) -> tuple[Frame, Combinations]:
        if self._counted is None:
            coded = encode.with_codes(self.engine, self.frame, entries, self.names)
            if self.judged:
                coded = self.engine.persist(coded)  # read again for every sensitive column
            self._counted = coded, self._combinations(coded)
        return self._counted

    def _combinations(self, coded: Frame) -> Combinations:
        if self.person_key is None and self._leaves is not None:
            return of_single_rows(list(self.quasi), self._leaves.codes, self._leaves.rows)
        return combinations(self.engine, coded, list(self.quasi), self.person_key, self.names)

    def _rules(
        self, coded: Frame, table: Combinations, asked: Sequence[SensitiveModel], secrets: Mapping[str, Dictionary]
    ) -> Rules:
        places = {column: len(table.columns) + i for i, column in enumerate(self.judged)}
        for column in models.of_recipe(asked):
            if column not in self._sensitive:
                self._sensitive[column] = sensitive.read(
                    self.engine, coded, table, secrets[column], places[column], self.person_key, self.names
                )
        return sensitive.rules(asked, secrets, self._sensitive, self.judged, self.folder)


def _check(engine: TableEngine, frame: Frame, columns: Sequence[str], person_key: str | None, judged: Sequence[str]) -> None:
    present = set(frame.collect_schema().names())
    if not columns:
        raise RecipeError("k_anonymity needs at least one quasi-identifier")
    for column in [*columns, *judged, *([] if person_key is None else [person_key])]:
        if column not in present:
            raise RecipeError(f"the table has no column {column!r}")
    if person_key in columns:
        raise RecipeError(f"column {person_key!r} is the person key and cannot be a quasi-identifier as well")
    for column in judged:
        if column in columns or column == person_key:
            raise RecipeError(f"column {column!r} is held diverse or close: it cannot be quasi-identifier or person key as well")
    if person_key is not None:
        missing = engine.rows(frame.filter(nw.col(person_key).is_null()))
        if missing:
            raise InputError(f"{missing} row(s) have no person key: whose they are decides what protects them")
