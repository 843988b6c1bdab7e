"""The stages before the protecting one, carried out: on single rows, or on the rows of single units of privacy."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import narwhals as nw
import pyarrow as pa
import pyarrow.types as pt

from anonymize.column_types import hint_of_time
from anonymize.columns.missing import named
from anonymize.errors import Problem, RecipeError
from anonymize.locating import locate
from anonymize.movement import flows, presence, there
from anonymize.recipe import Derive, Flows, KeepRows, Locate, Presence, PrivacyUnit, Recode
from anonymize.recipe.stages import PersonStage, Preparing
from anonymize.recoding import recode
from anonymize.tables.base import Frame, TableEngine

DERIVED_PLACES = 6


def row_by_row(engine: TableEngine, frame: Frame, stages: Sequence[tuple[int, Preparing]], folder: Path | None) -> Frame:
    """After row stages, each given with its place among the recipe's. ``folder``: where the recipe's files are."""
    for i, stage in stages:
        frame = _apply(engine, frame, stage, f"/stages/{i}", folder)
    return engine.persist(frame) if stages else frame


def _apply(engine: TableEngine, frame: Frame, stage: Preparing, pointer: str, folder: Path | None) -> Frame:
    match stage:
        case Derive():
            return _derive(engine, frame, stage, pointer)
        case Recode():
            return recode(engine, frame, stage, pointer)
        case Locate():
            for name in stage.reads:
                _refuse_text(engine, frame, name, pointer)
            return locate(engine, frame, stage, folder)
        case KeepRows():
            return _keep(engine, frame, stage, pointer)
    raise RecipeError(f"{stage.stage} is no stage that looks at one row at a time")


def by_persons(
    engine: TableEngine, frame: Frame, stage: PersonStage, unit: tuple[str, ...], pointer: str, period: PrivacyUnit | None = None
) -> tuple[Frame, int]:
    """After a stage that looks at the rows of each unit; and how many rows had no time or place to look at."""
    kind = engine.schema(frame).field(stage.time).type
    if not pt.is_timestamp(kind):
        hint = hint_of_time(is_number=is_number(kind))
        message = f"column {stage.time!r} holds no time stamps, which {stage.stage} needs{hint}"
        raise RecipeError(message, problems=(Problem("not_a_time", message, pointer=f"{pointer}/time"),))
    left_out = engine.rows(frame) - engine.rows(there(engine, frame, stage))
    return (flows(engine, frame, stage, unit) if isinstance(stage, Flows) else presence(engine, frame, stage, unit, period)), left_out


def is_number(kind: pa.DataType) -> bool:
    return bool(pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind))


def _refuse_text(engine: TableEngine, frame: Frame, name: str, pointer: str) -> None:
    if not is_number(engine.schema(frame).field(name).type):
        message = f"column {name!r} is not numeric"
        raise RecipeError(message, problems=(Problem("not_numeric", message, pointer=pointer),))


def _derive(engine: TableEngine, frame: Frame, stage: Derive, pointer: str) -> Frame:
    for name in stage.product:
        _refuse_text(engine, frame, name, pointer)
    # 38 digits hold 18 before and 6 after the point of each factor; what does not fit makes the engine refuse.
    exact = nw.Decimal(18, DERIVED_PLACES)
    product = nw.col(stage.product[0]).cast(exact)
    for name in stage.product[1:]:
        product = (product * nw.col(name).cast(exact)).cast(exact)
    return frame.with_columns(product.alias(stage.name))


def _keep(engine: TableEngine, frame: Frame, stage: KeepRows, pointer: str) -> Frame:
    if stage.values is not None:
        return frame.filter(nw.col(stage.column).cast(nw.String).is_in(list(stage.values)))
    _refuse_text(engine, frame, stage.column, pointer)
    column = nw.col(stage.column)
    frame = frame.filter(named(stage.column, engine.schema(frame).field(stage.column).type))  # NaN lies within no bounds
    if stage.at_least is not None:
        frame = frame.filter(column >= _literal(stage.at_least))
    if stage.at_most is not None:
        frame = frame.filter(column <= _literal(stage.at_most))
    return frame


def _literal(number: Decimal) -> nw.Expr:
    return nw.lit(number) if number % 1 else nw.lit(int(number))


def say(stage: Preparing) -> str:
    """What a stage did, for everybody to read: it follows from the recipe alone."""
    if isinstance(stage, Locate):
        place = f"the area of {stage.layer.file}" if stage.layer is not None else f"the H3 cell of resolution {stage.h3}"
        return f"{stage.name} is, row by row, {place} that the point of {stage.latitude} and {stage.longitude} lies in."
    if isinstance(stage, Flows):
        return (
            f"Rows are ways of a person from {stage.place} to {stage.place}: two rows, one after the other, at most {stage.max_gap_minutes} minutes apart"
            f"{', also those that stay at one place' if stage.same_place else ''}. {stage.time} is when the first of them was."
        )
    if isinstance(stage, Presence):
        return (
            f"A person who is found twice at one {stage.place} within {stage.max_gap_minutes} minutes is taken to have stayed there: "
            f"rows were added between the two, one every {stage.step_minutes} minutes."
        )
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
