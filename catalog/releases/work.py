"""A worker executes a run: claims it, unseals the table in scratch, runs the recipe, seals the artefact, reports.

Knows nothing of Celery. The budget is charged in a transaction of its own, committed before the first draw of noise;
from then on the run is never given back to the queue by itself (TRAPS.md 10, 11).
"""

from __future__ import annotations

import logging
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from anonymize import pipeline
from anonymize import recipe as recipes
from anonymize.errors import AnonymizeError
from anonymize.tables.duck import DuckEngine
from catalog.audit.errors import Conflict, PlatformError
from catalog.audit.leases import claim, expired, renewing
from catalog.audit.transitions import move
from catalog.datasets import vault
from catalog.datasets.states import READY
from catalog.ledger import services as ledger
from catalog.releases.code import code_version
from catalog.releases.models import Run
from catalog.releases.states import ASSESSED, FAILED, QUEUED, RUN, RUNNING

log = logging.getLogger(__name__)
PROGRESS_SECONDS = 0.5


class LostRun(Exception):
    """The run is no longer ours: it was cancelled, or given to another worker. Stop without a trace."""


def execute_run(run_id: int) -> None:
    """Execute one queued run, if no other worker has it."""
    if not claim(Run.objects.filter(pk=run_id), old=QUEUED, new=RUNNING, started_at=timezone.now(), percent=0, stage="unsealing"):
        return
    run = Run.objects.select_related("version", "dataset", "population", "requested_by").get(pk=run_id)
    with renewing(_held(run)), vault.scratch(f"run-{run_id}") as folder:
        try:
            _finish(run, _work(run, folder))
        except (LostRun, Conflict):
            log.warning("run %s is no longer this worker's", run_id)
        except AnonymizeError as error:
            fail(run, error.as_dict())
        except PlatformError as error:
            fail(run, {"code": error.code, "message": error.detail, "who": error.who, "problems": [p.as_dict() for p in error.problems]})
        except Exception as error:
            log.exception("run %s failed", run_id)
            fail(run, _our_fault(f"The run stopped because of a fault of ours ({type(error).__name__}). Nothing was kept; tell the operator."))


def _our_fault(message: str) -> dict[str, Any]:
    return {"code": "internal_error", "message": message, "who": "us", "problems": []}


def _held(run: Run) -> QuerySet[Run]:
    return Run.objects.filter(pk=run.pk, state=RUNNING, attempt=run.attempt)


def _work(run: Run, folder: Path) -> pipeline.RunResult:
    _refuse_changed(run)
    recipe = recipes.parse(run.recipe)
    typed = folder / "typed.parquet"
    with typed.open("wb") as sink:
        vault.unseal(run.version.typed_name, sink)
    with DuckEngine(memory_limit=settings.ENGINE_MEMORY_LIMIT, temp_directory=folder) as engine:
        return pipeline.run(
            recipe, typed, folder / "output", folder=_hierarchies(run, folder), scratch=folder, engine=engine,
            progress=_Progress(run), before_noise=lambda epsilon, delta: charge(run, epsilon, delta),
        )  # fmt: skip


def _refuse_changed(run: Run) -> None:
    """Input, hierarchies and code must be those that the run was asked for."""
    if run.version.state != READY:
        raise PlatformError("The version was destroyed before the run began.")
    if run.code_version != code_version():
        raise PlatformError("The engine was updated after this run was asked for. Ask for it again.")
    now = dict(run.dataset.hierarchy_files.filter(name__in=run.hierarchies).values_list("name", "sha256"))
    if now != run.hierarchies:
        raise PlatformError("A hierarchy file was changed after this run was asked for. Ask for it again.")


def _hierarchies(run: Run, folder: Path) -> Path:
    place = folder / "recipe"
    place.mkdir()
    for kept in run.dataset.hierarchy_files.filter(name__in=run.hierarchies):
        (place / kept.name).write_text(kept.content, encoding="utf-8")
    return place


