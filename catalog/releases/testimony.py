"""What the trail is told of runs, comparisons and estimates: written by the services, held against the tables later."""

from __future__ import annotations

from typing import Any

from catalog.audit.chain import document_sha256
from catalog.releases.models import Comparison, Estimate, Job, Run


def of_request(job: Job) -> dict[str, Any]:
    """What a job was asked for, on what: the recipe and the files beside it as hashes."""
    return {
        "dataset": job.dataset_id, "version": job.version_id, "recipe_sha256": job.recipe_sha256, "version_sha256": job.version.sha256,
        "code": job.code_version, "document_sha256": document_sha256(job.recipe), "hierarchies_sha256": document_sha256(job.hierarchies),
        **_of_kind(job),
    }  # fmt: skip


def _of_kind(job: Job) -> dict[str, Any]:
    if isinstance(job, Run):
        return {"population": job.population_id, "appended_sha256": document_sha256(job.appended)}
    if isinstance(job, Estimate):
        return {"population": job.population_id, "epsilon": job.epsilon, "share": job.share}
    return {"settings_sha256": document_sha256(job.settings)} if isinstance(job, Comparison) else {}


def of_artefact(*, sha256: str, bytes: int | None, rows: int | None, report: Any, sample: Any) -> dict[str, Any]:
    """What came of a run: the artefact by its hash, the report that the officer reads as one."""
    return {
        "artefact_sha256": sha256, "bytes": bytes, "rows": rows, "report_sha256": document_sha256(report), "sample_sha256": document_sha256(sample),
    }  # fmt: skip


def of_result(result: Any) -> dict[str, Any]:
    """What came of a comparison or an estimate."""
    return {"result_sha256": document_sha256(result)}
