"""One reading of the table, every setting decided on its counts, and which of them no other beats."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anonymize.errors import PrivacyNotMet, Problem, RecipeError
from anonymize.frontier.candidates import Candidate, candidates
from anonymize.frontier.figures import before, figures
from anonymize.microdata.decision import decide
from anonymize.microdata.events import linking
from anonymize.microdata.microaggregation import microaggregate
from anonymize.microdata.reading import Reading
from anonymize.progress import Progress, between, silent
from anonymize.recipe import KAnonymity, Recipe
from anonymize.rows import Prepared, prepare
from anonymize.tables.base import Frame, TableEngine
from anonymize.tables.duck import DuckEngine

FIGURES = (
    "granularity", "suppressed_share", "smallest_class", "average_class_size", "highest_risk", "average_risk", "records_at_risk",
    "entropy_loss", "marginal_distance",
)  # fmt: skip


def frontier(
    recipe: Recipe,
    source: Path,
    *,
    ks: Sequence[int] = (2, 5, 10, 20),
    ls: Sequence[int] = (),
    methods: Sequence[str] = ("full_domain", "local_recoding"),
    folder: Path | None = None,
    scratch: Path | None = None,
    engine: TableEngine | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """What ``recipe`` would give away and keep of the typed Parquet file ``source``, under every method, k and l.

    The table is read and counted once; nothing is written. Deterministic. ``folder``: of the recipe's hierarchy files.
    ``ls``: distinct l-diversity of every sensitive column, 1 for none; without it the recipe's own models stand.
    A point that cannot be had says why; its figures are ``None``. ``efficient``: no other point that can be had has at
    most the same average risk and at least the same granularity, one of them strictly better (Pareto).
    ``records_at_risk`` is the share of records in classes of fewer persons than the recipe's own k.

    Raises:
        RecipeError, InputError: the recipe, the settings or the input cannot be used at all.
        PrivacyNotMet: no row is left to choose for.
    """
    chosen = candidates(recipe, ks, ls, methods)
    own = Path(tempfile.mkdtemp(prefix="anonymize-")) if scratch is None else scratch
    tables = engine or DuckEngine(temp_directory=own)
    try:
        progress("reading", 0.02)
        prepared = prepare(tables, tables.scan_parquet(source), recipe, folder)
        return _weighed(recipe, chosen, _read(tables, prepared, recipe, chosen, folder), between(progress, 0.1, 1.0))
    finally:
        if engine is None:
            tables.close()
        if scratch is None:
            shutil.rmtree(own, ignore_errors=True)


@dataclass(frozen=True)
class _Table:
    """What was read once for all candidates; ``refused``: why none of them can be had, whatever its k and method."""

    reading: Reading
    refused: str | None


def _read(tables: TableEngine, prepared: Prepared, recipe: Recipe, chosen: Sequence[Candidate], folder: Path | None) -> _Table:
    if prepared.counts["rows_used"] < 1:
        raise PrivacyNotMet("no rows are left to publish", problems=(Problem("no_rows", "the row stages left no row"),))
    frame, stage, refused = prepared.frame, recipe.final, None
    try:
        _refuse_links(tables, frame, recipe, prepared.schema.names)
        # a model speaks of averages only where no row can go, so these are then those of all rows
        frame = microaggregate(tables, frame, stage.microaggregate if isinstance(stage, KAnonymity) else (), recipe.person_key).frame
    except PrivacyNotMet as error:
        refused = error.message
    models = [model for one in chosen if one.recipe is not None for model in one.stage.sensitive_models]
    judged = {model.column: recipe.columns[model.column].hierarchy for model in models}
    return _Table(Reading(tables, frame, recipe.quasi_identifiers, recipe.person_key, folder, judged), refused)


def _refuse_links(tables: TableEngine, frame: Frame, recipe: Recipe, names: Sequence[str]) -> None:
    """A column that passes through must not say which rows are one person's."""
    if recipe.person_key is not None:
        replaced = {name for name, column in recipe.columns.items() if column.release_as is not None}
        others = [name for name in names if name not in {*recipe.quasi_identifiers, *replaced, recipe.person_key}]
        linking(tables, frame, frame, recipe.person_key, others)


def _weighed(recipe: Recipe, chosen: Sequence[Candidate], table: _Table, progress: Progress) -> dict[str, Any]:
    stage = recipe.final
    threshold = stage.k if isinstance(stage, KAnonymity) else 2
    came_in = before(table.reading.table(), threshold)
    points = []
    for i, candidate in enumerate(chosen):
        progress(candidate.name, i / len(chosen))
        points.append(_point(candidate, table, threshold))
    for point, best in zip(points, efficient(points), strict=True):
        point["efficient"] = best
    progress("done", 1.0)
    return {
        "frontier": 1,
        "unit": "row" if recipe.person_key is None else "person",
        "columns": list(recipe.quasi_identifiers),
        "threshold_k": threshold,
        "before": came_in,
        "points": points,
        "notes": _notes(recipe, chosen),
    }


def _point(candidate: Candidate, table: _Table, threshold: int) -> dict[str, Any]:
    asked = {"name": candidate.name, "method": candidate.method, "k": candidate.k, "l": candidate.l}
    try:
        if table.refused is not None:
            raise PrivacyNotMet(table.refused)
        work = table.reading.work(candidate.stage)
        found = figures(work, decide(work), threshold)
    except (PrivacyNotMet, RecipeError) as error:
        return {**asked, "met": False, "reason": error.message, "proven_optimal": False, **dict.fromkeys(FIGURES), "efficient": False}
    return {**asked, "met": True, "reason": None, **found, "efficient": False}


def efficient(points: Sequence[Mapping[str, Any]]) -> list[bool]:
    """(point,) can it be had, and does no other point that can be had beat it?"""
    met = [point for point in points if point["met"]]
    return [point["met"] and not any(_beats(other, point) for other in met) for point in points]


def _beats(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    risk, use = one["average_risk"] - other["average_risk"], one["granularity"] - other["granularity"]
    return bool(risk <= 0 and use >= 0 and (risk < 0 or use > 0))


def _notes(recipe: Recipe, chosen: Sequence[Candidate]) -> list[str]:
    notes = [
        "Risk is that of an attacker who knows that a person is in the table and knows all these columns of them.",
        "Nothing was written, and nothing here is for publication: the figures are exact.",
    ]
    if recipe.person_key is None:
        notes.append("The recipe names no person key: every row is taken for a person of its own.")
    if any(column.release_as is not None for column in recipe.columns.values()):
        notes.append("What stands in the place of direct identifiers is made and checked by the run, not here.")
    stages = [one.stage for one in chosen if one.recipe is not None]
    if any(stage.method == "full_domain" and not stage.max_suppressed for stage in stages):
        notes.append("Full domain may leave out no row here, so that a few rare ones make all others coarse: max_suppressed allows some.")
    if any(stage.method == "local_recoding" for stage in stages):
        notes.append("Local recoding follows these data closely, which tells an attacker more than its class sizes say: measure it (assess).")
    return notes
