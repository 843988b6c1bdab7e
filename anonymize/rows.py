"""What happens to rows one at a time, before any protection: choosing columns, deriving, filtering, missing keys.

Each step looks at a single row and at nothing else, so it neither weakens nor borrows from the stage that protects.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import narwhals as nw
import pyarrow as pa
import pyarrow.types as pt

from anonymize.columns.missing import named
from anonymize.errors import InputError, Problem, RecipeError
from anonymize.recipe import PERIOD, Derive, KeepRows, PrivacyUnit, Recipe, Recode, Truncated
from anonymize.recipe.stages import RowStage
from anonymize.recoding import recode
from anonymize.tables.base import Frame, TableEngine

DERIVED_PLACES = 6


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


def prepare(engine: TableEngine, frame: Frame, recipe: Recipe) -> Prepared:
    """Apply the recipe's columns and row stages.

    Raises:
        RecipeError: a column is missing or not of the kind a stage needs.
        InputError: rows without a person key, and the recipe does not say to drop them.
    """
    schema = engine.schema(frame)
    _check_columns(recipe, schema)
    counts = {"rows_read": engine.rows(frame)}
    treatment: list[str] = []
    frame = frame.select(*_wanted(recipe, schema))
    for number, stage in enumerate(recipe.row_stages):
        pointer = f"/stages/{number}"
        frame = _apply(engine, frame, stage, pointer)
        treatment.append(_say(stage))
    frame = engine.persist(frame) if recipe.row_stages else frame
    if recipe.person_key is not None:
        frame, missing = _with_keys(engine, frame, recipe)
        counts["rows_without_person"] = missing
        treatment += _MISSING_KEYS[recipe.missing_person_key]
    unit: tuple[str, ...] = () if recipe.person_key is None else (recipe.person_key,)
    if recipe.privacy_unit is not None:
        frame, counts["rows_without_period"] = _with_period(engine, frame, recipe.privacy_unit)
        unit = (*unit, PERIOD)
        treatment.append(f"Rows whose {recipe.privacy_unit.column} is missing belong to no {recipe.privacy_unit.period} and were left out.")
    frame = frame.select(*[name for name in engine.schema(frame).names if name not in _only_inputs(recipe)])
    frame = _truncated(engine, frame, recipe)
    counts["rows_used"] = engine.rows(frame)
    return Prepared(frame, engine.schema(frame), tuple(treatment), counts, unit)


def _apply(engine: TableEngine, frame: Frame, stage: RowStage, pointer: str) -> Frame:
    match stage:
        case Derive():
            return _derive(engine, frame, stage, pointer)
        case Recode():
            return recode(engine, frame, stage, pointer)
    return _keep(engine, frame, stage, pointer)


def _check_columns(recipe: Recipe, schema: pa.Schema) -> None:
    derived = {stage.name for stage in recipe.row_stages if isinstance(stage, Derive)}
    present = set(schema.names)
    problems = [
        Problem("unknown_column", f"the input has no column {name!r}", pointer=f"/columns/{name}")
        for name in recipe.columns
        if name not in present | derived
    ]
    if recipe.person_key is not None and recipe.person_key not in present:
        problems.append(Problem("unknown_column", f"the input has no column {recipe.person_key!r}", pointer="/person_key"))
    problems += [
        Problem("column_exists", f"the input already has a column {name!r}", pointer="/stages") for name in sorted(derived & present)
    ]
    for number, stage in enumerate(recipe.row_stages):
        for name in stage.product if isinstance(stage, Derive) else (stage.column,):
            if name not in present | derived:
                problems.append(Problem("unknown_column", f"the input has no column {name!r}", pointer=f"/stages/{number}"))
    if problems:
        raise RecipeError(problems[0].message, problems=tuple(problems))


def _inputs(recipe: Recipe) -> set[str]:
    names: set[str] = set()
    for stage in recipe.row_stages:
        names |= set(stage.product) if isinstance(stage, Derive) else {stage.column}
    return names | ({recipe.privacy_unit.column} if recipe.privacy_unit is not None else set())


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
    """Columns that row stages needed and that the recipe does not name: they go no further."""
    named = _named(recipe)
    return _inputs(recipe) - named - ({recipe.person_key} if recipe.person_key else set())


def is_numeric(kind: pa.DataType) -> bool:
    return bool(pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind))


def _numeric(engine: TableEngine, frame: Frame, name: str, pointer: str) -> None:
    if not is_numeric(engine.schema(frame).field(name).type):
        message = f"column {name!r} is not numeric"
        raise RecipeError(message, problems=(Problem("not_numeric", message, pointer=pointer),))


def _derive(engine: TableEngine, frame: Frame, stage: Derive, pointer: str) -> Frame:
    for name in stage.product:
        _numeric(engine, frame, name, pointer)
    # 38 digits hold 18 before and 6 after the point of each factor; what does not fit makes the engine refuse.
    exact = nw.Decimal(18, DERIVED_PLACES)
    product = nw.col(stage.product[0]).cast(exact)
    for name in stage.product[1:]:
        product = (product * nw.col(name).cast(exact)).cast(exact)
    return frame.with_columns(product.alias(stage.name))


def _keep(engine: TableEngine, frame: Frame, stage: KeepRows, pointer: str) -> Frame:
    if stage.values is not None:
        return frame.filter(nw.col(stage.column).cast(nw.String).is_in(list(stage.values)))
    _numeric(engine, frame, stage.column, pointer)
    column = nw.col(stage.column)
    frame = frame.filter(named(stage.column, engine.schema(frame).field(stage.column).type))  # NaN lies within no bounds
    if stage.at_least is not None:
        frame = frame.filter(column >= _literal(stage.at_least))
    if stage.at_most is not None:
        frame = frame.filter(column <= _literal(stage.at_most))
    return frame


def _literal(number: Decimal) -> nw.Expr:
    return nw.lit(number) if number % 1 else nw.lit(int(number))


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


def _say(stage: RowStage) -> str:
    if isinstance(stage, Derive):
        return f"{stage.name} is computed row by row as {' × '.join(stage.product)}."
    if isinstance(stage, Recode):
        done = [f"values below {stage.bottom:f} became {stage.bottom:f}" if stage.bottom is not None else "",
                f"values above {stage.top:f} became {stage.top:f}" if stage.top is not None else "",
                f"values were rounded to multiples of {stage.round_to:f}" if stage.round_to is not None else ""]  # fmt: skip
        return f"In {stage.column}, row by row, {', '.join(part for part in done if part)}."
    if stage.values is not None:
        return f"Only rows in which {stage.column} is one of {len(stage.values)} listed values were used."
    bounds = [f"at least {stage.at_least}" if stage.at_least is not None else "", f"at most {stage.at_most}" if stage.at_most is not None else ""]
    return f"Only rows in which {stage.column} is {' and '.join(b for b in bounds if b)} were used."


_MISSING_KEYS = {
    "refuse": [],
    "drop": ["Rows that name no person were left out."],
    "nobody": ["Rows that name no person were declared to be nobody's: they count, and nothing protects whoever they were about."],
}


def _with_period(engine: TableEngine, frame: Frame, unit: PrivacyUnit) -> tuple[Frame, int]:
    """With the period that each row lies in; without the rows that lie in none, and how many they are."""
    kind = engine.schema(frame).field(unit.column).type
    if not (pt.is_date(kind) or pt.is_timestamp(kind)):
        message = f"column {unit.column!r} holds no dates or times to take a {unit.period} from"
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
