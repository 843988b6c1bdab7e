"""Runs, comparisons and estimates, and what they drew noise about, as the trail tells them and as the tables have them now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from catalog.audit.witnesses import Discrepancy, Finding, Said, Stateful, differing, register, register_states
from catalog.datasets.models import Dataset, Version
from catalog.datasets.states import DESTROYED
from catalog.releases.kinds import KINDS, Kind
from catalog.releases.models import Run
from catalog.releases.states import ASSESSED, DONE, QUEUED, RUNNING
from catalog.releases.testimony import of_artefact, of_request, of_result

REQUESTED: Final = {f"{kind.subject}.requested": kind for kind in KINDS}
ENDED: Final = {f"{kind.subject}.{end}": kind for kind in KINDS for end in (ASSESSED, DONE)}
ACTIONS: Final = (*REQUESTED, *ENDED, "budget.charged")


class Upload(NamedTuple):
    """What a job was asked for on, as it is now."""

    sha256: str | None
    destroyed: bool


NO_UPLOAD: Final = Upload(None, False)


@dataclass(slots=True)
class Told:
    """All that entries tell of jobs, by kind and id; ``charged`` are those that noise was paid for."""

    asked: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    ended: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    charged: set[tuple[str, str]] = field(default_factory=set)

    def hear(self, entry: Said) -> None:
        if entry.action in REQUESTED:
            self.asked[entry.subject_type, entry.subject_id] = {**entry.detail, "by": entry.actor_id}
        elif entry.action in ENDED:
            self.ended[entry.subject_type, entry.subject_id] = entry.detail
        else:
            kind, _, attempt = entry.detail["for"].partition(":")
            self.charged.add((kind, attempt.partition("#")[0]))


def compare(entries: Iterable[Said]) -> Iterator[Finding]:
    """What was asked for and what came of it; and that noise was drawn exactly where it was paid for."""
    told = Told()
    for entry in entries:
        told.hear(entry)
    uploads = {pk: Upload(sha256, state == DESTROYED) for pk, sha256, state in Version.objects.values_list("pk", "sha256", "state").iterator(chunk_size=2000)}
    slugs = dict(Dataset.objects.values_list("pk", "slug").iterator(chunk_size=2000))
    for kind in KINDS:
        yield from _jobs(kind, told, uploads)
    yield from _charged({slug for kind, pk in told.charged for slug in _datasets(told.asked.get((kind, pk), {}), slugs)})


def _datasets(asked: dict[str, Any], slugs: dict[int, str]) -> set[str]:
    """Whose rows a job that drew noise was about."""
    own = slugs.get(asked.get("dataset", 0))
    return {*([] if own is None else [own]), *asked.get("appended", ())}


def _jobs(kind: Kind[Any], told: Told, uploads: dict[int, Upload]) -> Iterator[Finding]:
    """Their states, and whether they are there at all, are compared with those of all other things.

    No table is joined: a job that points at a version that is not there would be left out.
    """
    for job in kind.model.objects.order_by("pk").iterator(chunk_size=100):
        key = subject = (kind.subject, str(job.pk))
        asked = told.asked.get(key)
        if asked is None:
            continue
        upload = uploads.get(job.version_id, NO_UPLOAD)
        # what was only tried with a version that was destroyed is forgotten with it (catalog/releases/handlers.py)
        forgotten = {"document_sha256", "result_sha256"} if upload.destroyed and not getattr(job, "noise_drawn", False) and job.state != ASSESSED else set()
        yield from differing(subject, asked, _but(forgotten, {**of_request(job, upload.sha256), "by": job.requested_by_id}))
        asked.setdefault("dataset", job.dataset_id)  # where an earlier entry does not tell it, the row must do
        if job.state in (ASSESSED, DONE):
            yield from differing(subject, told.ended.get(key, {}), _but(forgotten, _outcome(job)))
        if hasattr(job, "noise_drawn") and job.noise_drawn != (key in told.charged):
            yield Discrepancy(subject, "noise_drawn", str(key in told.charged), str(job.noise_drawn))


def _but(names: set[str], row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _outcome(job: Any) -> dict[str, Any]:
    if isinstance(job, Run):
        return of_artefact(vars(job))
    return of_result(job.result)


def _charged(told: set[str]) -> Iterator[Finding]:
    """A dataset is marked as charged if and only if noise was drawn about its rows, its own or appended to others."""
    for pk, slug, charged in Dataset.objects.order_by("pk").values_list("pk", "slug", "charged").iterator(chunk_size=2000):
        if charged != (slug in told):
            yield Discrepancy(("dataset", str(pk)), "charged", str(slug in told), str(charged))


register(ACTIONS, compare)
register_states(*(Stateful(kind.table, kind.model, claimed=(QUEUED, RUNNING), born=f"{kind.subject}.requested") for kind in KINDS))
