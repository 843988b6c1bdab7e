"""A worker carries out a comparison: measures each combination of settings on the version's table. Nothing is published
and nothing is charged, for no noise is drawn."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from anonymize import recipe as recipes
from anonymize.forecast import forecast
from anonymize.frontier import frontier
from catalog.releases.jobs import Progress, engine_in, execute, finish, hierarchies_of, sweep_jobs, table_of
from catalog.releases.kinds import COMPARISONS
from catalog.releases.models import Comparison
from catalog.releases.states import DONE
from catalog.releases.testimony import of_result


def execute_comparison(comparison_id: int) -> None:
    """Carry out one queued comparison, if no other worker has it."""
    execute(COMPARISONS, comparison_id, _work)


def _work(comparison: Comparison, folder: Path) -> None:
    recipe, typed, asked = recipes.parse(comparison.recipe), table_of(comparison, folder), comparison.settings
    with engine_in(folder) as engine:
        given: dict[str, Any] = {
            "folder": hierarchies_of(comparison, folder), "scratch": folder, "engine": engine, "progress": Progress(comparison),
        }  # fmt: skip
        if comparison.is_forecast:
            result = without_bounding(forecast(recipe, typed, factors=[Decimal(factor) for factor in asked["factors"]], **given))
        else:
            result = frontier(recipe, typed, ks=asked["ks"], ls=asked["ls"], methods=asked["methods"], **given)
    finish(COMPARISONS, comparison, to=DONE, detail={"points": len(result["points"]), **of_result(result)}, changes={"result": result})


def without_bounding(result: dict[str, Any]) -> dict[str, Any]:
    """What limits cut off is for officers, who find it at the run: a steward who saw it here would choose limits by it."""
    points = [{name: value for name, value in point.items() if name != "bounding"} for point in result["points"]]
    return {**result, "points": points}


def sweep_comparisons() -> None:
    """Comparisons whose worker died: back to the queue as long as tries are left."""
    sweep_jobs(COMPARISONS)
