"""What is read about datasets and versions."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

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
