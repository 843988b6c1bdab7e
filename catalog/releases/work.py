"""A worker executes a run: runs the recipe on the version's table, seals the artefact, reports. Knows nothing of Celery."""

from __future__ import annotations

from pathlib import Path

from anonymize import pipeline
from anonymize import recipe as recipes
from catalog.audit.errors import PlatformError
from catalog.datasets import vault
from catalog.datasets.pseudonym_keys import RunKeys
from catalog.releases.appending import tables_of
from catalog.releases.charging import charge, spent
from catalog.releases.jobs import (
    Progress,
    engine_in,
    execute,
    finish,
    hierarchies_of,
    sweep_jobs,
    table_of,
)
from catalog.releases.kinds import RUNS
from catalog.releases.models import Run
from catalog.releases.states import ASSESSED
from catalog.releases.testimony import of_artefact


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


def _finish(run: Run, result: pipeline.RunResult) -> None:
    sealed = vault.seal_file(result.artefact, prefix="runs", into="artefacts")
    try:
        if sealed.sha256 != result.sha256:
            raise PlatformError("The artefact changed while it was being sealed.")
        outcome = {
            "artefact_name": sealed.name, "artefact_sha256": sealed.sha256, "artefact_bytes": sealed.bytes,
            "artefact_rows": result.rows, "report": result.report, "sample": result.sample,
        }  # fmt: skip
        finish(RUNS, run, to=ASSESSED, detail=of_artefact(outcome), changes=outcome)
    except BaseException:
        vault.destroy(sealed.name, out_of="artefacts")
        raise


def sweep_runs() -> None:
    """Runs whose worker died: back to the queue if nothing was spent and tries are left, failed otherwise."""
    sweep_jobs(RUNS, spent)
