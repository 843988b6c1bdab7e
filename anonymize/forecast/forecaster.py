"""One recipe and one table: what every setting would come to, counted and reckoned, with no noise drawn."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from anonymize.aggregates.dimensions import Dimension, dimensions, with_domains
from anonymize.aggregates.stage import Counted, bounding, count_cells
from anonymize.columns.hierarchies import Ladder, build_for_type
from anonymize.errors import AnonymizeError, RecipeError
from anonymize.forecast.candidates import FACTORS, Candidate, of_epsilon, of_grid
from anonymize.progress import Progress, between, silent
from anonymize.recipe import DpTable, Recipe
from anonymize.reports import column_type
from anonymize.rows import Prepared, prepare
from anonymize.tables.base import TableEngine, distinct
from anonymize.tables.duck import DuckEngine


def forecast(
    recipe: Recipe,
    source: Path,
    *,
    factors: Sequence[Decimal] = FACTORS,
    folder: Path | None = None,
    scratch: Path | None = None,
    engine: TableEngine | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """The expected errors of a DP table of the typed Parquet file ``source``: with the recipe's own grid under other ε
    (each of ``factors`` times its own), and with coarser grids under its own ε.

    Rows are bounded once a grid; nothing is written, drawn or charged. Every point that can be had holds a whole recipe.
    Exact counts are in it: never to be published. ``folder``: of the recipe's hierarchy files.

    Raises:
        RecipeError, InputError, PrivacyNotMet: the recipe itself cannot be run on this table.
    """
    own = Path(tempfile.mkdtemp(prefix="anonymize-")) if scratch is None else scratch
    tables = engine or DuckEngine(temp_directory=own)
    try:
        progress("reading", 0.02)
        if not isinstance(recipe.final, DpTable):
            raise RecipeError("only a table with noise (dp_table) has errors to forecast")
        if recipe.append:
            raise RecipeError("errors are forecast for the rows of one table: leave out append, or run the recipe on made-up data")
        prepared = prepare(tables, tables.scan_parquet(source), recipe, folder)
        return _Forecast(tables, prepared, recipe, recipe.final, folder).made(factors, between(progress, 0.05, 1.0))
    finally:
        if engine is None:
            tables.close()
        if scratch is None:
            shutil.rmtree(own, ignore_errors=True)


class _Forecast:
    def __init__(self, tables: TableEngine, prepared: Prepared, recipe: Recipe, stage: DpTable, folder: Path | None) -> None:
        self.tables, self.prepared, self.recipe, self.stage, self.folder = tables, prepared, recipe, stage, folder
        self.types = {field.name: column_type(field.type) for field in prepared.schema}
        self.dims = dimensions(with_domains(stage, recipe.columns, folder), self.types)
        self.ladders = self._ladders(self.dims)

    def made(self, factors: Sequence[Decimal], progress: Progress) -> dict[str, Any]:
        asked = of_epsilon(self.recipe, factors)
        grids = of_grid(self.recipe, self.dims, self.ladders)
        progress("the recipe's own grid", 0.0)
        counted = self._counted(self.recipe, self.stage)
        points = [self._point(candidate, counted) for candidate in asked]
        for i, candidate in enumerate(grids):
            progress(candidate.name, (i + 1) / (len(grids) + 1))
            points.append(self._grid(candidate))
        progress("done", 1.0)
        return {"forecast": 1, "unit": counted.planned.unit, "points": points, "notes": _notes(self.recipe)}

    def _grid(self, candidate: Candidate) -> dict[str, Any]:
        """Counted again, since at most so many cells a person are other cells now."""
        recipe = candidate.recipe
        if recipe is None or not isinstance(recipe.final, DpTable):
            return _described(candidate, candidate.reason)
        try:
            return self._point(candidate, self._counted(recipe, recipe.final))
        except AnonymizeError as error:
            return _described(candidate, error.message)

    def _point(self, candidate: Candidate, counted: Counted) -> dict[str, Any]:
        stage = candidate.recipe.final if candidate.recipe is not None else None
        if not isinstance(stage, DpTable):
            return _described(candidate, candidate.reason)
        try:
            errors = counted.forecast_under(stage, self.recipe.privacy_unit)
        except AnonymizeError as error:
            return _described(candidate, error.message)
        return {**_described(candidate, None), "bounding": bounding(stage, counted), **errors}

    def _counted(self, recipe: Recipe, stage: DpTable) -> Counted:
        return count_cells(
            self.tables, self.prepared.frame, stage=with_domains(stage, recipe.columns, self.folder), unit=self.prepared.unit,
            ladders=self.ladders, progress=silent, column_types=self.types, period=recipe.privacy_unit,
            nobodys=recipe.missing_person_key == "nobody",
        )  # fmt: skip

    def _ladders(self, dims: Sequence[Dimension]) -> dict[str, Ladder]:
        """Of every grouped column that has a hierarchy; one that cannot be had is not climbed, unless the recipe asks to."""
        found: dict[str, Ladder] = {}
        for dimension in dims:
            group = dimension.group
            hierarchy = self.recipe.hierarchy_of(group.column)
            if group.bucket is not None or (hierarchy is None and group.level is None):
                continue
            values = self.tables.collect(distinct(self.prepared.frame.select(group.column)))[group.column].tolist()
            try:
                found[group.column] = build_for_type(group.column, hierarchy, self.types[group.column], self.folder, values)
            except AnonymizeError:
                if group.level is not None:
                    raise
        return found


def _described(candidate: Candidate, reason: str | None) -> dict[str, Any]:
    change = None if candidate.change is None else candidate.change.as_dict()
    document = None if candidate.recipe is None or reason is not None else json.loads(candidate.recipe.to_json())
    return {
        "name": candidate.name, "epsilon": format(candidate.epsilon, "f"), "change": change, "own": candidate.own,
        "met": document is not None, "reason": reason, "recipe": document,
    }  # fmt: skip


def _notes(recipe: Recipe) -> list[str]:
    stage = recipe.final
    notes = [
        "No noise was drawn and nothing was spent. The figures are exact counts of the data: nothing here is for publication.",
        "Errors are those of the noise; what the limits per person leave out is told beside them.",
    ]
    if isinstance(stage, DpTable) and any(measure.kind in ("mean", "variance") for measure in stage.measures):
        notes.append("Means and variances are as exact as there are many values in a cell: their intervals are those of an average draw.")
    if isinstance(stage, DpTable) and stage.totals:
        notes.append("Totals are not in it, and neither is what agreeing with them adds to the exactness of the cells.")
    if isinstance(stage, DpTable) and any(measure.round_to is not None for measure in stage.measures):
        notes.append("Rounding is not in it.")
    return notes

