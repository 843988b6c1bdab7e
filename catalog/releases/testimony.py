"""What the trail is told of runs, comparisons and estimates: written by the services, held against the tables later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.audit.chain import document_sha256
from catalog.releases.models import Comparison, Estimate, Job, Run


def of_request(job: Job, version_sha256: str | None) -> dict[str, Any]:
    """What a job was asked for, on which upload: the recipe and the files beside it as hashes."""
    return {
        "dataset": job.dataset_id, "version": job.version_id, "recipe_sha256": job.recipe_sha256, "version_sha256": version_sha256,
        "code": job.code_version, "document_sha256": document_sha256(job.recipe), "hierarchies_sha256": document_sha256(job.hierarchies),
        **_of_kind(job),
    }  # fmt: skip


def _of_kind(job: Job) -> dict[str, Any]:
    if isinstance(job, Run):
        return {"population": job.population_id, "appended_sha256": document_sha256(job.appended)}
    if isinstance(job, Estimate):
        return {"population": job.population_id, "epsilon": job.epsilon, "share": job.share}
    return {"settings_sha256": document_sha256(job.settings)} if isinstance(job, Comparison) else {}


def of_artefact(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """What came of a run, by the names of its fields: the artefact by its hash, what the officer reads of it as one."""
    return {
        "artefact_sha256": outcome["artefact_sha256"], "artefact_name": outcome["artefact_name"], "bytes": outcome["artefact_bytes"],
        "rows": outcome["artefact_rows"], "report_sha256": document_sha256(outcome["report"]), "sample_sha256": document_sha256(outcome["sample"]),
    }  # fmt: skip


def of_result(result: Any) -> dict[str, Any]:
    """What came of a comparison or an estimate."""
    return {"result_sha256": document_sha256(result)}
