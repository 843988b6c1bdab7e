"""What no single field of a recipe can see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymize.recipe.aggregates import DpTable
from anonymize.recipe.appending import problems_of_appending
from anonymize.recipe.columns import Role
from anonymize.recipe.hierarchies import DRAWN_FROM_DATA, LISTED, DateHierarchy, IntervalHierarchy
from anonymize.recipe.microdata import PERSONS, KAnonymity, PopulationModel
from anonymize.recipe.preparing import made_columns, problems_of_preparing, role_of
from anonymize.recipe.rows import KeepRows
from anonymize.recipe.stages import PROTECTING, Scan
from anonymize.recipe.totals import ALL

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
    problems += problems_of_preparing(recipe)
    problems += problems_of_appending(recipe)
    known = set(recipe.columns) | made_columns(recipe)
    for i, stage in enumerate(recipe.stages):
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
        if role_of(recipe, averaged.column) not in (Role.SENSITIVE, Role.PLAIN):
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
    if unit.column == recipe.person_key or role_of(recipe, unit.column) is Role.DIRECT_IDENTIFIER:
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
        if group.values_from == "hierarchy" and not (group.column in recipe.columns and isinstance(recipe.columns[group.column].hierarchy, LISTED)):
            problems.append(f"{where}/values_from|column {group.column!r} has no hierarchy that lists its values: give it a file or places, or declare values")
    problems += _total_checks(recipe, stage, f"{at}/totals")
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


def _total_checks(recipe: Recipe, stage: DpTable, at: str) -> list[str]:
    """Levels must be known without the data, for every declared value."""
    problems: list[str] = []
    for group in stage.levelled:
        if group.bucket is not None or all(total.get(group.output_name, ALL) == ALL for total in stage.totals):
            continue
        column = recipe.columns.get(group.column)
        hierarchy = None if column is None else column.hierarchy
        if hierarchy is None:
            problems.append(f"{at}|column {group.column!r} has no hierarchy")
        elif isinstance(hierarchy, DRAWN_FROM_DATA):
            problems.append(f"{at}|the hierarchy of {group.column!r} is drawn from the data, which would undo the noise: name public levels")
        elif group.level and isinstance(hierarchy, (IntervalHierarchy, DateHierarchy)):
            problems.append(f"{at}|levels above a level of numbers or dates are not known: group {group.column!r} by the values, or take totals at 'all'")
    return problems
