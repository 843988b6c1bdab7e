"""What no single field of a recipe can see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymize.recipe.aggregates import DpTable
from anonymize.recipe.columns import Role
from anonymize.recipe.hierarchies import DRAWN_FROM_DATA
from anonymize.recipe.microdata import PERSONS, KAnonymity, PopulationModel
from anonymize.recipe.rows import Derive, KeepRows, Recode
from anonymize.recipe.stages import PROTECTING, Scan

if TYPE_CHECKING:
    from anonymize.recipe.document import Recipe


def problems_of(recipe: Recipe) -> list[str]:
    """Each line is ``pointer|message``."""
    problems: list[str] = []
    if len({name.casefold() for name in recipe.columns}) != len(recipe.columns):
        problems.append("/columns|two columns differ only in upper and lower case: rename one")
    protecting = [i for i, stage in enumerate(recipe.stages) if isinstance(stage, PROTECTING)]
    last = len(recipe.stages) - 1
    if protecting != [last]:
        problems.append(
            "/stages|exactly one stage protects (k_anonymity, dp_table or scan) and it comes last: what one of them chose "
            "by looking at the data would void the promise of the next"
        )
    keys = recipe.with_role(Role.PERSON_KEY)
    if recipe.person_key is None and keys:
        problems.append(f"/person_key|column {keys[0]!r} has the role person_key: name it in person_key")
    if recipe.person_key is not None:
        declared = recipe.columns.get(recipe.person_key)
        if declared is not None and declared.role is not Role.PERSON_KEY:
            problems.append(f"/columns/{recipe.person_key}/role|this column is the person key: its role must be person_key")
        if any(key != recipe.person_key for key in keys):
            problems.append("/columns|only one column can be the person key")
    if protecting and not isinstance(recipe.stages[-1], KAnonymity):
        problems += [
            f"/columns/{name}/release_as|only a k_anonymity stage releases anything in the place of a direct identifier"
            for name, column in recipe.columns.items()
            if column.release_as is not None
        ]
    if protecting and not isinstance(recipe.stages[-1], DpTable):
        if recipe.privacy_unit is not None:
            problems.append("/privacy_unit|only a dp_table can protect a period of a person's life; the other stages protect persons")
        if recipe.missing_person_key == "nobody":
            problems.append("/missing_person_key|only a dp_table can count rows that are nobody's; say 'refuse' or 'drop'")
    derived = {stage.name for stage in recipe.stages if isinstance(stage, Derive)}
    known = set(recipe.columns) | derived
    for i, stage in enumerate(recipe.stages):
        if isinstance(stage, Derive) and _role_of(recipe, stage.name) in (Role.DIRECT_IDENTIFIER, Role.PERSON_KEY):
            problems.append(f"/stages/{i}/name|a derived column cannot identify a person")
        if isinstance(stage, (KeepRows, Recode)) and (
            stage.column == recipe.person_key or _role_of(recipe, stage.column) in (Role.PERSON_KEY, Role.DIRECT_IDENTIFIER)
        ):
            what = "rows cannot be chosen by who the person is" if isinstance(stage, KeepRows) else "what says who the person is is no number to recode"
            problems.append(f"/stages/{i}/column|{what}")
        if isinstance(stage, (KeepRows, Recode)) and stage.column in derived - {s.name for s in recipe.stages[:i] if isinstance(s, Derive)}:
            problems.append(f"/stages/{i}/column|column {stage.column!r} is derived only after this stage")
        if isinstance(stage, Derive):
            problems += _derived_checks(recipe, stage, f"/stages/{i}/product")
        if isinstance(stage, KAnonymity):
            if not recipe.quasi_identifiers:
                problems.append(f"/stages/{i}|k_anonymity needs at least one column with the role quasi_identifier")
            for role in (Role.EVENT_TIME, Role.PLACE):
                for name in recipe.with_role(role):
                    problems.append(
                        f"/columns/{name}/role|in microdata a {role.value} column singles people out: give it the role "
                        "quasi_identifier and a hierarchy, or leave it out"
                    )
            problems += _model_checks(recipe, stage, f"/stages/{i}")
        if isinstance(stage, DpTable):
            problems += _dp_checks(recipe, stage, f"/stages/{i}", known)
            problems += _unit_checks(recipe, known)
        if isinstance(stage, Scan):
            if recipe.person_key is not None:
                problems.append(f"/stages/{i}|data with a person key are personal: a scan does not protect them")
            for name, column in recipe.columns.items():
                if column.role in (Role.QUASI_IDENTIFIER, Role.SENSITIVE, Role.PERSON_KEY):
                    problems.append(f"/columns/{name}/role|a {column.role.value} column is about persons: a scan does not protect it")
    return problems


# What a value computed from a column says of people, from least to most; a derived column says at least as much.
_TELLING = {
    Role.PLAIN: 0, Role.SENSITIVE: 1, Role.PLACE: 2, Role.EVENT_TIME: 2, Role.QUASI_IDENTIFIER: 2, Role.PERSON_KEY: 3, Role.DIRECT_IDENTIFIER: 3,
}  # fmt: skip


def _derived_checks(recipe: Recipe, stage: Derive, at: str) -> list[str]:
    """A product with a column of ones is a copy: it must not slip past the stage that its source is protected by."""
    problems: list[str] = []
    for name in stage.product:
        role = _role_of(recipe, name)
        if name == recipe.person_key or role in (Role.PERSON_KEY, Role.DIRECT_IDENTIFIER):
            problems.append(f"{at}|column {name!r} identifies people; nothing can be computed from it")
        elif isinstance(recipe.stages[-1], DpTable):
            continue  # whatever it says is bounded and drowned in noise like the rest of the person's rows
        elif role is None and not any(isinstance(s, Derive) and s.name == name for s in recipe.stages):
            problems.append(f"{at}|name column {name!r} among the columns, with its role: the derived column says as much of people")
        elif name in _coarsened(recipe, stage):
            problems.append(f"{at}|column {name!r} is recoded or micro-aggregated: what is computed from it before would still have its values")
        elif role is not None and _TELLING[_role_of(recipe, stage.name) or Role.PLAIN] < _TELLING[role]:
            problems.append(f"{at}|{stage.name!r} must have a role as strict as that of {name!r}, {role.value}")
    return problems


def _coarsened(recipe: Recipe, derive: Derive) -> set[str]:
    """Columns whose values are made coarser after ``derive`` has read them."""
    later = recipe.stages[recipe.stages.index(derive) + 1 :]
    found = {stage.column for stage in later if isinstance(stage, Recode)}
    last = recipe.stages[-1]
    return found | ({averaged.column for averaged in last.microaggregate} if isinstance(last, KAnonymity) else set())


def _role_of(recipe: Recipe, name: str) -> Role | None:
    return recipe.columns[name].role if name in recipe.columns else None


def _model_checks(recipe: Recipe, stage: KAnonymity, at: str) -> list[str]:
    problems = []
    for i, model in enumerate(stage.models):
        where = f"{at}/models/{i}/column"
        if isinstance(model, PopulationModel):
            problems += _population_checks(recipe, f"{at}/models/{i}/population")
            problems += _chosen_rows(recipe, f"{at}/models/{i}")
        elif model.column not in recipe.columns:
            problems.append(f"{where}|column {model.column!r} is not among the recipe's columns")
        elif recipe.columns[model.column].role is not Role.SENSITIVE:
            problems.append(f"{where}|column {model.column!r} must have the role sensitive, and no other, to be held diverse or close")
    for i, averaged in enumerate(stage.microaggregate):
        if _role_of(recipe, averaged.column) not in (Role.SENSITIVE, Role.PLAIN):
            problems.append(f"{at}/microaggregate/{i}/column|column {averaged.column!r} must have the role sensitive or plain to be micro-aggregated")
    if stage.method == "fixed":
        problems += [
            f"/columns/{name}/hierarchy|a fixed scheme is chosen without looking at the data: quantiles and counts are drawn from them"
            for name, hierarchy in recipe.quasi_identifiers.items()
            if isinstance(hierarchy, DRAWN_FROM_DATA)
        ]
    quasi = set(recipe.quasi_identifiers)
    if stage.levels is not None and set(stage.levels) != quasi:
        problems.append(f"{at}/levels|give the level of every quasi-identifier and of no other column")
    return problems


def _chosen_rows(recipe: Recipe, at: str) -> list[str]:
    """Whoever reads the recipe knows that only the people who were kept can be in the data: the others hide nobody."""
    kept = any(isinstance(stage, KeepRows) for stage in recipe.stages)
    return [f"{at}|rows are chosen by keep_rows, and the population's are not: choose the rows of both before, and leave keep_rows out"] if kept else []


def _population_checks(recipe: Recipe, at: str) -> list[str]:
    """The population is generalised like the table, so its values need a ladder that these data did not make."""
    problems = [
        f"{at}|the hierarchy of column {name!r} is drawn from these data and knows no other value of the population: give one"
        for name, hierarchy in recipe.quasi_identifiers.items()
        if isinstance(hierarchy, DRAWN_FROM_DATA)
    ]
    if PERSONS in recipe.quasi_identifiers:
        problems.append(f"{at}|a quasi-identifier called {PERSONS!r} cannot be told from the population table's count: rename it")
    return problems


def _unit_checks(recipe: Recipe, known: set[str]) -> list[str]:
    unit = recipe.privacy_unit
    if unit is None:
        return []
    if unit.column == recipe.person_key or _role_of(recipe, unit.column) is Role.DIRECT_IDENTIFIER:
        return ["/privacy_unit/column|the period is taken from a column of dates or times, not from who the person is"]
    return [] if unit.column in known else [f"/privacy_unit/column|column {unit.column!r} is not among the recipe's columns"]


def _dp_checks(recipe: Recipe, stage: DpTable, at: str, known: set[str]) -> list[str]:
    problems: list[str] = []
    if recipe.person_key is None:
        problems.append("/person_key|a dp_table protects persons: name the column that says whose row it is")
    for i, group in enumerate(stage.group_by):
        where = f"{at}/group_by/{i}"
        if group.column == recipe.person_key:
            problems.append(f"{where}|the person key cannot be grouped by: every person would be a cell")
        elif group.column not in known:
            problems.append(f"{where}|column {group.column!r} is not among the recipe's columns")
        elif group.column in recipe.columns and recipe.columns[group.column].role is Role.DIRECT_IDENTIFIER:
            problems.append(f"{where}|a direct identifier cannot be grouped by")
        if group.level and (group.column not in recipe.columns or recipe.columns[group.column].hierarchy is None):
            problems.append(f"{where}/level|column {group.column!r} has no hierarchy")
        elif group.level and isinstance(recipe.columns[group.column].hierarchy, DRAWN_FROM_DATA):
            problems.append(f"{where}/level|the hierarchy of {group.column!r} is drawn from the data, which would undo the noise: name public levels")
    for i, measure in enumerate(stage.measures):
        if measure.column is None:
            continue
        where = f"{at}/measures/{i}/column"
        if measure.column == recipe.person_key:
            problems.append(f"{where}|the person key cannot be summed")
        elif measure.column not in known:
            problems.append(f"{where}|column {measure.column!r} is not among the recipe's columns")
        elif measure.column in recipe.columns and recipe.columns[measure.column].role is Role.DIRECT_IDENTIFIER:
            problems.append(f"{where}|a direct identifier cannot be summed")
    return problems
