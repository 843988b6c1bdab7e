"""What is read about datasets and versions."""

from __future__ import annotations

from django.db.models import QuerySet

from catalog.datasets.models import Dataset, Version
from catalog.datasets.states import CHECKING, READY, RECEIVED
from catalog.people.models import User


def datasets_of(user: User) -> QuerySet[Dataset]:
    """The datasets of the user's organisation, newest change first."""
    return Dataset.objects.filter(organisation=user.organisation_id).select_related("organisation", "steward").order_by("-changed_at")


def latest_ready(dataset: Dataset) -> Version | None:
    return dataset.versions.filter(state=READY).order_by("-number").first()


def waiting_versions() -> QuerySet[Version]:
    return Version.objects.filter(state__in=(RECEIVED, CHECKING))
