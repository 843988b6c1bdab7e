"""What somebody has open in this room: the datasets they are the steward of, and uploads that a worker has not checked yet."""

from __future__ import annotations

from collections.abc import Iterator

from catalog.datasets.models import Dataset
from catalog.datasets.selectors import waiting_versions
from catalog.people.models import User
from catalog.people.open_work import OpenWork, register


def of(user: User) -> Iterator[OpenWork]:
    for dataset in Dataset.objects.filter(steward=user).order_by("slug"):
        yield OpenWork("dataset", dataset.pk, dataset.slug, dataset.created_at, dataset.organisation_id)
    for version in waiting_versions().filter(uploaded_by=user).select_related("dataset").order_by("pk"):
        yield OpenWork("version", version.pk, version.dataset.slug, version.uploaded_at)


register(of)
