"""What is read about reviews: the officer's queue, and what one page of it needs."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import Q, QuerySet

from catalog.audit.errors import NotAllowed
from catalog.audit.models import TrailEntry
from catalog.datasets.models import Dataset, Version
from catalog.people.models import OfficerMandate, User
from catalog.people.policies import has_role
from catalog.people.roles import OFFICERS, Role
from catalog.releases.appending import versions_of
from catalog.releases.bounding import report_for
from catalog.releases.models import Comparison, Estimate, Run
from catalog.review.flag import Flag
from catalog.review.measured_flags import measured_flags
from catalog.review.models import Decision, Review
from catalog.review.states import APPROVED, IN_REVIEW, WAITING
from catalog.review.table_flags import table_flags

# what leaves a hand in a dataset after a review of it was submitted: its model, and who did it
HANDS: Final = ((Version, "uploaded_by"), (Run, "requested_by"), (Comparison, "requested_by"), (Estimate, "requested_by"))


def queue(user: User) -> QuerySet[Review]:
    """Reviews that wait for this officer, longest first: mandated organisations, nothing they had a hand in, also since."""
    mandates = OfficerMandate.objects.filter(user=user).values("organisation")
    touched = [model.objects.filter(**{by: user}).values("dataset") for model, by in HANDS]
    since = reduce(or_, (Q(dataset__in=datasets) for datasets in touched))
    return (
        Review.objects.filter(state__in=WAITING, dataset__organisation__in=mandates)
        .exclude(involved__user=user)
        .exclude(since)
        .select_related("dataset__organisation", "run__version", "submitted_by")
        .order_by("submitted_at", "id")
    )


def in_hand_of(user: User) -> QuerySet[Review]:
    """Reviews that an officer has taken in hand and not decided."""
    return Review.objects.filter(state=IN_REVIEW, officer=user).select_related("dataset__organisation", "run__version").order_by("pk")


def officers_beside(user: User) -> QuerySet[User]:
    """Other active officers with one of the same mandates."""
    shared = OfficerMandate.objects.filter(user=user).values("organisation")
    active = User.objects.filter(is_active=True, groups__name__in=sorted(OFFICERS), mandates__organisation__in=shared)
    return active.exclude(pk=user.pk).distinct().order_by("pk")


def visible(user: User) -> QuerySet[Review]:
    """All reviews that ``check_can_look`` would let this user see, newest first."""
    rows = Review.objects.select_related("dataset__organisation", "run__version", "submitted_by", "officer").order_by("-pk")
    if has_role(user, Role.OFFICER, Role.LEAD_OFFICER, Role.AUDITOR):
        return rows
    if has_role(user, Role.STEWARD) and user.organisation_id is not None:
        return rows.filter(dataset__organisation=user.organisation_id)
    raise NotAllowed("Reviews are for the dataset's stewards, privacy officers and auditors.")


def earlier_releases(review: Review) -> QuerySet[Review]:
    """Approved reviews about the same people: of this dataset, and of others with the same population."""
    same = Review.objects.filter(dataset=review.dataset)
    if review.dataset.population_id is not None:
        same = Review.objects.filter(dataset__population=review.dataset.population_id)
    return same.filter(state=APPROVED).exclude(pk=review.pk).select_related("dataset", "run").order_by("-decided_at")


def record_so_far(review: Review) -> QuerySet[TrailEntry]:
    """The trail of this review and its run, oldest first."""
    review_part = TrailEntry.objects.filter(subject_type="review", subject_id=str(review.pk))
    return (review_part | TrailEntry.objects.filter(subject_type="run", subject_id=str(review.run_id))).order_by("seq")


def approval(review: Review) -> Decision | None:
    return review.decisions.filter(verdict="approve").select_related("decided_by").first()


def red_flags(review: Review, to: User | None = None) -> list[Flag]:
    """What speaks against a release, most serious first. An empty list is no advice to approve.

    ``to``: with the figures that this user may see; all of them when None.
    """
    run, dataset = review.run, review.dataset
    report = (run.report if to is None else report_for(to, run.report)) or {}
    guarantee = report.get("guarantee", {})
    family = guarantee.get("family")
    flags: list[Flag] = []
    for bought in [dataset, *(version.dataset for version in versions_of(run))]:
        flags += _contract_flags(bought, family, review)
    if family == "k_anonymity":
        others = earlier_releases(review).exclude(run__report__guarantee__family="differential_privacy").count()
        if others:
            flags.append(Flag("stop", "microdata_of_the_same_people", str(others)))
        flags += _pseudonym_flags(run.recipe)
        flags.append(Flag("warning", "microdata", str(guarantee.get("measured_k", ""))))
        flags += _linked_flags(report)
        if run.recipe["stages"][-1].get("method") == "local_recoding":
            flags.append(Flag("warning", "local_recoding"))
        flags += measured_flags(report)
    if family == "none" and report.get("internal", {}).get("about_persons"):
        flags.append(Flag("stop", "about_persons"))
    if family == "differential_privacy":
        flags += table_flags(report)
    return sorted(flags, key=lambda flag: flag.level != "stop")


def _contract_flags(dataset: Dataset, family: str | None, review: Review) -> list[Flag]:
    """What the contract that a dataset was bought under says against the release."""
    contract = getattr(dataset, "contract", None)
    if contract is None:
        return []
    permitted = contract.permits_microdata if family != "differential_privacy" else contract.permits_aggregates
    flags = [] if permitted else [Flag("stop", "contract_forbids", contract.number)]
    if not contract.valid_from <= review.submitted_at.date() <= contract.valid_until:
        flags.append(Flag("stop", "contract_expired", contract.valid_until.isoformat()))
    return flags


def _pseudonym_flags(recipe: dict[str, Any]) -> list[Flag]:
    """Pseudonyms in the file. Those of a kept key join releases, so their reason is shown; it is the steward's own words."""
    asked = {name: column["release_as"] for name, column in recipe.get("columns", {}).items() if (column.get("release_as") or {}).get("as") == "pseudonym"}
    lasting = {name: how for name, how in asked.items() if how.get("key", "release") != "release"}
    flags = [Flag("stop", "lasting_pseudonyms", "; ".join(f"{name}: {how.get('reason', '')}" for name, how in lasting.items()))] if lasting else []
    once = [name for name in asked if name not in lasting]
    return [*flags, Flag("warning", "pseudonyms", f"{len(once)} ({', '.join(once)})")] if once else flags


LINKED = 0.01
"""From this share of rows on an officer is told that a column puts rows of one person together."""


def _linked_flags(report: dict[str, Any]) -> list[Flag]:
    links = report.get("internal", {}).get("linked_rows") or {}
    told = [f"{name} {share:.0%}" for name, share in links.items() if not share < LINKED]
    return [Flag("warning", "linked_rows", ", ".join(told))] if told else []