class _Progress:
    """Writes stage and percent to the run, not too often, and notices when the run is no longer ours."""

    def __init__(self, run: Run) -> None:
        self._run, self._stage, self._next = run, "", 0.0

    def __call__(self, stage: str, share: float) -> None:
        if stage == self._stage and time.monotonic() < self._next:
            return
        self._stage, self._next = stage, time.monotonic() + PROGRESS_SECONDS
        percent = int(100 * min(max(share, 0.0), 1.0))
        if _held(self._run).update(stage=stage[:100], percent=percent) != 1:
            raise LostRun


def charge(run: Run, epsilon: Decimal, delta: Decimal) -> None:
    """Debit the population and mark the run, in one committed transaction, before any noise is drawn."""
    if run.population_id is None:
        raise PlatformError("This dataset has no population, so nobody's budget can pay for noise.")
    with transaction.atomic():
        if len(_held(run).select_for_update()) != 1:
            raise LostRun
        ledger.charge(
            population_id=run.population_id, epsilon=epsilon, delta=delta, subject=("run", f"{run.pk}#{run.attempt}"),
            by=run.requested_by, note=str(run.recipe.get("title", ""))[:300],
        )  # fmt: skip
        if _held(run).update(noise_drawn=True) != 1:
            raise LostRun


def _finish(run: Run, result: pipeline.RunResult) -> None:
    sealed = vault.seal_file(result.artefact, prefix="runs", into="artefacts")
    try:
        if sealed.sha256 != result.sha256:
            raise PlatformError("The artefact changed while it was being sealed.")
        run.refresh_from_db(fields=["state"])
        move(
            RUN, run, to=ASSESSED, by=None, action="run.assessed", require={"attempt": run.attempt},
            detail={"artefact_sha256": sealed.sha256, "rows": result.rows},
            changes={
                "artefact_name": sealed.name, "artefact_sha256": sealed.sha256, "artefact_bytes": sealed.bytes,
                "artefact_rows": result.rows, "report": result.report, "sample": result.sample, "stage": "done",
                "percent": 100, "finished_at": timezone.now(), "lease_until": None,
            },
        )  # fmt: skip
    except BaseException:
        vault.destroy(sealed.name, out_of="artefacts")
        raise


def fail(run: Run, error: dict[str, Any]) -> None:
    """End a run with its reason; quietly, if it is no longer this worker's."""
    try:
        run.refresh_from_db(fields=["state"])
        move(
            RUN, run, to=FAILED, by=None, action="run.failed", require={"attempt": run.attempt}, detail={"code": error["code"]},
            changes={"error": error, "finished_at": timezone.now(), "lease_until": None},
        )  # fmt: skip
    except Conflict:
        log.warning("run %s is no longer this worker's", run.pk)


def sweep_runs() -> None:
    """Runs whose worker died: back to the queue if nothing was spent and tries are left, failed otherwise."""
    for run in Run.objects.filter(expired(), state=RUNNING):
        try:
            _recover(run)
        except Conflict:
            continue  # its worker was faster


def _recover(run: Run) -> None:
    require = {"attempt": run.attempt, "lease_until": run.lease_until, "noise_drawn": run.noise_drawn}
    if run.noise_drawn:
        reason = {
            "code": "worker_lost_after_charge", "who": "you", "problems": [],
            "message": "The worker was lost after the budget had been charged, and noise may have been drawn: the charge stays. "
            "Ask for a new run if you want one; it is charged again.",
        }  # fmt: skip
    elif run.attempt < settings.MAX_ATTEMPTS:
        move(
            RUN, run, to=QUEUED, by=None, action="run.worker_lost", require=require, detail={"attempt": run.attempt},
            changes={"lease_until": None, "rung_at": None, "stage": "waiting for another worker", "percent": 0},
        )  # fmt: skip
        return
    else:
        reason = _our_fault("The worker was lost again and again. Nothing was kept; tell the operator.")
    move(
        RUN, run, to=FAILED, by=None, action="run.failed", require=require, detail={"code": reason["code"]},
        changes={"error": reason, "finished_at": timezone.now(), "lease_until": None},
    )  # fmt: skip
