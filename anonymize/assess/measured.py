"""An assessment, from files or from tables that are already open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from anonymize.assess import attacked, risks
from anonymize.assess.effort import ALONE, Effort
from anonymize.assess.notes import notes
from anonymize.assess.reading import World, read
from anonymize.assess.useful import usefulness
from anonymize.errors import InputError, RecipeError
from anonymize.recipe import KAnonymity, Recipe
from anonymize.risk.rates import generator
from anonymize.rows import prepare
from anonymize.tables.base import Frame, TableEngine
from anonymize.tables.duck import DuckEngine


def assess(
    recipe: Recipe,
    original: Path,
    release: Path,
    *,
    folder: Path | None = None,
    holdout: Path | None = None,
    sample_fraction: float = 1.0,
    targets: int = ALONE.targets,
    queries: int = ALONE.queries,
    engine: TableEngine | None = None,
    rng: np.random.Generator | None = None,
) -> dict[str, Any]:
    """Measure ``release`` (Parquet) against ``original`` (typed Parquet; the recipe's row stages are applied to it).

    Args:
        folder: where the recipe's hierarchy files are.
        holdout: people like those of the original who are not in it, as the same kind of file: the control group.
        sample_fraction: the original's share of its population, in (0, 1]; 1: it is the population.
        targets, queries: persons attacked a kind of attack, and singling-out queries.
        rng: for tests; the default is seeded by the operating system.

    Raises:
        RecipeError: not a recipe for microdata, or a fraction outside its range.
        InputError: a file or column is missing, the release has a label that the hierarchies do not know, or more rows.
    """
    stage = recipe.final
    if not isinstance(stage, KAnonymity):
        raise RecipeError("only microdata (k_anonymity) can be assessed against an original")
    if not 0 < sample_fraction <= 1:
        raise RecipeError("the sampling fraction lies above 0 and at most at 1")
    tables = engine or DuckEngine()
    try:
        before = _prepared(tables, recipe, original, folder)
        held = None if holdout is None else _prepared(tables, recipe, holdout, folder)
        world = read(tables, recipe, stage, before, _released(tables, release), held, folder)
    finally:
        if engine is None:
            tables.close()
    return measured(world, Effort(targets, queries), sample_fraction, rng or generator())


def measured(world: World, effort: Effort, fraction: float, rng: np.random.Generator) -> dict[str, Any]:
    """Everything that is asked of the coded tables; see docs/reference/report.md."""
    coded = world.coded
    rows, left = coded.people.rows, coded.release_rows
    method = attacked.on_method(world, effort, rng)
    return {
        "assessment": 1,
        "made": True,
        "rows": {"original": rows, "release": left, "suppressed": rows - left},
        "persons": len(coded.people),
        "columns": {"quasi_identifiers": list(world.columns.quasi), "sensitive": [world.names[i] for i in world.secrets], "attacked": world.names},
        "person_key_published": world.keyed,
        "effort": effort.as_dict(),
        "risk": risks.risks(world, fraction),
        "sensitive": risks.shared_secrets(world),
        "unicity": attacked.events(world, effort, rng),
        "attacks": attacked.attacks(world, effort, rng),
        "method": method,
        "utility": usefulness(world, effort.model_rows, rng),
        "notes": notes(world, fraction, method),
    }


def _prepared(engine: TableEngine, recipe: Recipe, path: Path, folder: Path | None) -> Frame:
    prepared = prepare(engine, engine.scan_parquet(path), recipe, folder)
    if not prepared.counts["rows_used"]:
        raise InputError("no rows are left of the original, or of the held-out file, after the recipe's row stages")
    return prepared.frame


def _released(engine: TableEngine, path: Path) -> Frame:
    try:
        return engine.scan_parquet(path)
    except InputError:
        raise InputError(f"the release {path.name!r} cannot be read as Parquet") from None
