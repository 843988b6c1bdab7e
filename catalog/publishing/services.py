"""What changes publications: copying what was approved, and stopping."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from anonymize.recipe import Role
from catalog.audit import services as audit
from catalog.audit.alarms import clear_alarm, raise_alarm
from catalog.audit.doorbell import ring, ring_for, ring_on_commit
from catalog.audit.errors import Conflict, Invalid, PlatformError, StoreFull, failure, our_fault
from catalog.audit.leases import claim, expired, renewing, unheard
from catalog.audit.transitions import move
from catalog.datasets import vault
from catalog.datasets.models import Dataset
from catalog.datasets.services import LAYER
from catalog.people.models import User
from catalog.publishing import layers, store
from catalog.publishing.models import Copy, Publication
from catalog.publishing.policies import check_can_order_again, check_can_stop
from catalog.publishing.states import (
    COPY,
    COPYING,
    DONE,
    PUBLICATION,
    PUBLISHED,
    REFUSED,
    SUPERSEDED,
    SUSPENDED,
    WAITING,
    WITHDRAWN,
)
from catalog.publishing.testimony import of_publication, of_stop
from catalog.releases.appending import versions_of
from catalog.releases.models import Run
from catalog.review.binding import configuration_sha256
from catalog.review.models import Review
from catalog.review.selectors import approval
from catalog.review.states import APPROVED

log = logging.getLogger(__name__)
PUBLISH_TASK = "publishing.publish"
REMOVE_TASK = "publishing.remove_withdrawn"


def order_copy(review: Review) -> Copy:
    """Called in the deciding transaction: the copy is ordered if and only if the approval is committed."""
    copy = Copy.objects.create(review=review)
    ring_on_commit(PUBLISH_TASK, copy)
    return copy


def publish(copy_id: int) -> None:
    """A worker copies one approved artefact into the public store, if no other worker has the job.

    What an officer could mend, or nobody, refuses the copy at once; what may be otherwise in a moment is tried again,
    MAX_ATTEMPTS times in all. Either way it ends with a reason.
    """
    if not claim(Copy.objects.filter(pk=copy_id), old=WAITING, new=COPYING):
        return
    copy = Copy.objects.select_related("review__run__version", "review__dataset").get(pk=copy_id)
    with renewing(Copy.objects.filter(pk=copy_id, state=COPYING, attempt=copy.attempt)):
        try:
            _publish(copy)
        except Conflict:
            log.warning("copy %s was taken over by another worker", copy_id)
        except Exception as error:
            _end(copy, error)


def _end(copy: Copy, error: Exception) -> None:
    """Refuse the copy, or put it back for another attempt; quietly, if it is no longer this worker's."""
    if not isinstance(error, PlatformError):
        log.exception("copy %s failed", copy.pk)
    reason = failure(error, work="The copy of the approved file")
    final = isinstance(error, PlatformError) and not isinstance(error, StoreFull)
    try:
        if final or not _may_try_again(copy):
            _refuse(copy, reason)
            if reason["who"] == "us":
                raise_alarm(code="copy_refused", subject=("copy", str(copy.pk)), detail={"reason": reason["code"], "review": copy.review_id})
        else:
            _put_back(copy, "publication.copy_failed", {"code": reason["code"]}, rung_at=timezone.now())
    except Conflict:
        log.warning("copy %s is no longer this worker's", copy.pk)


def _may_try_again(copy: Copy) -> bool:
    return bool(copy.attempt - copy.attempts_before < settings.MAX_ATTEMPTS)


def _put_back(copy: Copy, action: str, detail: dict[str, Any], *, rung_at: datetime | None = None, **require: Any) -> None:
    """Into the queue, for another attempt: at once, or some time after ``rung_at``."""
    move(
        COPY, copy, to=WAITING, by=None, action=action, detail={"attempt": copy.attempt, **detail},
        require={"attempt": copy.attempt, **require}, changes={"lease_until": None, "rung_at": rung_at},
    )  # fmt: skip


