"""The two tables as coded rows. Equal rows are counted in the table engine, so that it costs what the different ones cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import narwhals as nw
import numpy as np
import pyarrow as pa

from anonymize.assess.effort import MOST
from anonymize.errors import InputError
from anonymize.microdata.encode import Names, one_zero
from anonymize.microdata.unasked import counted
from anonymize.recipe import Hierarchy, KAnonymity, Recipe, Role
from anonymize.reports import column_type
from anonymize.risk.arrays import Distinct, Integers, unique
from anonymize.risk.coded import Coded
from anonymize.risk.coding import code_tables
from anonymize.tables.base import Frame, TableEngine, distinct

BATCH = 100_000


@dataclass(frozen=True)
class Columns:
    """What is looked at: ``quasi`` with their hierarchies, and ``others``, which the release shows as they are.

    ``averaged``, ``replaced``: not looked at, since the release shows means or made-up values. ``too_many``: nor these.
    """

    quasi: dict[str, Hierarchy | None]
    others: list[str]
    averaged: list[str]
    replaced: list[str]
    too_many: list[str]

    @property
    def names(self) -> list[str]:
        return [*self.quasi, *self.others]

    def fewer(self, kept: Sequence[str]) -> Columns:
        """Of the others only those ``kept``."""
        return Columns(
            self.quasi, [name for name in self.others if name in kept], self.averaged, self.replaced,
            [name for name in self.others if name not in kept],
        )  # fmt: skip


@dataclass(frozen=True)
class World:
    """Original and release, coded. ``keyed``: the release still holds the person key."""

    recipe: Recipe
    stage: KAnonymity
    columns: Columns
    coded: Coded
    keyed: bool

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.coded.columns]

    @property
    def quasi(self) -> list[int]:
        """Places of the quasi-identifiers among the coded columns: the first."""
        return list(range(len(self.columns.quasi)))

    @property
    def secrets(self) -> list[int]:
        return [self.names.index(name) for name in self.recipe.with_role(Role.SENSITIVE) if name in self.names]

    @cached_property
    def classes(self) -> Coded:
        """Its distinct rows are the classes."""
        return self.coded.only(self.quasi)

    @cached_property
    def before(self) -> Distinct:
        return self.classes.people.distinct

    @cached_property
    def after(self) -> Distinct:
        return self.classes.released

    @cached_property
    def persons_before(self) -> Integers:
        """(class,) distinct persons."""
        persons = self.coded.persons
        if persons is None:
            return self.before.counts
        room = int(persons.max(initial=0)) + 1
        return np.bincount(unique(self.before.of * room + persons) // room, minlength=len(self.before))


def read(
    engine: TableEngine, recipe: Recipe, stage: KAnonymity, before: Frame, after: Frame, held: Frame | None, folder: Path | None,
    *, ordered: bool = True,
) -> World:  # fmt: skip
    """``before``, ``held``: rows that the recipe's row stages are done with. Raises :class:`InputError`.

    ``ordered``: in an order of their own, so that a given generator draws the same again; for a run it does not matter.
    """
    if not engine.rows(after) <= engine.rows(before):
        raise InputError("the release has more rows than the original: it is not a release of it")
    key = recipe.person_key if _several(engine, before, recipe.person_key) else None
    columns = _fitting(engine, before, _columns(engine, recipe, stage, before, after), recipe.with_role(Role.SENSITIVE), key)
    times = Names([*columns.names, *([] if key is None else [key])]).of("times")
    original = _table(engine, before, "original", columns.names, key, times, ordered)
    release = _table(engine, after, "release", columns.names, None, times, ordered)
    holdout = None if held is None else _table(engine, held, "held-out file", columns.names, key, times, ordered)
    coded = code_tables(
        original, release, quasi_identifiers=columns.quasi, others=columns.others, folder=folder, holdout=holdout,
        person_key=key, times=times,
    )  # fmt: skip
    return World(recipe, stage, columns, coded, recipe.person_key is not None and recipe.person_key in _names(after))


def _names(frame: Frame) -> list[str]:
    return list(frame.collect_schema().names())


def _columns(engine: TableEngine, recipe: Recipe, stage: KAnonymity, before: Frame, after: Frame) -> Columns:
    schema = engine.schema(before)
    quasi = counted(recipe.quasi_identifiers, stage, [field.name for field in schema if column_type(field.type) == "text"])
    averaged = [one.column for one in stage.microaggregate]
    there = set(_names(after))
    # what stands in the place of an identifier says nothing of the row: an attack that used it would only seem weaker
    replaced = [name for name in recipe.with_role(Role.DIRECT_IDENTIFIER) if name not in quasi and name in there]
    apart = {*quasi, *averaged, *replaced, recipe.person_key}
    return Columns(quasi, [name for name in schema.names if name not in apart and name in there], averaged, replaced, [])


def _fitting(engine: TableEngine, before: Frame, columns: Columns, sensitive: Sequence[str], key: str | None) -> Columns:
    """Those whose different rows can be held in memory."""
    fewer = columns.fewer(sensitive)
    for some in (columns, fewer):
        if _different(engine, before, some.names, key) <= MOST:
            return some
    raise InputError(f"more than {MOST:,} different rows are too many to hold in memory; measure a sample of the persons")


def _different(engine: TableEngine, frame: Frame, names: Sequence[str], key: str | None) -> int:
    rows = engine.rows(frame)
    return rows if rows <= MOST or key is not None else engine.rows(distinct(frame.select(*names)))


def _several(engine: TableEngine, frame: Frame, key: str | None) -> bool:
    """Has anybody two rows?"""
    return key is not None and engine.rows(distinct(frame.select(key))) < engine.rows(frame)


def _table(engine: TableEngine, frame: Frame, what: str, names: Sequence[str], key: str | None, times: str, ordered: bool) -> pa.Table:
    """The distinct rows with how often each occurs; with a ``key``, all rows and whose they are."""
    missing = [name for name in names if name not in _names(frame)]
    if missing:
        raise InputError(f"the {what} has no column {missing[0]!r}")
    plain = one_zero(frame.select(*names, *([] if key is None else [key])), names)
    held = plain if key is not None else plain.group_by(*names).agg(nw.len().alias(times))
    held = held.sort(*names) if ordered and key is None else held
    return pa.Table.from_batches(engine.batches(held, BATCH), schema=engine.schema(held))
