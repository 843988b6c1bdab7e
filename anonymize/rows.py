"""What happens to rows before any protection: choosing columns, deriving, filtering, missing keys, movement.

Each step looks at a single row, or at the rows of a single unit of privacy, and at nothing else, so it neither weakens
nor borrows from the stage that protects.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import narwhals as nw
import pyarrow as pa
import pyarrow.types as pt

from anonymize.column_types import hint_of_time
from anonymize.columns.missing import named
from anonymize.errors import InputError, Problem, RecipeError
from anonymize.preparing import by_persons, is_number, row_by_row, say
from anonymize.recipe import PERIOD, DpTable, PrivacyUnit, Recipe, Truncated
from anonymize.recipe.preparing import made_columns
from anonymize.recipe.stages import PERSON_STAGES
from anonymize.tables.base import Frame, TableEngine


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows ready for the protecting stage, and what was done to get there.

    ``unit``: the columns that say together whose row it is: the person key, with the period of time where that is what is
    protected; none where the recipe names no person. ``treatment`` holds sentences without counts, fit for the public;
    ``counts`` is for the officer alone.
    """

    frame: Frame
    schema: pa.Schema
    treatment: tuple[str, ...]
    counts: dict[str, int]
    unit: tuple[str, ...] = ()


def prepare(engine: TableEngine, frame: Frame, recipe: Recipe, folder: Path | None = None) -> Prepared:
    """Apply the recipe's columns and the stages before the protecting one. ``folder``: where its files are.

    Raises:
        RecipeError: a column is missing or not of the kind a stage needs.
        InputError: rows without a person key, and the recipe does not say to drop them.
    """
    schema = engine.schema(frame)
    _check_columns(recipe, schema)
    counts = {"rows_read": engine.rows(frame)}
    treatment: list[str] = []
    frame = frame.select(*_wanted(recipe, schema))
    stages = list(enumerate(recipe.preparing))
    first = next((i for i, stage in stages if isinstance(stage, PERSON_STAGES)), len(stages))
    frame = done = row_by_row(engine, frame, stages[:first], folder)
    treatment += [say(stage) for _, stage in stages[:first]]
    frame, unit = _with_unit(engine, frame, recipe, treatment, counts)
    for i, stage in stages[first:]:
        if isinstance(stage, PERSON_STAGES):
            frame, left_out = by_persons(engine, frame, stage, unit, f"/stages/{i}", recipe.privacy_unit)
            counts["rows_without_time_or_place"] = counts.get("rows_without_time_or_place", 0) + left_out
            engine.forget(done)  # what was kept for it: its own rows are kept now
        else:
            frame = done = row_by_row(engine, frame, [(i, stage)], folder)
        treatment.append(say(stage))
    frame = frame.select(*[name for name in engine.schema(frame).names if name not in _only_inputs(recipe)])
    frame = _truncated(engine, frame, recipe)
    counts["rows_used"] = engine.rows(frame)
    return Prepared(frame, engine.schema(frame), tuple(treatment), counts, unit)


def _with_unit(engine: TableEngine, frame: Frame, recipe: Recipe, treatment: list[str], counts: dict[str, int]) -> tuple[Frame, tuple[str, ...]]:
    """The rows whose unit of privacy is known, and its columns; what was left out is added to ``treatment`` and ``counts``."""
    unit: tuple[str, ...] = ()
    if recipe.person_key is not None:
        frame, counts["rows_without_person"] = _with_keys(engine, frame, recipe)
        unit = (recipe.person_key,)
        treatment += _MISSING_KEYS[recipe.missing_person_key]
    if recipe.privacy_unit is not None:
        frame, counts["rows_without_period"] = _with_period(engine, frame, recipe.privacy_unit)
        unit = (*unit, PERIOD)
        treatment.append(f"Rows whose {recipe.privacy_unit.column} is missing belong to no {recipe.privacy_unit.period} and were left out.")
    return frame, unit


def _check_columns(recipe: Recipe, schema: pa.Schema) -> None:
    made = made_columns(recipe)
    present = set(schema.names)
    problems = [
        Problem("unknown_column", f"the input has no column {name!r}", pointer=f"/columns/{name}")
        for name in recipe.columns
        if name not in present | made
    ]
    if recipe.person_key is not None and recipe.person_key not in present:
        problems.append(Problem("unknown_column", f"the input has no column {recipe.person_key!r}", pointer="/person_key"))
    problems += [Problem("column_exists", f"the input already has a column {name!r}", pointer="/stages") for name in sorted(made & present)]
    problems += [
        Problem("unknown_column", f"the input has no column {name!r}", pointer=f"/stages/{number}")
        for number, stage in enumerate(recipe.preparing)
        for name in stage.reads
        if name not in present | made
    ]
    if problems:
        raise RecipeError(problems[0].message, problems=tuple(problems))


