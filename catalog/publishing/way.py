"""Where a dataset stands on its way from an upload to a publication, and the one thing to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from catalog.datasets.models import Dataset, Version
from catalog.datasets.states import CHECKING, READY, RECEIVED, REJECTED
from catalog.publishing.models import Copy, Publication
from catalog.publishing.states import PUBLISHED, REFUSED
from catalog.releases.models import Run
from catalog.releases.states import ASSESSED, CANCELLED, FAILED, RUN
from catalog.review.models import Review
from catalog.review.states import APPROVED, IN_REVIEW, RETURNED, WAITING
from catalog.review.states import REJECTED as REVIEW_REJECTED

DESCRIBE, UPLOAD, ROLES, RECIPE, REVIEW, PUBLISH = range(6)


@dataclass(frozen=True, slots=True)
class Next:
    """The next action: what it is, why, and where. ``who``: whose turn it is."""

    step: int
    title: str
    why: str = ""
    url: str = ""
    label: str = ""
    who: str = "steward"
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """The steps with ``done``, ``now`` or nothing, and what comes next."""

    next: Next

    @property
    def steps(self) -> list[tuple[str, str]]:
        names = (_("Describe"), _("Upload"), _("Columns"), _("Recipe and run"), _("Review"), _("Published"))
        at = self.next.step
        return [(name, "done" if i < at or at > PUBLISH else "now" if i == at else "") for i, name in enumerate(names)]


@dataclass(frozen=True, slots=True)
class _Seen:
    """The newest of everything."""

    dataset: Dataset
    version: Version | None
    run: Run | None
    review: Review | None
    current: Publication | None

    @property
    def page(self) -> str:
        return reverse("steward_dataset", args=[self.dataset.slug])

    @property
    def recipe(self) -> str:
        return f"{self.page}#recipes"


def way(dataset: Dataset) -> Way:
    """Looked up afresh: the newest version, its newest run, that run's newest review, and the current publication."""
    version = dataset.versions.order_by("-number").first()
    run = version.runs.order_by("-id").first() if version else None
    waiting = dataset.reviews.filter(state__in=WAITING).order_by("-id").first()  # whatever was run since
    review = waiting or (run.reviews.order_by("-id").first() if run else None)
    current = dataset.publications.filter(state=PUBLISHED).first()
    seen = _Seen(dataset, version, run, review, current)
    return Way(_of_review(seen) or _of_run(seen) or _of_version(seen))


def _of_version(seen: _Seen) -> Next:
    version = seen.version
    if version is not None and version.state in (RECEIVED, CHECKING):
        return Next(UPLOAD, _("A worker is checking the file"), _("It is read, typed and profiled. This takes seconds to minutes."), who="worker", busy=True)
    if version is None or version.state != READY:
        rejected = version is not None and version.state == REJECTED
        why = _("The last file could not be taken in; what was wrong is listed below. Nothing of it was kept.") if rejected else ""
        return Next(UPLOAD, _("Upload a file"), why or _("CSV, Parquet or XLSX. It is sealed on arrival; only workers can open it."), f"{seen.page}#upload", _("To the upload"))
    if not version.columns.exclude(role="").exists():
        return Next(ROLES, _("Say what the columns are"), _("Each has a suggested role with its reason. A column without a role is left out."), f"{seen.page}#columns", _("To the columns"))
    return Next(RECIPE, _("Choose a recipe"), _("Each says what it promises, what it costs and what it keeps."), seen.recipe, _("To the recipes"))


def _of_run(seen: _Seen) -> Next | None:
    run = seen.run
    if run is None or run.state == CANCELLED:
        return None
    url = reverse("run", args=[run.pk])
    if run.state in RUN.open_states:
        return Next(RECIPE, _("A run is under way"), _("You can leave this page; it goes on."), url, _("Watch it"), who="worker", busy=True)
    if run.state == FAILED:
        return Next(RECIPE, _("The last run failed"), _("Its page says why and who must act."), url, _("See why"))
    if run.state == ASSESSED:
        return Next(REVIEW, _("Look at the report, then submit it"), _("An officer who had no hand in it decides."), url, _("To the report"))
    return None


def _of_review(seen: _Seen) -> Next | None:
    review = seen.review
    if review is None:
        return None
    url = reverse("review", args=[review.pk])
    if review.state in WAITING:
        taken = review.state == IN_REVIEW
        title = _("A privacy officer has it in hand") if taken else _("It waits for a privacy officer")
        return Next(REVIEW, title, _("There is nothing for you to do now."), url, _("See the review"), who="officer")
    if review.state in (RETURNED, REVIEW_REJECTED):
        title = _("The officer returned it") if review.state == RETURNED else _("The officer rejected it")
        last = review.decisions.last()
        return Next(RECIPE, title, last.reason if last else "", seen.recipe, _("Choose another recipe"))
    if review.state == APPROVED:
        return _of_copy(seen, review)
    return None


def _of_copy(seen: _Seen, review: Review) -> Next:
    copy = Copy.objects.filter(review=review).first()
    if copy is not None and copy.state == REFUSED:
        said = (copy.error or {}).get("message", "")
        return Next(PUBLISH, _("The publisher refused to copy it"), said, reverse("review", args=[review.pk]), _("See why, or order it again"))
    if Publication.objects.filter(review=review).exists():
        if seen.current is None:
            return Next(UPLOAD, _("The last release was stopped"), _("Starting again takes a new run and a new decision."), f"{seen.page}#upload", _("Upload the next version"))
        url = reverse("dataset", args=[seen.dataset.slug])
        return Next(PUBLISH + 1, _("It is published"), _("The next version can be uploaded at any time."), url, _("See its page"), who="nobody")
    return Next(PUBLISH, _("The publisher is copying it"), _("It checks the approved hash and copies exactly those bytes."), who="worker", busy=True)


def waiting_for(dataset: Dataset) -> dict[str, Any]:
    """For the list of a steward's datasets."""
    return {"dataset": dataset, "way": way(dataset)}


