"""The stage ``k_anonymity``: a table in, the same rows out with coarser quasi-identifiers, minus what had to go.

The order matters. Classes are counted at the chosen node; every row of a class under k persons goes; then the classes
of what is left are counted once more, from the rows that will be written, before anything is handed on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from anonymize import utility
from anonymize.errors import InputError, PrivacyNotMet, RecipeError
from anonymize.microdata import encode, fixed, full_domain, local_recoding, losses, models
from anonymize.microdata.classes import Combinations, Grouping, combinations
from anonymize.microdata.encode import Dictionary, Names
from anonymize.microdata.full_domain import Found
from anonymize.microdata.judge import Judge
from anonymize.microdata.lattice import Booleans, CodedLadder, Integers, Node
from anonymize.microdata.sensitive import rules as read_rules
from anonymize.recipe import DateHierarchy, Hierarchy, IntervalHierarchy, KAnonymity
from anonymize.risk.classes import class_risk
from anonymize.tables.base import Frame, TableEngine

Progress = Callable[[str, float], None]
ROUND_WIDTHS = tuple(Decimal(f"{digit}e{power}") for power in range(10) for digit in (1, 5))  # 1, 5, 10 … 5·10⁹


@dataclass(frozen=True)
class Microdata:
    """Rows that hold k-anonymity, the person key still among them (the caller drops it), and how it was reached."""

    frame: Frame
    levels: dict[str, int]
    report: dict[str, Any]


def anonymise(
    engine: TableEngine,
    frame: Frame,
    *,
    stage: KAnonymity,
    quasi_identifiers: Mapping[str, Hierarchy | None],
    person_key: str | None,
    folder: Path | None,
    sensitive: Mapping[str, Hierarchy | None] | None = None,
    progress: Progress = lambda step, share: None,
) -> Microdata:
    """k-anonymity (Samarati & Sweeney 1998) and the stage's models, by the stage's method.

    Every class of equal quasi-identifiers in the result has rows of at least ``stage.k`` distinct persons, and holds
    ``stage.models``; without a person key every row counts as a person. At most ``stage.max_suppressed`` of the input
    rows are left out. Columns at level 0 everywhere keep type and values, others become text; other columns pass
    through unchanged. ``sensitive``: the columns that models speak of, with their hierarchies.
    Raises :class:`PrivacyNotMet` when it cannot be done, :class:`RecipeError` and :class:`InputError`.
    """
    columns = list(quasi_identifiers)
    judged = {column: (sensitive or {}).get(column) for column in models.of_recipe(stage.models)}
    _check(engine, frame, columns, person_key, list(judged))
    names = Names(frame.collect_schema().names())
    frame = encode.one_zero(frame, [*columns, *judged])
    progress("reading values", 0.0)
    entries = [
        encode.dictionary(engine, frame, column, hierarchy, folder, names)
        for column, hierarchy in {**_with_intervals(engine, frame, quasi_identifiers, stage), **judged}.items()
    ]
    dictionaries, secrets = entries[: len(columns)], entries[len(columns) :]
    progress("counting classes", 0.2)
    coded = encode.with_codes(engine, frame, entries, names)
    if judged:
        coded = engine.persist(coded)  # read again for every sensitive column
    table = combinations(engine, coded, columns, person_key, names)
    if not table.total_persons >= stage.k:
        raise PrivacyNotMet(f"k = {stage.k} asks for more persons than the table holds")
    rules = read_rules(engine, coded, table, stage.models, secrets, judged, person_key, folder, names)
    work = _Work(engine, stage, names, columns, person_key, dictionaries, table, Judge(stage.k, rules))
    if stage.method == "local_recoding":
        return _local(work, coded, progress)
    return _one_node(work, frame, progress)


@dataclass(frozen=True)
class _Work:
    """What was read of the table, and what is asked."""

    engine: TableEngine
    stage: KAnonymity
    names: Names
    columns: list[str]
    person_key: str | None
    dictionaries: list[Dictionary]
    table: Combinations
    judge: Judge

    @property
    def ladders(self) -> list[CodedLadder]:
        return [entry.coded for entry in self.dictionaries]


def _one_node(work: _Work, frame: Frame, progress: Progress) -> Microdata:
    """Every row at the same level: the best node, or the one that the recipe gives."""
    stage, table, ladders = work.stage, work.table, work.ladders
    limit = int(stage.max_suppressed * table.total_rows)
    if stage.method == "fixed":
        best = fixed.apply(table, ladders, work.judge, fixed.node_of(stage.levels or {}, ladders), limit)
        found = Found(best, 1, 1, True)
    else:
        found = full_domain.search(
            table, ladders, stage.k, limit, rules=work.judge.rules, loss=stage.loss or "granularity",
            progress=lambda share: progress("searching the lattice", 0.4 + 0.3 * share),
        )  # fmt: skip
    progress("applying the result", 0.7)
    grouping = Grouping(table, ladders)
    classes = grouping.classes(found.node)
    bad = full_domain.failing(classes, work.judge)
    lost = min(max(losses.granularity(grouping).weigh(found.node, classes, bad, bad).loss, 0.0), 1.0)
    released = _apply(work, frame, found.node, grouping, bad[classes.of])
    progress("counting again", 0.9)
    persons, rows = _count_again(work, released)
    _confirm(persons, rows, stage.k, table.total_rows - found.best.suppressed_rows)
    progress("done", 1.0)
    levels = {entry.column: np.full(len(table), level) for entry, level in zip(work.dictionaries, found.node, strict=True)}
    report = {
        **_report(work, levels, found.best.suppressed_rows, lost, persons, rows),
        "search": _searched(work, found),
        "models": work.judge.report(classes, ~bad & (classes.persons > 0)),
        "notes": _notes(stage, found, lost),
    }
    return Microdata(released, dict(zip(work.columns, found.node, strict=True)), report)


def _local(work: _Work, coded: Frame, progress: Progress) -> Microdata:
    """Classes at different levels, nothing suppressed."""
    stage, table = work.stage, work.table
    found = local_recoding.search(
        table, work.ladders, work.judge, progress=lambda share: progress("refining classes", 0.4 + 0.3 * share)
    )
    progress("applying the result", 0.7)
    order = coded.collect_schema().names()
    labelled = encode.with_recoding(work.engine, coded, work.dictionaries, table.codes, found.levels, work.names)
    released = _selected(work, labelled, [name for name in order if not name.startswith(work.names.prefix)])
    progress("counting again", 0.9)
    persons, rows = _count_again(work, released)
    _confirm(persons, rows, stage.k, table.total_rows)
    classes = Grouping(table, work.ladders).group(found.of, found.classes)
    if not work.judge.holds(classes).all():
        raise PrivacyNotMet("counted again, a class of the result does not hold what was asked: nothing may be written")
    progress("done", 1.0)
    levels = {entry.column: found.levels[:, i] for i, entry in enumerate(work.dictionaries)}
    report = {
        **_report(work, levels, 0, found.loss, persons, rows),
        "search": {"loss_name": losses.TITLES["granularity"], "loss": found.loss, "rounds": found.rounds, "proven_optimal": False},
        "models": work.judge.report(classes, classes.persons > 0),
        "notes": [_LOCAL_NOTE, *([_NOTHING_LEFT] if found.loss == 1 else [])],
    }
    return Microdata(released, {name: int(level.max()) for name, level in levels.items()}, report)


_LOCAL_NOTE = (
    "Local recoding: classes are at different levels, and they follow these data closely. Whoever knows the method may "
    "narrow some of them down without outside knowledge (combinatorial refinement); the method 'fixed' resists that."
)
_FIXED_NOTE = (
    "The scheme was given, not found in these data: arguments from how a method generalises (minimality, downcoding, "
    "combinatorial refinement) find nothing to start from. Which classes are missing does depend on the data."
)
_NOTHING_LEFT = "Every quasi-identifier had to be generalised to '*': nothing of them is left."


def _with_intervals(
    engine: TableEngine, frame: Frame, quasi_identifiers: Mapping[str, Hierarchy | None], stage: KAnonymity
) -> dict[str, Hierarchy | None]:
    """Local recoding splits ordered columns without a hierarchy into intervals of round numbers or calendar periods."""
    given = dict(quasi_identifiers)
    if stage.method != "local_recoding":
        return given
    schema = frame.collect_schema()
    for column in [column for column, hierarchy in given.items() if hierarchy is None]:
        if schema[column].is_numeric():
            given[column] = _round_intervals(engine, frame, column, whole=schema[column].is_integer())
        elif schema[column] == nw.Date():
            given[column] = DateHierarchy(dates=("month", "quarter", "year"))
        elif isinstance(schema[column], nw.Datetime):
            given[column] = DateHierarchy(dates=("day", "month", "quarter", "year"))
    return given


def _round_intervals(engine: TableEngine, frame: Frame, column: str, *, whole: bool) -> IntervalHierarchy | None:
    """Widths 1, 5, 10, 50 … from 0; the data only say after which power of ten wider ones would change nothing."""
    largest = nw.col(column).cast(nw.Float64()).abs()
    found = engine.collect(frame.select(largest.max().alias(column)))[column].iloc[0]
    reach = 1e15 if pd.isna(found) or not float(found) < 1e15 else float(found)
    widths = [width for width in ROUND_WIDTHS if width / 10 <= reach][1 if whole else 0 :]
    return IntervalHierarchy(intervals=tuple(widths)) if widths else None


def _check(engine: TableEngine, frame: Frame, columns: Sequence[str], person_key: str | None, judged: Sequence[str]) -> None:
    present = set(frame.collect_schema().names())
    if not columns:
        raise RecipeError("k_anonymity needs at least one quasi-identifier")
    for column in [*columns, *judged, *([] if person_key is None else [person_key])]:
        if column not in present:
            raise RecipeError(f"the table has no column {column!r}")
    if person_key in columns:
        raise RecipeError(f"column {person_key!r} is the person key and cannot be a quasi-identifier as well")
    for column in judged:
        if column in columns or column == person_key:
            raise RecipeError(f"column {column!r} is held diverse or close: it cannot be quasi-identifier or person key as well")
    if person_key is not None:
        missing = engine.rows(frame.filter(nw.col(person_key).is_null()))
        if missing:
            raise InputError(f"{missing} row(s) have no person key: whose they are decides what protects them")


def _apply(work: _Work, frame: Frame, node: Node, grouping: Grouping, gone: Booleans) -> Frame:
    """Labels in place of values; the rows of classes that do not hold left out. Columns in their old order."""
    order = frame.collect_schema().names()
    labelled = encode.with_labels(work.engine, frame, work.dictionaries, node, work.names)
    small = _small_classes(grouping, node, gone, work.names)
    if len(small):
        labelled = labelled.join(work.engine.from_pandas(small), on=list(small.columns), how="anti")
    return _selected(work, labelled, order)


def _selected(work: _Work, labelled: Frame, order: Sequence[str]) -> Frame:
    label_of = {entry.column: work.names.of("label", i) for i, entry in enumerate(work.dictionaries)}
    return labelled.select(*(nw.col(label_of.get(column, column)).alias(column) for column in order))


def _small_classes(grouping: Grouping, node: Node, gone: Booleans, names: Names) -> pd.DataFrame:
    """Label codes of the classes to leave out: (class, quasi-identifier). ``gone``: (combination,)."""
    codes = {
        names.of("group", column): grouping.labels(column, level)[gone].astype(np.int64)
        for column, level in enumerate(node)
    }
    return pd.DataFrame(codes).drop_duplicates(ignore_index=True)


def _count_again(work: _Work, released: Frame) -> tuple[Integers, Integers]:
    """Distinct persons and rows of every class of the rows to be written."""
    rows, persons = work.names.of("rows"), work.names.of("persons")
    counted = nw.len() if work.person_key is None else nw.col(work.person_key).n_unique()
    classes = released.group_by(*work.columns).agg(nw.len().alias(rows), counted.alias(persons))
    sizes = work.engine.collect(classes.select(rows, persons))
    return sizes[persons].to_numpy(dtype=np.int64), sizes[rows].to_numpy(dtype=np.int64)


def _confirm(persons: Integers, rows: Integers, k: int, expected_rows: int) -> None:
    if not (len(persons) and int(persons.min()) >= k):
        raise PrivacyNotMet(f"counted again, a class of the result has fewer than {k} persons: nothing may be written")
    if int(rows.sum()) != expected_rows:
        raise PrivacyNotMet("counted again, the result has another number of rows than the search kept: nothing may be written")


def _report(
    work: _Work, levels: Mapping[str, Integers], gone: int, loss: float, persons: Integers, rows: Integers
) -> dict[str, Any]:
    """What all methods report. ``levels``: of every combination, a column; ``persons``, ``rows``: a class of the result."""
    stage, table = work.stage, work.table
    leaves = Grouping(table, work.ladders).classes((0,) * len(work.dictionaries))
    held = leaves.persons > 0
    total = table.total_rows
    return {
        "stage": stage.stage,
        "method": stage.method,
        "k": stage.k,
        "unit": "person" if table.by_person else "row",
        "rows": {"before": total, "after": int(rows.sum())},
        "persons": {"before": table.total_persons},
        "suppressed": {"rows": gone, "share": _share(gone, total), "allowed": format(stage.max_suppressed, "f")},
        "classes": {
            "count": len(persons),
            "smallest": int(persons.min()),
            "average": round(float(persons.mean()), 4),
        },
        "granularity": utility.granularity(loss),
        "average_class_size": round(utility.average_class_size(rows), 4),
        "normalised_class_size": round(utility.normalised_class_size(rows, stage.k), 4),
        "discernibility": utility.discernibility(rows, gone, total),
        "columns": [_column(table, i, entry, levels[entry.column]) for i, entry in enumerate(work.dictionaries)],
        "risk_before": class_risk(leaves.persons[held], rows=leaves.rows[held], k=stage.k),
        "risk_after": class_risk(persons, rows=rows, k=stage.k),
    }


def _searched(work: _Work, found: Found) -> dict[str, Any]:
    return {
        "loss_name": losses.TITLES[work.stage.loss or "granularity"],
        "loss": found.best.loss,
        "nodes": found.nodes,
        "evaluated": found.evaluated,
        "proven_optimal": found.proven_optimal and work.stage.method == "full_domain",
        "levels": dict(zip(work.columns, found.node, strict=True)),
    }


def _column(table: Combinations, i: int, entry: Dictionary, levels: Integers) -> dict[str, Any]:
    """Loss of one column: mean penalty of its cells over all input rows, before suppression, in [0, 1].

    ``level``: the coarsest at which any row is; ``rows_at_level``: rows at each level.
    """
    penalty = np.stack([entry.coded.penalties[level][group] for level, group in enumerate(entry.coded.groups)])
    loss = float(table.rows @ penalty[levels, table.codes[:, i]]) / table.total_rows
    rows = np.bincount(levels, table.rows, entry.ladder.levels).astype(int).tolist()
    return {
        "column": entry.column,
        "level": int(levels.max()),
        "levels": entry.ladder.levels,
        "rows_at_level": rows,
        "loss": round(loss, 9),
    }


def _share(part: int, whole: int) -> float:
    return float(round(Decimal(part) / Decimal(whole), 9))


def _notes(stage: KAnonymity, found: Found, lost: float) -> list[str]:
    notes = [_FIXED_NOTE] if stage.method == "fixed" else []
    if not found.proven_optimal:
        notes.append(
            f"The search ended at its budget after {found.evaluated} of {found.nodes} nodes: the result keeps the promise, "
            "but a less coarse one may exist. Fewer quasi-identifiers or levels would help."
        )
    if round(lost, 12) == 1:
        notes.append(_NOTHING_LEFT)
    return notes