def _publish(copy: Copy) -> None:
    review = copy.review
    run = review.run
    _check_bound(review)
    name = keep_artefact(run, review.artefact_sha256)
    columns = columns_of(run)
    with transaction.atomic():
        Copy.objects.select_for_update().get(pk=copy.pk)  # before the trail's lock, as everywhere: no deadlock
        publication = _publication(review, name, columns)
        move(
            COPY, copy, to=DONE, by=None, action="publication.published", require={"attempt": copy.attempt}, changes={"lease_until": None},
            detail=of_publication(publication),
        )  # fmt: skip


def keep_artefact(run: Run, sha256: str) -> str:
    """Unseal a run's artefact and put it into the public store, if its bytes are those of the hash; its name there."""
    with vault.scratch(f"publish-{run.pk}") as folder:
        path = folder / "data.parquet"
        with path.open("wb") as sink:
            vault.unseal(run.artefact_name, sink, out_of="artefacts")
        return store.keep(path, sha256)


def _check_bound(review: Review) -> None:
    """The approval, the run and the review must still speak of the same bytes."""
    decision = approval(review)
    if review.state != APPROVED or decision is None:
        raise store.ArtefactMismatch("There is no approval. Nothing was published.")
    if configuration_sha256(review.run) != review.configuration_sha256:
        raise store.ArtefactMismatch("Roles, hierarchies or code were changed after the approval. Nothing was published.")
    hashes = {decision.artefact_sha256, review.artefact_sha256, review.run.artefact_sha256}
    if len(hashes) != 1 or decision.recipe_sha256 != review.run.recipe_sha256:
        raise store.ArtefactMismatch("The run was changed after it was approved. Nothing was published.")


def columns_of(run: Run) -> list[dict[str, Any]]:
    """The columns of the artefact, those of places with their outlines, from the very layers that the run was bound to."""
    files = {
        kept.name: kept.content
        for kept in run.dataset.hierarchy_files.filter(name__in=run.hierarchies, name__endswith=LAYER)
        if kept.sha256 == run.hierarchies[kept.name]
    }
    report: dict[str, Any] = run.report or {}
    return layers.with_outlines(run.recipe, report["artefact"]["columns"], files)


def _publication(review: Review, name: str, columns: list[dict[str, Any]]) -> Publication:
    """The new publication; the one that was current is superseded in the same transaction."""
    run, dataset = review.run, Dataset.objects.select_for_update().get(pk=review.dataset_id)
    before = Publication.objects.filter(dataset=dataset, state=PUBLISHED).first()
    if before is not None:
        move(PUBLICATION, before, to=SUPERSEDED, by=None, action="publication.superseded")
    report: dict[str, Any] = run.report or {}
    number = (dataset.publications.aggregate(last=Max("number"))["last"] or 0) + 1
    publication = Publication.objects.create(
        dataset=dataset, number=number, review=review, artefact_sha256=review.artefact_sha256, store_name=name,
        bytes=run.artefact_bytes or 0, rows=run.artefact_rows or 0, columns=columns,
        guarantee=report["guarantee"]["family"], public_recipe=public_recipe(run.recipe),
        public_report={**report["public"], "guarantee": report["guarantee"], **_also_from(run)},
    )  # fmt: skip
    if before is not None:
        Publication.objects.filter(pk=before.pk).update(superseded_by=publication)
    return publication


def _also_from(run: Run) -> dict[str, Any]:
    """The other datasets whose rows are in it, with the attribution that their contracts ask for."""
    contracts = [(version.dataset.slug, getattr(version.dataset, "contract", None)) for version in versions_of(run)]
    others = [{"dataset": slug, "attribution": "" if contract is None else contract.attribution} for slug, contract in contracts]
    return {"also_from": others} if others else {}


