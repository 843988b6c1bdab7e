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

    @property
    def sizes(self) -> tuple[Integers, Integers]:
        """(class,) distinct persons and rows of every class that stays."""
        held = np.zeros(len(self.classes.persons), dtype=bool)
        held[self.classes.of[self.kept]] = True
        return self.classes.persons[held], self.classes.rows[held]


def decide(work: Work, progress: Progress = silent) -> Decision:
    """By the stage's method. Raises :class:`PrivacyNotMet` when it cannot be done, :class:`RecipeError`."""
    return _local(work, progress) if work.stage.method == "local_recoding" else _one_node(work, progress)


def _one_node(work: Work, progress: Progress) -> Decision:
    """Every row at the same level: the best node, or the one that the recipe gives."""
    stage, table, ladders = work.stage, work.table, work.ladders
    limit = int(stage.max_suppressed * table.total_rows)
    if stage.method == "fixed":
        best = fixed.apply(table, ladders, work.judge, fixed.node_of(stage.levels or {}, ladders), limit)
        found = Found(best, 1, 1, True)
    else:
        found = full_domain.search(
            table, ladders, stage.k, limit, rules=work.judge.rules, loss=stage.loss or "granularity",
            progress=lambda share: progress("searching the lattice", share),
        )  # fmt: skip
    grouping = Grouping(table, ladders)
    classes = grouping.classes(found.node)
    bad = full_domain.failing(classes, work.judge)
    lost = min(max(losses.granularity(grouping).weigh(found.node, classes, bad, bad).loss, 0.0), 1.0)
    return Decision(
        levels=np.tile(np.array(found.node, dtype=np.int64), (len(table), 1)), kept=~bad[classes.of], classes=classes, node=found.node,
        loss=lost, suppressed_rows=found.best.suppressed_rows, search=_searched(work, found),
        models=work.judge.report(classes, ~bad & (classes.persons > 0)), notes=_notes(stage, found, lost),
    )  # fmt: skip


def _local(work: Work, progress: Progress) -> Decision:
    """Classes at different levels, nothing suppressed."""
    table = work.table
    found = local_recoding.search(table, work.ladders, work.judge, progress=lambda share: progress("refining classes", share))
    classes = Grouping(table, work.ladders).group(found.of, found.classes)
    if not work.judge.holds(classes).all():
        raise PrivacyNotMet("counted again, a class of the result does not hold what was asked: nothing may be written")
    return Decision(
        levels=found.levels, kept=np.ones(len(table), dtype=bool), classes=classes, node=None, loss=found.loss, suppressed_rows=0,
        search={"loss_name": losses.TITLES["granularity"], "loss": found.loss, "rounds": found.rounds, "proven_optimal": False},
        models=work.judge.report(classes, classes.persons > 0),
        notes=[_LOCAL_NOTE, *([_NOTHING_LEFT] if found.loss == 1 else [])],
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


def _searched(work: Work, found: Found) -> dict[str, Any]:
    return {
        "loss_name": losses.TITLES[work.stage.loss or "granularity"],
        "loss": found.best.loss,
        "nodes": found.nodes,
        "evaluated": found.evaluated,
        "proven_optimal": found.proven_optimal and work.stage.method == "full_domain",
        "levels": dict(zip(work.columns, found.node, strict=True)),
    }


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
