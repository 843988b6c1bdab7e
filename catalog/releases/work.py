"""A worker executes a run: runs the recipe on the version's table, seals the artefact, reports.

Knows nothing of Celery. The budget is charged in a transaction of its own, committed before the first draw of noise;
from then on the run is never given back to the queue by itself (TRAPS.md 10, 11).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db import transaction

from anonymize import pipeline
from anonymize import recipe as recipes
from anonymize.aggregates.accounting import Loss, load_distributions
from catalog.audit.errors import PlatformError
from catalog.datasets import vault
from catalog.datasets.pseudonym_keys import RunKeys
from catalog.ledger import services as ledger
from catalog.releases.appending import tables_of
from catalog.releases.jobs import (
    LostJob,
    Progress,
    engine_in,
    execute,
    finish,
    held,
    hierarchies_of,
    sweep_jobs,
    table_of,
)
from catalog.releases.kinds import RUNS
from catalog.releases.models import Run
from catalog.releases.services import refuse_other_times, unit_of
from catalog.releases.states import ASSESSED


def execute_run(run_id: int) -> None:
    """Execute one queued run, if no other worker has it."""
    execute(RUNS, run_id, _work)


def _work(run: Run, folder: Path) -> None:
    recipe, typed = recipes.parse(run.recipe), table_of(run, folder)
    with engine_in(folder) as engine:
        result = pipeline.run(
            recipe, typed, folder / "output", folder=hierarchies_of(run, folder), scratch=folder, engine=engine,
            progress=Progress(run), before_noise=lambda loss: charge(run, loss), keys=RunKeys(run.dataset), tables=tables_of(run, folder),
        )  # fmt: skip
    _finish(run, result)


def charge(run: Run, loss: Loss) -> None:
    """Debit the population and mark the run, in one committed transaction, before any noise is drawn."""
    if run.population_id is None:
        raise PlatformError("This dataset has no population, so nobody's budget can pay for noise.")
    load_distributions()
    with transaction.atomic():
        if len(held(run).select_for_update()) != 1:
            raise LostJob
        recipe = recipes.parse(run.recipe)
        ledger.charge(
            population_id=run.population_id, epsilon=loss.epsilon, delta=loss.delta, parts=loss.parts, unit=unit_of(recipe), covers=loss.covers,
            subject=("run", f"{run.pk}#{run.attempt}"),
            by=run.requested_by, note=str(run.recipe.get("title", ""))[:300],
        )  # fmt: skip
        refuse_other_times(recipe, run.dataset)  # while the population is locked: no other run can draw at this moment
        if held(run).update(noise_drawn=True) != 1:
            raise LostJob


def _finish(run: Run, result: pipeline.RunResult) -> None:
    sealed = vault.seal_file(result.artefact, prefix="runs", into="artefacts")
    try:
        if sealed.sha256 != result.sha256:
            raise PlatformError("The artefact changed while it was being sealed.")
        finish(
            RUNS, run, to=ASSESSED, detail={"artefact_sha256": sealed.sha256, "rows": result.rows},
            changes={
                "artefact_name": sealed.name, "artefact_sha256": sealed.sha256, "artefact_bytes": sealed.bytes,
                "artefact_rows": result.rows, "report": result.report, "sample": result.sample,
            },
        )  # fmt: skip
    except BaseException:
        vault.destroy(sealed.name, out_of="artefacts")
        raise


def sweep_runs() -> None:
    """Runs whose worker died: back to the queue if nothing was spent and tries are left, failed otherwise."""
    sweep_jobs(RUNS, _spent)


def _spent(run: Run) -> dict[str, Any] | None:
    """Why a run cannot be tried again."""
    if not run.noise_drawn:
        return None
    return {
        "code": "worker_lost_after_charge", "who": "you", "problems": [],
        "message": "The worker was lost after the budget had been charged, and noise may have been drawn: the charge stays. "
        "Ask for a new run if you want one; it is charged again.",
    }  # fmt: skip