def _inputs(recipe: Recipe) -> set[str]:
    dated = {recipe.privacy_unit.column} if recipe.privacy_unit is not None else set()
    return {name for stage in recipe.preparing for name in stage.reads} | dated


def _wanted(recipe: Recipe, schema: pa.Schema) -> list[str]:
    """The columns that may be looked at: those the recipe names, and what stages compute from.

    A direct identifier only where the recipe says what is released in its place.
    """
    named = _named(recipe)
    wanted = named | _inputs(recipe) | ({recipe.person_key} if recipe.person_key else set())
    return [name for name in schema.names if name in wanted]


def _named(recipe: Recipe) -> set[str]:
    return {name for name, column in recipe.columns.items() if column.leaves}


def _only_inputs(recipe: Recipe) -> set[str]:
    """Columns that stages needed and that the recipe does not name: they go no further. What stages made may still be
    grouped by in a DP table; in rows that are published one by one it leaves only where it is named."""
    made = made_columns(recipe)
    unasked = _inputs(recipe) - made if isinstance(recipe.final, DpTable) else _inputs(recipe) | made
    return unasked - _named(recipe) - ({recipe.person_key} if recipe.person_key else set())


def _truncated(engine: TableEngine, frame: Frame, recipe: Recipe) -> Frame:
    """The first characters of codes, where the recipe releases no more of an identifier than that; null stays null."""
    schema, shortened = engine.schema(frame), []
    for name, column in recipe.columns.items():
        if not isinstance(column.release_as, Truncated):
            continue
        kind = schema.field(name).type
        if not (pt.is_integer(kind) or pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind)):
            message = f"column {name!r} cannot be truncated: it needs a column of codes (text or whole numbers)"
            raise RecipeError(message, problems=(Problem("not_a_code", message, pointer=f"/columns/{name}/release_as"),))
        shortened.append(nw.col(name).cast(nw.String()).str.slice(0, column.release_as.keep))
    return frame.with_columns(*shortened) if shortened else frame


_MISSING_KEYS = {
    "refuse": [],
    "drop": ["Rows that name no person were left out."],
    "nobody": ["Rows that name no person were declared to be nobody's: they count, and nothing protects whoever they were about."],
}


def _with_period(engine: TableEngine, frame: Frame, unit: PrivacyUnit) -> tuple[Frame, int]:
    """With the period that each row lies in; without the rows that lie in none, and how many they are."""
    kind = engine.schema(frame).field(unit.column).type
    if not (pt.is_date(kind) or pt.is_timestamp(kind)):
        message = f"column {unit.column!r} holds no dates or times to take a {unit.period} from{hint_of_time(is_number=is_number(kind))}"
        raise RecipeError(message, problems=(Problem("not_a_time", message, pointer="/privacy_unit/column"),))
    timed = frame.filter(~nw.col(unit.column).is_null())
    missing = engine.rows(frame) - engine.rows(timed)
    return engine.with_time_bucket(timed, unit.column, PERIOD, bucket=unit.period, time_zone=unit.time_zone), missing


def _with_keys(engine: TableEngine, frame: Frame, recipe: Recipe) -> tuple[Frame, int]:
    """Rows whose person key is there, and how many are not. Null, NaN and blank text all mean: nobody is named.

    Where such rows are nobody's they stay, and their key is null.
    """
    if recipe.person_key is None:
        raise RecipeError("the recipe names no person key")
    there = named(recipe.person_key, engine.schema(frame).field(recipe.person_key).type)
    kept = frame.filter(there)
    missing = engine.rows(frame) - engine.rows(kept)
    if missing and recipe.missing_person_key == "nobody":
        key = nw.col(recipe.person_key)
        return frame.with_columns(nw.when(there).then(key).otherwise(nw.lit(None)).alias(recipe.person_key)), missing
    if missing and recipe.missing_person_key == "refuse":
        raise InputError(
            "some rows have no person key, so nothing would protect the people behind them; complete the key, or say "
            "in the recipe that such rows are to be left out: \"missing_person_key\": \"drop\"; or, if they are about no "
            "person at all, that they are \"nobody\"'s",
            problems=(Problem("missing_person_key", f"{missing} rows have no person key", column=recipe.person_key),),
        )
    return kept, missing
