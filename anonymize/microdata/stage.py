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
import pyarrow as pa

from anonymize import utility
from anonymize.errors import PrivacyNotMet, RecipeError
from anonymize.microdata.classes import Combinations
from anonymize.microdata.decision import Decision, decide
from anonymize.microdata.encode import Dictionary
from anonymize.microdata.labels import labels, numbers, with_labels, with_numbers
from anonymize.microdata.lattice import Integers
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
    """Rows as they would go out, their classes not counted again yet.

    ``rows``: those that stay, with the number of their class as ``number`` beside their other columns; ``called``: what each
    class is called, (class, quasi-identifier).
    """

    rows: Frame
    number: str
    called: pa.Table
    source: Frame
    work: Work
    decision: Decision
    averaged: list[dict[str, Any]]

    @property
    def frame(self) -> Frame:
        """The rows with their labels in place of values; person key and columns as in :class:`Microdata`."""
        order = self.work.frame.collect_schema().names()
        return with_labels(self.work.engine, self.rows, self.called, order, self.work.names)

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
    number, member = numbers(decision.classes.of[: len(work.table)], decision.kept)
    averaged = microaggregate(engine, _apply(work, number), stage.microaggregate if late else (), person_key)
    called = labels(work.dictionaries, work.table.codes[member], decision.levels[member])
    return Recoded(averaged.frame, work.names.of("class"), called, source.frame, work, decision, source.report + averaged.report)


def _check_averaged(stage: KAnonymity, taken: Sequence[str | None]) -> None:
    for averaged in stage.microaggregate:
        if averaged.column in taken:
            raise RecipeError(f"column {averaged.column!r} is quasi-identifier or person key: it cannot be micro-aggregated as well")


def _apply(work: Work, number: Integers) -> Frame:
    """The rows whose class stays, with its number. ``number``: (combination,), -1 where it goes."""
    names = work.names
    others = [name for name in work.frame.collect_schema().names() if name not in work.columns]
    rows = with_numbers(work.engine, work.coded, work.dictionaries, work.table.codes, number, names)
    return rows.select(*others, names.of("class"))


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
