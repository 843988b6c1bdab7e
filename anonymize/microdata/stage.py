"""The stage ``k_anonymity``: a table in, the same rows out with coarser quasi-identifiers, minus what had to go.

The order matters. Classes are counted at the chosen node; every row of a class under k persons goes; then the classes
of what is left are counted once more, from the rows that are written or handed on, before anybody else has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from anonymize import utility
from anonymize.errors import PrivacyNotMet, RecipeError
from anonymize.microdata import encode
from anonymize.microdata.classes import Combinations, Grouping
from anonymize.microdata.decision import Decision, decide
from anonymize.microdata.encode import Dictionary, Names
from anonymize.microdata.lattice import Booleans, Integers, Node
from anonymize.microdata.microaggregation import microaggregate
from anonymize.microdata.reading import Reading, Work
from anonymize.progress import Progress, between, silent
from anonymize.recipe import Hierarchy, KAnonymity
from anonymize.risk.classes import class_risk
from anonymize.tables.base import Frame, TableEngine


@dataclass(frozen=True)
class Microdata:
    """Rows that hold k-anonymity, the person key still among them (the caller drops it), and how it was reached.

    ``source``: the input as it was judged, micro-aggregated where nothing can be left out. ``asked``: the hierarchies in use. ``lines``: population file → (line, column) the levels that the scheme gives it.
    """

    frame: Frame
    levels: dict[str, int]
    report: dict[str, Any]
    asked: dict[str, Hierarchy | None]
    lines: dict[str, Integers]
    source: Frame


@dataclass(frozen=True)
class Recoded:
    """Rows as they would go out, their classes not counted again yet; person key and columns as in :class:`Microdata`."""

    frame: Frame
    source: Frame
    work: Work
    decision: Decision
    averaged: list[dict[str, Any]]

    def counted(self, persons: Integers, rows: Integers) -> Microdata:
        """With distinct persons and rows of every class, counted in what goes out: in the written file, or in ``frame``.

        Raises :class:`PrivacyNotMet` where they are not what was decided.
        """
        work, decision = self.work, self.decision
        _confirm(persons, rows, work.stage.k, work.table.total_rows - decision.suppressed_rows)
        report = {
            **_report(work, decision, persons, rows),
            "search": decision.search,
            "models": decision.models,
            "notes": decision.notes,
            **({"microaggregation": self.averaged} if work.stage.microaggregate else {}),
        }
        levels = {name: int(decision.levels[:, i].max()) for i, name in enumerate(work.columns)}
        return Microdata(self.frame, levels, report, work.asked, decision.lines, self.source)


def anonymise(
    engine: TableEngine,
    frame: Frame,
    *,
    stage: KAnonymity,
    quasi_identifiers: Mapping[str, Hierarchy | None],
    person_key: str | None,
    folder: Path | None,
    sensitive: Mapping[str, Hierarchy | None] | None = None,
    progress: Progress = silent,
) -> Microdata:
    """k-anonymity (Samarati & Sweeney 1998) and the stage's models, by the stage's method.

    Every class of equal quasi-identifiers in the result has rows of at least ``stage.k`` distinct persons, and holds
    ``stage.models``; without a person key every row counts as a person. At most ``stage.max_suppressed`` of the input
    rows are left out. Columns at level 0 everywhere keep type and values, others become text; other columns pass
    through unchanged, but for those that the stage micro-aggregates. ``sensitive``: the columns that models speak of, with
    their hierarchies.
    Raises :class:`PrivacyNotMet` when it cannot be done, :class:`RecipeError` and :class:`InputError`.
    """
    recoded = recode(
        engine, frame, stage=stage, quasi_identifiers=quasi_identifiers, person_key=person_key, folder=folder, sensitive=sensitive,
        progress=progress,
    )  # fmt: skip
    progress("counting again", 0.9)
    made = recoded.counted(*_count_again(recoded.work, recoded.frame))
    progress("done", 1.0)
    return made


def recode(
    engine: TableEngine,
    frame: Frame,
    *,
    stage: KAnonymity,
    quasi_identifiers: Mapping[str, Hierarchy | None],
    person_key: str | None,
    folder: Path | None,
    sensitive: Mapping[str, Hierarchy | None] | None = None,
    progress: Progress = silent,
) -> Recoded:
    """:func:`anonymise` for a caller who counts the classes of what is written, and then calls :meth:`Recoded.counted`."""
    _check_averaged(stage, [*quasi_identifiers, person_key])
    # groups are formed of the rows that are published: before the search where none of them can go, else after it
    late = stage.max_suppressed > 0
    source = microaggregate(engine, frame, () if late else stage.microaggregate, person_key)
    reading = Reading(engine, source.frame, quasi_identifiers, person_key, folder, sensitive or {})
    work = reading.work(stage, progress)
    decision = decide(work, between(progress, 0.4, 0.7))
    progress("applying the result", 0.7)
    released = _recoded(work, decision) if decision.node is None else _apply(work, decision.node, ~decision.kept)
    averaged = microaggregate(engine, released, stage.microaggregate if late else (), person_key)
    return Recoded(averaged.frame, source.frame, work, decision, source.report + averaged.report)


def _check_averaged(stage: KAnonymity, taken: Sequence[str | None]) -> None:
    for averaged in stage.microaggregate:
        if averaged.column in taken:
            raise RecipeError(f"column {averaged.column!r} is quasi-identifier or person key: it cannot be micro-aggregated as well")


def _recoded(work: Work, decision: Decision) -> Frame:
    """Labels in place of values, each combination at levels of its own."""
    order = work.coded.collect_schema().names()
    labelled = encode.with_recoding(work.engine, work.coded, work.dictionaries, work.table.codes, decision.levels, work.names)
    return _selected(work, labelled, [name for name in order if not name.startswith(work.names.prefix)])


def _apply(work: Work, node: Node, gone: Booleans) -> Frame:
    """Labels in place of values; the rows of classes that do not hold left out. Columns in their old order."""
    order = work.frame.collect_schema().names()
    labelled = encode.with_labels(work.engine, work.frame, work.dictionaries, node, work.names)
    small = _small_classes(Grouping(work.table, work.ladders), node, gone, work.names)
    if len(small):
        labelled = labelled.join(work.engine.from_pandas(small), on=list(small.columns), how="anti")
    return _selected(work, labelled, order)


def _selected(work: Work, labelled: Frame, order: Sequence[str]) -> Frame:
    label_of = {entry.column: work.names.of("label", i) for i, entry in enumerate(work.dictionaries)}
    return labelled.select(*(nw.col(label_of.get(column, column)).alias(column) for column in order))


def _small_classes(grouping: Grouping, node: Node, gone: Booleans, names: Names) -> pd.DataFrame:
    """Label codes of the classes to leave out: (class, quasi-identifier). ``gone``: (combination,)."""
    codes = {
        names.of("group", column): grouping.labels(column, level)[gone].astype(np.int64)
        for column, level in enumerate(node)
    }
    return pd.DataFrame(codes).drop_duplicates(ignore_index=True)


def _count_again(work: Work, released: Frame) -> tuple[Integers, Integers]:
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


def _report(work: Work, decision: Decision, persons: Integers, rows: Integers) -> dict[str, Any]:
    """What all methods report. ``persons``, ``rows``: a class of the result."""
    stage, table, gone = work.stage, work.table, decision.suppressed_rows
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
        "granularity": utility.granularity(decision.loss),
        "average_class_size": round(utility.average_class_size(rows), 4),
        "normalised_class_size": round(utility.normalised_class_size(rows, stage.k), 4),
        "discernibility": utility.discernibility(rows, gone, total),
        "columns": [_column(table, i, entry, decision.levels[:, i]) for i, entry in enumerate(work.dictionaries)],
        "risk_before": class_risk(table.persons, rows=table.rows, k=stage.k),
        "risk_after": class_risk(persons, rows=rows, k=stage.k),
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
