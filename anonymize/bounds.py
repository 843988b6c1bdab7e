"""Bounds for a recipe, estimated from a table with differential privacy: what ``python -m anonymize bounds`` does."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from anonymize.aggregates.accounting import Loss
from anonymize.aggregates.bounds import Proposal, look, propose
from anonymize.aggregates.dimensions import with_domains
from anonymize.columns.hierarchies import Ladder, build_for_type
from anonymize.errors import RecipeError
from anonymize.progress import Progress, between, silent
from anonymize.recipe import DpTable, Recipe
from anonymize.reports import column_type
from anonymize.rows import Prepared, prepare
from anonymize.tables.base import TableEngine
from anonymize.tables.duck import DuckEngine

USUAL_EPSILON = Decimal("0.1")
USUAL_SHARE = Decimal("0.99")


def propose_bounds(
    recipe: Recipe,
    source: Path,
    *,
    epsilon: Decimal,
    before_noise: Callable[[Loss], None],
    share: Decimal = USUAL_SHARE,
    folder: Path | None = None,
    scratch: Path | None = None,
    engine: TableEngine | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Limits per person, and bounds of every column that is measured, for the DP table ``recipe`` on the typed Parquet file
    ``source``; the limits and bounds that it has by now play no part.

    ``share``: of the persons, how many a bound should cover. ``before_noise``: called once with the loss of the look, after
    every check and before the first draw. The result is differentially private: it may be shown, and costs what it costs.

    Raises:
        RecipeError, InputError: the recipe cannot be run on this table, or ε or the share is out of range.
    """
    stage = recipe.final
    if not isinstance(stage, DpTable):
        raise RecipeError("only a table with noise (dp_table) has bounds to propose")
    if recipe.append:
        raise RecipeError("bounds are estimated from the rows of one table: leave out append")
    stage = with_domains(stage, recipe.columns, folder)
    asked = look(stage, epsilon, share)
    own = Path(tempfile.mkdtemp(prefix="anonymize-")) if scratch is None else scratch
    tables = engine or DuckEngine(temp_directory=own)
    try:
        progress("reading", 0.02)
        prepared = prepare(tables, tables.scan_parquet(source), recipe, folder)
        found = propose(
            tables, prepared.frame, stage=stage, asked=asked, unit=prepared.unit, ladders=_ladders(prepared, recipe, stage, folder),
            before_noise=before_noise, progress=between(progress, 0.1, 0.95), period=recipe.privacy_unit,
            nobodys=recipe.missing_person_key == "nobody", column_types={field.name: column_type(field.type) for field in prepared.schema},
        )  # fmt: skip
    finally:
        if engine is None:
            tables.close()
        if scratch is None:
            shutil.rmtree(own, ignore_errors=True)
    progress("done", 1.0)
    return {
        "bounds": 1, "epsilon": format(epsilon, "f"), "share": format(share, "f"), "proposals": [proposal.as_dict() for proposal in found],
        "notes": _notes(found),
    }  # fmt: skip


def _ladders(prepared: Prepared, recipe: Recipe, stage: DpTable, folder: Path | None) -> dict[str, Ladder]:
    types = {field.name: column_type(field.type) for field in prepared.schema}
    levelled = [group.column for group in stage.group_by if group.level is not None and group.column in types]
    return {name: build_for_type(name, recipe.hierarchy_of(name), types[name], folder) for name in levelled}


def _notes(found: list[Proposal]) -> list[str]:
    notes = [
        "Each person gave one value to each question, chosen at random; a bound covers so many persons' values, not so many rows.",
        "Bounds are steps of a public grid. Choose them from public knowledge where there is any: that costs nothing.",
    ]
    if any(proposal.name for proposal in found):
        notes.append("Bounds of a column lie on both sides of zero: that costs a sum nothing; a mean is better bounded closely.")
    if any(proposal.why == "too_few_persons" for proposal in found):
        enough = [proposal.enough_epsilon for proposal in found if proposal.enough_epsilon]
        raised = f"raise epsilon to about {max(enough):f}" if enough else "raise epsilon"
        notes.append(f"Where nothing is proposed, too few persons were found for this epsilon: {raised}, or ask for a smaller share.")
    if any(proposal.why == "beyond_the_grid" for proposal in found):
        notes.append("Some values lie beyond the grid: no bound on it covers the share.")
    return notes
