"""What a worker does alike with every kind of job: claims it, renews its lease, unseals its table in scratch, tells how far
it is, and ends it with the reason when it cannot go on.

Knows nothing of Celery. Every write is filtered on the attempt that this worker holds, so that a worker thought dead that
comes back changes nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from anonymize.errors import AnonymizeError
from anonymize.tables.base import TableEngine
from anonymize.tables.choice import open_engine
from catalog.audit.errors import Conflict, PlatformError, failure, our_fault
from catalog.audit.leases import claim, expired, renewing
from catalog.audit.transitions import move
from catalog.datasets import vault
from catalog.datasets.states import READY
from catalog.releases.code import code_version
from catalog.releases.kinds import J, Kind
from catalog.releases.models import Job
from catalog.releases.states import FAILED, QUEUED, RUNNING

log = logging.getLogger(__name__)
PROGRESS_SECONDS = 0.5


class LostJob(Exception):
    """The job is no longer ours: it was cancelled, or given to another worker. Stop without a trace."""


def execute(kind: Kind[J], job_id: int, work: Callable[[J, Path], None]) -> None:
    """Have ``work`` do one queued job in a scratch folder, if no other worker has it. Whatever it raises ends the job."""
    named = f"{kind.subject} {job_id}"
    if not claim(kind.model._default_manager.filter(pk=job_id), old=QUEUED, new=RUNNING, started_at=timezone.now(), percent=0, stage="unsealing"):
        return
    job = kind.model._default_manager.select_related("version", "dataset", "requested_by").get(pk=job_id)
    with renewing(held(job)), vault.scratch(f"{kind.subject}-{job_id}") as folder:
        try:
            _refuse_changed(kind, job)
            work(job, folder)
        except (LostJob, Conflict):
            log.warning("%s is no longer this worker's", named)
        except Exception as error:
            if not isinstance(error, AnonymizeError | PlatformError):
                log.exception("%s failed", named)
            fail(kind, job, failure(error, work=f"The {kind.subject}"))


def held(job: J) -> QuerySet[J]:
    """The job's row, as long as it is this worker's."""
    return type(job)._default_manager.filter(pk=job.pk, state=RUNNING, attempt=job.attempt)


# --- what a job works on -----------------------------------------------------------------------------------------


def _refuse_changed(kind: Kind[J], job: J) -> None:
    """Input, hierarchies and code must be those that the job was asked for."""
    subject = kind.subject
    if job.version.state != READY:
        raise PlatformError(f"The version was destroyed before the {subject} began.")
    if job.code_version != code_version():
        raise PlatformError(f"The engine was updated after this {subject} was asked for. Ask for it again.")
    now = dict(job.dataset.hierarchy_files.filter(name__in=job.hierarchies).values_list("name", "sha256"))
    if now != job.hierarchies:
        raise PlatformError(f"A hierarchy file was changed after this {subject} was asked for. Ask for it again.")


def table_of(job: Job, folder: Path) -> Path:
    """The version's typed table, plain, in scratch."""
    typed = folder / "typed.parquet"
    with typed.open("wb") as sink:
        vault.unseal(job.version.typed_name, sink)
    return typed


def hierarchies_of(job: Job, folder: Path) -> Path:
    """The folder with the hierarchy files of the job's recipe."""
    place = folder / "recipe"
    place.mkdir()
    for kept in job.dataset.hierarchy_files.filter(name__in=job.hierarchies):
        (place / kept.name).write_text(kept.content, encoding="utf-8")
    return place


def engine_in(folder: Path) -> TableEngine:
    return open_engine(
        settings.ENGINE, temp_directory=folder, memory_limit=settings.ENGINE_MEMORY_LIMIT, spark_master=settings.SPARK_MASTER
    )


class Progress:
    """Writes stage and percent to the job, not too often, and notices when the job is no longer ours."""

    def __init__(self, job: Job) -> None:
        self.job, self.stage, self._next = job, "", 0.0

    def __call__(self, stage: str, share: float) -> None:
        if stage == self.stage and time.monotonic() < self._next:
            return
        self.stage, self._next = stage, time.monotonic() + PROGRESS_SECONDS
        percent = int(100 * min(max(share, 0.0), 1.0))
        if held(self.job).update(stage=stage[:100], percent=percent) != 1:
            raise LostJob


# --- how a job ends ----------------------------------------------------------------------------------------------


def finish(kind: Kind[J], job: J, *, to: str, detail: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """End a job well. Raises Conflict if it is no longer this worker's."""
    job.refresh_from_db(fields=["state"])
    ended = {"stage": "done", "percent": 100, "finished_at": timezone.now(), "lease_until": None}
    move(
        kind.table, job, to=to, by=None, action=f"{kind.subject}.{to}", require={"attempt": job.attempt},
        detail=detail, changes={**changes, **ended},
    )  # fmt: skip


def fail(kind: Kind[J], job: J, error: dict[str, Any]) -> None:
    """End a job with its reason; quietly, if it is no longer this worker's."""
    try:
        job.refresh_from_db(fields=["state"])
        _failed(kind, job, error, {"attempt": job.attempt})
    except Conflict:
        log.warning("%s %s is no longer this worker's", kind.subject, job.pk)


def _failed(kind: Kind[J], job: J, error: dict[str, Any], require: Mapping[str, Any]) -> None:
    move(
        kind.table, job, to=FAILED, by=None, action=f"{kind.subject}.failed", require=require, detail={"code": error["code"]},
        changes={"error": error, "finished_at": timezone.now(), "lease_until": None},
    )  # fmt: skip


def sweep_jobs(kind: Kind[J], hopeless: Callable[[J], dict[str, Any] | None] = lambda job: None) -> None:
    """Jobs whose worker died: back to the queue if tries are left, failed otherwise, or at once with what ``hopeless`` says."""
    for job in kind.model._default_manager.filter(expired(), state=RUNNING):
        try:
            _recover(kind, job, hopeless(job))
        except Conflict:
            continue  # its worker was faster


def _recover(kind: Kind[J], job: J, reason: dict[str, Any] | None) -> None:
    require = {name: getattr(job, name) for name in ("attempt", "lease_until", *kind.watched)}
    if reason is None and job.attempt < settings.MAX_ATTEMPTS:
        move(
            kind.table, job, to=QUEUED, by=None, action=f"{kind.subject}.worker_lost", require=require, detail={"attempt": job.attempt},
            changes={"lease_until": None, "rung_at": None, "stage": "waiting for another worker", "percent": 0},
        )  # fmt: skip
        return
    _failed(kind, job, reason or our_fault("The worker was lost again and again. Nothing was kept; tell the operator."), require)
