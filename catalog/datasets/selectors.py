"""What is read about datasets and versions."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from catalog.audit.models import TrailEntry
from catalog.datasets.models import Dataset, PseudonymKey, Version
from catalog.datasets.states import CHECKING, DESTROYED, READY, RECEIVED, REJECTED
from catalog.people.models import User


def datasets_of(user: User) -> QuerySet[Dataset]:
    """The datasets of the user's organisation, newest change first."""
    return Dataset.objects.filter(organisation=user.organisation_id).select_related("organisation", "steward").order_by("-changed_at")


def latest_ready(dataset: Dataset) -> Version | None:
    return dataset.versions.filter(state=READY).order_by("-number").first()


def waiting_versions() -> QuerySet[Version]:
    return Version.objects.filter(state__in=(RECEIVED, CHECKING))


def sealed_names() -> Iterator[str]:
    """Every file of the vault that should be there."""
    for names in Version.objects.exclude(state__in=(DESTROYED, REJECTED)).values_list("sealed_name", "typed_name"):
        yield from names
    yield from PseudonymKey.objects.values_list("sealed_name", flat=True)


def destroyed_names() -> Iterator[str]:
    """Those that were said to be gone."""
    for names in Version.objects.filter(state__in=(DESTROYED, REJECTED)).values_list("sealed_name", "typed_name"):
        yield from names


def stewards_ever(dataset: Dataset) -> set[int]:
    """Who is, or ever was, the steward of a dataset: a hand in it does not end with handing it over."""
    handed = TrailEntry.objects.filter(subject_type="dataset", subject_id=str(dataset.pk), action="dataset.handed_over")
    return {dataset.steward_id, *(int(pk) for detail in handed.values_list("detail", flat=True) for pk in (detail["from"], detail["to"]))}
