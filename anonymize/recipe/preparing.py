"""What the stages before the protecting one may read and make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from anonymize.recipe.aggregates import DpTable
from anonymize.recipe.columns import Role
from anonymize.recipe.microdata import KAnonymity
from anonymize.recipe.places import Locate
from anonymize.recipe.rows import Derive, KeepRows, Recode
from anonymize.recipe.stages import PERSON_STAGES, Preparing, Scan

if TYPE_CHECKING:
    from anonymize.recipe.document import Recipe

IDENTIFYING = (Role.PERSON_KEY, Role.DIRECT_IDENTIFIER)

# What a value computed from a column says of people, from least to most; a derived column says at least as much.
_TELLING = {
    Role.PLAIN: 0, Role.SENSITIVE: 1, Role.PLACE: 2, Role.EVENT_TIME: 2, Role.QUASI_IDENTIFIER: 2, Role.PERSON_KEY: 3, Role.DIRECT_IDENTIFIER: 3,
}  # fmt: skip


def made_columns(recipe: Recipe) -> set[str]:
    """The columns that stages add."""
    return {name for stage in recipe.preparing for name in stage.makes}


def problems_of_preparing(recipe: Recipe) -> Iterator[str]:
    """Each line is ``pointer|message``."""
    later = made_columns(recipe)
    taken: set[str] = set()
    for i, stage in enumerate(recipe.stages):
        if not isinstance(stage, Preparing):
            continue
        at = f"/stages/{i}"
        yield from _made(recipe, stage, at, taken)
        yield from _read(recipe, stage, at)
        for name in stage.reads:
            if name in later:
                yield f"{at}/{_field(stage, name)}|column {name!r} is derived only after this stage"
        later -= set(stage.makes)
        taken |= {name.casefold() for name in stage.makes}
        if isinstance(stage, Derive):
            yield from _derived(recipe, stage, f"{at}/product")
        elif isinstance(stage, Locate):
            yield from _located(recipe, stage, at)
        elif isinstance(stage, PERSON_STAGES) and not isinstance(recipe.stages[-1], DpTable):
            yield f"{at}|{stage.stage} says how people moved: only a dp_table protects what it makes"
        elif isinstance(stage, PERSON_STAGES) and recipe.missing_person_key == "nobody":
            yield f"{at}|rows that are nobody's do not say who moved: leave them out, with the missing_person_key 'drop'"


def role_of(recipe: Recipe, name: str) -> Role | None:
    return recipe.columns[name].role if name in recipe.columns else None


def _field(stage: Preparing, name: str) -> str:
    """The field of a stage that names a column."""
    given = stage.model_dump()
    return next((field for field, value in given.items() if value == name and field != "stage"), "product")


def _made(recipe: Recipe, stage: Preparing, at: str, taken: set[str]) -> Iterator[str]:
    for name in stage.makes:
        where = f"{at}/{_field(stage, name)}"
        if name == recipe.person_key or role_of(recipe, name) in IDENTIFYING:
            yield f"{where}|a derived column cannot identify a person"
        if name.casefold() in taken:
            yield f"{where}|an earlier stage makes a column of this name, or of one that differs only in upper and lower case"


def _read(recipe: Recipe, stage: Preparing, at: str) -> Iterator[str]:
    for name in stage.reads:
        if name != recipe.person_key and role_of(recipe, name) not in IDENTIFYING:
            continue
        if isinstance(stage, KeepRows):
            yield f"{at}/column|rows cannot be chosen by who the person is"
        elif isinstance(stage, Recode):
            yield f"{at}/column|what says who the person is is no number to recode"
        else:
            yield f"{at}/{_field(stage, name)}|column {name!r} identifies people; nothing can be computed from it"


def _derived(recipe: Recipe, stage: Derive, at: str) -> Iterator[str]:
    """A product with a column of ones is a copy: it must not slip past the stage that its source is protected by."""
    if isinstance(recipe.stages[-1], DpTable):
        return  # whatever it says is bounded and drowned in noise like the rest of the person's rows
    for name in stage.product:
        role = role_of(recipe, name)
        if name == recipe.person_key or role in IDENTIFYING:
            continue
        if role is None and not any(isinstance(s, Derive) and s.name == name for s in recipe.stages):
            yield f"{at}|name column {name!r} among the columns, with its role: the derived column says as much of people"
        elif name in _coarsened(recipe, stage):
            yield f"{at}|column {name!r} is recoded or micro-aggregated: what is computed from it before would still have its values"
        elif role is not None and _TELLING[role_of(recipe, stage.name) or Role.PLAIN] < _TELLING[role]:
            yield f"{at}|{stage.name!r} must have a role as strict as that of {name!r}, {role.value}"


def _coarsened(recipe: Recipe, derive: Derive) -> set[str]:
    """Columns whose values are made coarser after ``derive`` has read them."""
    later = recipe.stages[recipe.stages.index(derive) + 1 :]
    found = {stage.column for stage in later if isinstance(stage, Recode)}
    last = recipe.stages[-1]
    return found | ({averaged.column for averaged in last.microaggregate} if isinstance(last, KAnonymity) else set())


def _located(recipe: Recipe, stage: Locate, at: str) -> Iterator[str]:
    """In rows that are published one by one a place can be known from elsewhere, whatever it was computed from."""
    last = recipe.stages[-1]
    if isinstance(last, KAnonymity) and role_of(recipe, stage.name) not in (Role.QUASI_IDENTIFIER, None):
        yield f"{at}/name|{stage.name!r} is where something happened: in microdata give it the role quasi_identifier and a hierarchy"
    if isinstance(last, Scan):
        for name in stage.reads:
            if name not in recipe.columns:
                yield f"{at}/{_field(stage, name)}|name column {name!r} among the columns, with its role: the place says as much of people"
