"""What becomes of every combination of quasi-identifiers: decided on counts alone, before a row is touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from anonymize.errors import PrivacyNotMet
from anonymize.microdata import fixed, full_domain, local_recoding, losses
from anonymize.microdata.classes import Classes, Grouping
from anonymize.microdata.full_domain import Found
from anonymize.microdata.lattice import Booleans, Integers, Node
from anonymize.microdata.reading import Work
from anonymize.progress import Progress, silent
from anonymize.recipe import KAnonymity


@dataclass(frozen=True)
class Decision:
    """``levels``: (combination, column). ``kept``: (combination,) whether its rows stay. ``node``: where all are at one level.

    ``lines``: population file → (line, column) the levels of those who could be in the table, under the same scheme.
    ``loss``: 1 - granularity, in [0, 1]. ``search``, ``models``, ``notes``: for the report.
    """

    levels: Integers
    kept: Booleans
    classes: Classes
    node: Node | None
    loss: float
    suppressed_rows: int
    search: dict[str, Any]
    models: list[dict[str, Any]]
    notes: list[str]
    lines: dict[str, Integers]

    @property
    def sizes(self) -> tuple[Integers, Integers]:
        """(class,) distinct persons and rows of every class that stays."""
        held = np.zeros(len(self.classes.persons), dtype=bool)
        held[self.classes.of[: len(self.kept)][self.kept]] = True
        return self.classes.persons[held], self.classes.rows[held]


def decide(work: Work, progress: Progress = silent) -> Decision:
    """By the stage's method. Raises :class:`PrivacyNotMet` when it cannot be done, :class:`RecipeError`."""
    return _local(work, progress) if work.stage.method == "local_recoding" else _one_node(work, progress)


def _one_node(work: Work, progress: Progress) -> Decision:
    """Every row at the same level: the best node, or the one that the recipe gives."""
    stage, table, ladders = work.stage, work.beside.table, work.beside.ladders
    limit = int(stage.max_suppressed * table.total_rows)
    if stage.method == "fixed":
        best = fixed.apply(table, ladders, work.judge, fixed.node_of(stage.levels or {}, ladders), limit)
        found = Found(best, 1, 1, True)
    else:
        found = full_domain.search(
            table, ladders, stage.k, limit, rules=work.judge.rules, populations=work.judge.populations, loss=stage.loss or "granularity",
            progress=lambda share: progress("searching the lattice", share),
        )  # fmt: skip
    grouping = Grouping(table, ladders)
    classes = grouping.classes(found.node)
    bad = full_domain.failing(classes, work.judge)
    lost = min(max(losses.granularity(grouping).weigh(found.node, classes, bad, bad).loss, 0.0), 1.0)
    levels = np.tile(np.array(found.node, dtype=np.int64), (len(table), 1))
    here = len(work.table)
    return Decision(
        levels=levels[:here], kept=~bad[classes.of[:here]], classes=classes, node=found.node, loss=lost,
        suppressed_rows=found.best.suppressed_rows, search=_searched(work, found),
        models=work.judge.report(classes, ~bad & (classes.persons > 0)),
        notes=[*_notes(stage, found), *_nothing_left(work, levels), *_population_notes(work)], lines=_lines(work, levels),
    )  # fmt: skip


def _local(work: Work, progress: Progress) -> Decision:
    """Classes at different levels, nothing suppressed."""
    table, here = work.beside.table, len(work.table)
    found = local_recoding.search(table, work.beside.ladders, work.judge, progress=lambda share: progress("refining classes", share))
    classes = Grouping(table, work.beside.ladders).group(found.of, found.classes)
    if not work.judge.settled(classes):
        raise PrivacyNotMet("counted again, a class of the result does not hold what was asked: nothing may be written")
    return Decision(
        levels=found.levels[:here], kept=np.ones(here, dtype=bool), classes=classes, node=None, loss=found.loss, suppressed_rows=0,
        search={"loss_name": losses.TITLES["granularity"], "loss": found.loss, "rounds": found.rounds, "proven_optimal": False},
        models=work.judge.report(classes, classes.persons > 0),
        notes=[_LOCAL_NOTE, *_nothing_left(work, found.levels[:here]), *_population_notes(work)],
        lines=_lines(work, found.levels),
    )  # fmt: skip


_LOCAL_NOTE = (
    "Local recoding: classes are at different levels, and they follow these data closely. Whoever knows the method may "
    "narrow some of them down without outside knowledge (combinatorial refinement); the method 'fixed' resists that."
)
_FIXED_NOTE = (
    "The scheme was given, not found in these data: arguments from how a method generalises (minimality, downcoding, "
    "combinatorial refinement) find nothing to start from. Which classes are missing does depend on the data."
)
_NOTHING_LEFT = "Every quasi-identifier had to be generalised to '*': nothing of them is left."


_POPULATION_NOTE = (
    "The population table is taken to have everybody who could be in the data, each once. Where it is a sample, or out of "
    "date, what it promises is promised of its persons and of nobody else."
)
_CERTAIN_NOTE = (
    "The population is counted as the rows are recoded, everybody in one class. The labels of a class may fit further "
    "persons, whom the recoding puts elsewhere: these are not counted."
)
_COMPLETE_NOTE = "δ-presence with a lower bound speaks of everybody in the population: no row may be left out for it."


def _lines(work: Work, levels: Integers) -> dict[str, Integers]:
    return {file: levels[place] for file, place in work.beside.places.items()}


def _population_notes(work: Work) -> list[str]:
    if not work.judge.populations:
        return []
    certain = [_CERTAIN_NOTE] if work.stage.method == "local_recoding" else []
    return [_POPULATION_NOTE, *certain, *([_COMPLETE_NOTE] if work.judge.complete else [])]


def _searched(work: Work, found: Found) -> dict[str, Any]:
    return {
        "loss_name": losses.TITLES[work.stage.loss or "granularity"],
        "loss": found.best.loss,
        "nodes": found.nodes,
        "evaluated": found.evaluated,
        "proven_optimal": found.proven_optimal and work.stage.method == "full_domain",
        "levels": dict(zip(work.columns, found.node, strict=True)),
    }


def _nothing_left(work: Work, levels: Integers) -> list[str]:
    """Columns that every row has at the top: of free text, or of numbers of which each stands in one row, nothing is left."""
    gone = [entry.column for i, entry in enumerate(work.dictionaries) if (levels[:, i] == entry.ladder.top).all()]
    if len(gone) == len(work.dictionaries):
        return [_NOTHING_LEFT]
    return [f"Nothing is left of {', '.join(gone)}: every value became '*'."] if gone else []


def _notes(stage: KAnonymity, found: Found) -> list[str]:
    notes = [_FIXED_NOTE] if stage.method == "fixed" else []
    if not found.proven_optimal:
        notes.append(
            f"The search ended at its budget after {found.evaluated} of {found.nodes} nodes: the result keeps the promise, "
            "but a less coarse one may exist. Fewer quasi-identifiers or levels would help."
        )
    return notes
