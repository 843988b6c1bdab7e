"""Columns that repeat another one: what is protected in one column must not leave in a second.

A recipe may call a copy of the person key, of a direct identifier or of a quasi-identifier plain or sensitive; then the
value leaves as it came in, whatever is done to the column that it was copied from (TRAPS.md 35). A column that says the
same in other words (the key renumbered) is not found by this.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import narwhals as nw

from anonymize.errors import PrivacyNotMet, Problem
from anonymize.recipe import Recipe, Role
from anonymize.tables.base import Frame, TableEngine

LOOK = 1_000
"""Rows that are compared first; pairs that differ there are no copies."""
MOST_EQUAL = 0.9
"""A column that is equal to an identifier in at least this share of the rows with a value is a copy of it."""
FEW_VALUES = 20
"""Columns with fewer different values may be equal by chance."""


def refuse_copies(engine: TableEngine, frame: Frame, recipe: Recipe) -> None:
    """Raise :class:`PrivacyNotMet` when a column that is published as it is repeats one that is protected.

    ``frame``: the table as it came in. Equal are values whose texts are equal; null is equal to nothing.
    """
    suspects = list(_pairs(frame, recipe))
    for rows in (frame.head(LOOK), frame):
        suspects = [pair for pair in suspects if _copied(engine, rows, pair)] if suspects else []
    problems = tuple(
        Problem("copied_column", f"column {copy!r} repeats column {source!r}, which the recipe protects: leave it out", column=copy)
        for copy, source in suspects
    )
    if problems:
        raise PrivacyNotMet(problems[0].message, problems=problems)


def _pairs(frame: Frame, recipe: Recipe) -> Iterator[tuple[str, str]]:
    """(published as it is, protected); columns that the table has."""
    there = frame.collect_schema().names()
    open_roles, hidden = (Role.SENSITIVE, Role.PLAIN), (Role.DIRECT_IDENTIFIER, Role.QUASI_IDENTIFIER, Role.PERSON_KEY)
    shown = [name for name, column in recipe.columns.items() if column.role in open_roles and name in there]
    kept = [name for name, column in recipe.columns.items() if column.role in hidden and name in there]
    if recipe.person_key is not None and recipe.person_key in there and recipe.person_key not in kept:
        kept.append(recipe.person_key)
    return product(shown, kept)


def _copied(engine: TableEngine, rows: Frame, pair: tuple[str, str]) -> bool:
    copy, source = (nw.col(name).cast(nw.String()) for name in pair)
    both = rows.select(copy.alias("copy"), source.alias("source")).filter(~nw.col("copy").is_null() & ~nw.col("source").is_null())
    asked = both.select(
        nw.len().alias("rows"), (nw.col("copy") == nw.col("source")).cast(nw.Int64()).sum().alias("equal"), nw.col("copy").n_unique().alias("values")
    )
    found = engine.collect(asked).iloc[0]
    if not int(found["rows"]) or int(found["values"]) < FEW_VALUES:
        return False
    return bool(int(found["equal"]) >= MOST_EQUAL * int(found["rows"]))
