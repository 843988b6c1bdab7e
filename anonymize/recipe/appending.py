"""Rows of other tables about the same people, put under those of this one before anything else happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from anonymize.recipe.aggregates import DpTable
from anonymize.recipe.columns import Role
from anonymize.recipe.preparing import made_columns
from anonymize.recipe.values import Name, Value

if TYPE_CHECKING:
    from anonymize.recipe.document import Recipe

TableName = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]


class Append(Value):
    """A further table, by its name: on the platform the slug of a dataset.

    ``columns``: column of this recipe → column of that table. The person key is among them; the keys of all tables are
    replaced by pseudonyms under one key that lives as long as the run. A column that is not named is null in its rows.
    """

    table: TableName
    columns: Annotated[dict[Name, Name], Field(min_length=1, max_length=100)]


def input_columns(recipe: Recipe) -> set[str]:
    """The columns of the tables that a recipe looks at."""
    named = {name for name, column in recipe.columns.items() if column.role is not Role.DIRECT_IDENTIFIER}
    read = {name for stage in recipe.preparing for name in stage.reads}
    period = {recipe.privacy_unit.column} if recipe.privacy_unit is not None else set()
    key = {recipe.person_key} if recipe.person_key is not None else set()
    return (named | read | period | key) - made_columns(recipe)


def problems_of_appending(recipe: Recipe) -> Iterator[str]:
    """Each line is ``pointer|message``."""
    if not recipe.append:
        return
    if not isinstance(recipe.stages[-1], DpTable):
        yield "/append|rows of several tables tell more of a person together: only a dp_table protects them"
    if recipe.person_key is None:
        yield "/person_key|name the column that says whose row it is: tables are joined by it and by nothing else"
        return
    yield from _two_periods(recipe)
    used = input_columns(recipe)
    for i, other in enumerate(recipe.append):
        at = f"/append/{i}/columns"
        key = other.columns.get(recipe.person_key)
        if key is None:
            yield f"{at}|name the column of {other.table!r} that is the person key {recipe.person_key!r}"
        for name, theirs in other.columns.items():
            if name not in used:
                yield f"{at}/{name}|the recipe does not use a column {name!r} of the input"
            elif name != recipe.person_key and theirs == key:
                yield f"{at}/{name}|the person key of {other.table!r} can be no other column as well: it would stand there in clear"


def _two_periods(recipe: Recipe) -> Iterator[str]:
    """A row that comes twice, under two of its times, would be in two periods, and each of them be bounded as if it were alone."""
    if recipe.privacy_unit is None:
        return
    name, taken = recipe.privacy_unit.column, dict[str, str]()
    for i, other in enumerate(recipe.append):
        theirs = other.columns.get(name)
        if theirs is not None and taken.setdefault(other.table, theirs) != theirs:
            yield (
                f"/append/{i}/columns/{name}|the {recipe.privacy_unit.period}s of {other.table!r} are taken from {taken[other.table]!r} "
                "already: by another of its times one row would lie in two of them"
            )
