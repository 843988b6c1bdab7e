"""Sensitive columns read beside the combinations: whose values they are, counted once in the table engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from anonymize.columns import hierarchies
from anonymize.errors import PrivacyNotMet, Problem, RecipeError
from anonymize.microdata.classes import Combinations, combinations
from anonymize.microdata.encode import Dictionary, Names
from anonymize.microdata.histograms import Sensitive
from anonymize.microdata.judge import Rules
from anonymize.microdata.lattice import Integers
from anonymize.microdata.models import model_of
from anonymize.recipe import Hierarchy, LDiversity, SensitiveModel
from anonymize.tables.base import Frame, TableEngine


def rules(
    asked: Sequence[SensitiveModel],
    dictionaries: Mapping[str, Dictionary],
    found: Mapping[str, Sensitive],
    given: Mapping[str, Hierarchy | None],
    folder: Path | None,
) -> Rules:
    """The models with what they are judged by. ``given``: the hierarchies of the columns.

    Raises :class:`RecipeError`, and :class:`PrivacyNotMet` for an l above the number of values that the column has.
    """
    paired = []
    for model in asked:
        entry = dictionaries[model.column]
        _refuse_impossible(model, len(entry.values))
        ordered = ranks(entry.values, given[model.column], folder)
        paired.append((model_of(model, entry.coded.groups, ordered), found[model.column]))
    return tuple(paired)


def _refuse_impossible(model: SensitiveModel, values: int) -> None:
    """No class has more values than the column: distinct, as e to the entropy, or as the tail of recursive diversity."""
    if isinstance(model, LDiversity) and not model.l <= values:
        message = f"l = {model.l:f} asks for more values than column {model.column!r} has ({values}): no class can hold them"
        raise PrivacyNotMet(message, problems=(Problem("l_above_values", message, column=model.column),))


def read(
    engine: TableEngine,
    coded: Frame,
    table: Combinations,
    entry: Dictionary,
    place: int,
    person_key: str | None,
    names: Names,
) -> Sensitive:
    """One sensitive column, whose codes stand in ``coded`` at ``place``, beside the combinations of ``table``."""
    width = len(table.columns)
    pairs = combinations(engine, coded, [*table.columns, entry.column], person_key, names, [*range(width), place])
    return of_pairs(table, pairs, len(entry.values))


def of_pairs(table: Combinations, pairs: Combinations, values: int) -> Sensitive:
    """Sensitive values from combinations with one column more, the value's code, than those of ``table``."""
    width = len(table.columns)
    combination = pd.DataFrame(table.codes).assign(combination=np.arange(len(table)))
    found = pd.DataFrame(pairs.codes[:, :width]).merge(combination, on=list(range(width)), how="left", validate="many_to_one")
    return Sensitive(
        found["combination"].to_numpy(dtype=np.int64), pairs.codes[:, width], pairs.settled,
        pairs.visit_combination, pairs.visitor, pairs.visitors, values,
    )


def ranks(values: Sequence[object], hierarchy: Hierarchy | None, folder: Path | None) -> Integers | None:
    """The place of each value in its order, null last: of numbers and dates their own, of text its file's.

    ``None`` where there is no order. Values of which the file says nothing have been refused before.
    """
    leaves = hierarchies.leaves(hierarchy, folder)
    present = [value for value in values if value is not None]
    if leaves is not None and all(isinstance(value, str) for value in present):
        place = {leaf: i for i, leaf in enumerate(leaves)}
        ordered = sorted(present, key=lambda value: place[str(value)])
    elif any(isinstance(value, str) for value in present):
        return None
    else:
        try:
            ordered = sorted(present)  # type: ignore[type-var]
        except TypeError:
            raise RecipeError("the values of a column cannot be put in order") from None
    at = {value: i for i, value in enumerate(ordered)}
    return np.array([len(present) if value is None else at[value] for value in values], dtype=np.int64)