def public_recipe(recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe without the names of columns that do not leave: those of identifiers that were dropped, and of the person key."""
    hidden = {Role.DIRECT_IDENTIFIER, Role.PERSON_KEY}
    columns = {name: column for name, column in recipe["columns"].items() if column["role"] not in hidden or column.get("release_as")}
    key = recipe.get("person_key")
    appended = [{**other, "columns": {name: theirs for name, theirs in other["columns"].items() if name != key}} for other in recipe.get("append") or []]
    return {name: value for name, value in {**recipe, "columns": columns, "append": appended}.items() if name != "person_key"}


def _refuse(copy: Copy, reason: dict[str, Any], **require: Any) -> None:
    move(
        COPY, copy, to=REFUSED, by=None, action="publication.refused", require={"attempt": copy.attempt, **require},
        detail={"code": reason["code"], "review": copy.review_id}, changes={"error": reason, "lease_until": None},
    )  # fmt: skip


def order_again(*, by: User, copy: Copy) -> None:
    """Have a refused copy tried anew, once what stood in the way is mended: the approval is of the same bytes still."""
    check_can_order_again(by, copy)
    with transaction.atomic():
        move(
            COPY, copy, to=WAITING, by=by, action="publication.copy_ordered", detail={"review": copy.review_id},
            changes={"error": None, "rung_at": None, "attempts_before": copy.attempt},
        )  # fmt: skip
        clear_alarm(code="copy_refused", subject=("copy", str(copy.pk)), detail={"ordered_by": by.get_username()})
        ring_on_commit(PUBLISH_TASK, copy)


def sweep_copies() -> None:
    """Copies of dead workers go back to the queue (copying twice has one effect), or are refused after too many attempts;
    unheard ones are rung again."""
    for copy in Copy.objects.filter(expired(), state=COPYING):
        try:
            if _may_try_again(copy):
                _put_back(copy, "publication.worker_lost", {}, lease_until=copy.lease_until)
            else:
                _refuse(copy, our_fault("The worker that copied the approved file was lost again and again. Tell the operator."), lease_until=copy.lease_until)
        except Conflict:
            continue
    for copy in Copy.objects.filter(unheard(), state=WAITING):
        ring(PUBLISH_TASK, copy)


# --- stopping: one person, at once -----------------------------------------------------------------------------------


def suspend(*, by: User, publication: Publication, reason: str) -> None:
    """Take a release off the air at once: from the next request on it answers 410 with a tombstone."""
    _stop(by, publication, SUSPENDED, reason)


def withdraw(*, by: User, publication: Publication, reason: str) -> None:
    """Take a release back for good; a worker removes its file from the public store."""
    _stop(by, publication, WITHDRAWN, reason)


def _stop(by: User, publication: Publication, state: str, reason: str) -> None:
    check_can_stop(by, publication)
    if not 10 <= len(reason.strip()) <= 2000:
        raise Invalid("Say why in a sentence (10 to 2,000 characters): it is shown in place of the data.")
    with transaction.atomic():
        move(
            PUBLICATION, publication, to=state, by=by, action=f"publication.{state}", detail=of_stop(publication, reason.strip()),
            changes={"tombstone": reason.strip(), "stopped_by": by},
        )  # fmt: skip
        if state == WITHDRAWN:
            transaction.on_commit(partial(ring_for, REMOVE_TASK, publication.pk))


def remove_withdrawn(publication_id: int | None = None) -> None:
    """A worker removes the files of withdrawn releases, or of the one, from the public store: serving processes may not write there.

    A file that another readable publication has as well stays. That a file is gone is kept in the trail.
    """
    withdrawn = Publication.objects.filter(state=WITHDRAWN).exclude(store_name="")
    for publication in withdrawn if publication_id is None else withdrawn.filter(pk=publication_id):
        name = publication.store_name
        if not Publication.objects.filter(store_name=name).exclude(state=WITHDRAWN).exists():
            store.remove(name)
            store.forget(publication.artefact_sha256)
        with transaction.atomic():
            if Publication.objects.filter(pk=publication.pk, store_name=name).update(store_name=""):
                audit.record(by=None, action="publication.removed", subject=publication, detail={"sha256": publication.artefact_sha256})
