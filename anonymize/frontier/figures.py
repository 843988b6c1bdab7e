"""Risk and usefulness of a decision, from counts: no row is written to know them."""

from __future__ import annotations

from typing import Any

import numpy as np

from anonymize import utility
from anonymize.microdata.classes import Combinations, Grouping
from anonymize.microdata.decision import Decision
from anonymize.microdata.lattice import CodedLadder, Integers
from anonymize.microdata.reading import Work
from anonymize.risk.classes import class_risk
from anonymize.risk.columns import standing_out

CELLS = 100
"""Values of a column that a marginal is compared in: the commonest, and one cell for the rest."""


def figures(work: Work, decision: Decision, threshold: int) -> dict[str, Any]:
    """What a run of the candidate would report; shares and risks in [0, 1]. ``threshold``: persons of a class not at risk."""
    persons, rows = decision.sizes
    risk = class_risk(persons, rows=rows, k=threshold)
    total = work.table.total_rows
    lost = [_column(work, decision, i) for i in range(len(work.columns))]
    return {
        "proven_optimal": bool(decision.search["proven_optimal"]),
        "granularity": utility.granularity(decision.loss),
        "suppressed_share": round(decision.suppressed_rows / total, 9),
        "smallest_class": risk["smallest"],
        "average_class_size": round(utility.average_class_size(rows), 4),
        "highest_risk": risk["prosecutor_max"],
        "average_risk": risk["prosecutor_average"],
        "records_at_risk": risk["records_below_k"],
        "entropy_loss": round(float(np.mean([entropy for entropy, _ in lost])), 9),
        "marginal_distance": round(float(np.mean([distance for _, distance in lost])), 9),
    }


def before(table: Combinations, threshold: int) -> dict[str, Any]:
    """The table as it came in: :func:`class_risk`, and which columns make people stand out (:func:`standing_out`).

    The latter is ``None`` where people have rows in several combinations, of which none stands for the person.
    """
    leaves = Grouping(table, ()).group(np.arange(len(table)), len(table))
    out = None if table.visitors else standing_out(table.codes.astype(np.int64), table.columns, times=table.settled.astype(np.int64))
    return {"risk": class_risk(leaves.persons, rows=leaves.rows, k=threshold), "standing_out": out}


def _column(work: Work, decision: Decision, i: int) -> tuple[float, float]:
    """Entropy loss and marginal distance of one column."""
    ladder, codes, rows = work.ladders[i], work.table.codes[:, i], work.table.rows
    first = np.concatenate([[0], np.cumsum(ladder.sizes)])  # the labels of a level come after those of finer ones
    label = first[decision.levels[:, i]] + np.stack(ladder.groups)[decision.levels[:, i], codes]
    kept = decision.kept
    leaf_rows = np.bincount(codes, rows, ladder.sizes[0]).astype(np.int64)
    label_rows = np.bincount(label[kept], rows[kept], int(first[-1])).astype(np.int64)
    starts, members = _covered(ladder)
    entropy = utility.entropy_loss(leaf_rows, starts, members, label_rows, work.table.total_rows)
    return entropy, utility.marginal_distance(leaf_rows, label_rows, utility.shared(starts, members, _cells(leaf_rows)))


def _covered(ladder: CodedLadder) -> tuple[Integers, Integers]:
    """The leaves of every label, level after level, as compressed rows."""
    sizes = [np.bincount(group, minlength=size) for group, size in zip(ladder.groups, ladder.sizes, strict=True)]
    members = [np.argsort(group, kind="stable") for group in ladder.groups]
    return np.concatenate([[0], np.cumsum(np.concatenate(sizes))]), np.concatenate(members)


def _cells(leaf_rows: Integers) -> Integers:
    """(leaf,) its cell: one of its own for the commonest, one for the rest."""
    place = np.argsort(np.argsort(-leaf_rows, kind="stable"), kind="stable")
    return np.minimum(place, CELLS - 1)
