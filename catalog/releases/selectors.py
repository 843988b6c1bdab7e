"""What is read about runs and comparisons."""

from __future__ import annotations

from django.db.models import QuerySet

from catalog.datasets.models import Dataset, Version
from catalog.releases.models import Comparison, Run
from catalog.releases.states import ASSESSED


def runs_of(dataset: Dataset) -> QuerySet[Run]:
    return dataset.runs.select_related("version", "requested_by", "population").order_by("-id")


def comparisons_of(dataset: Dataset) -> QuerySet[Comparison]:
    return dataset.comparisons.select_related("version", "requested_by", "dataset").order_by("-id")


def newest_assessed(version: Version) -> Run | None:
    """The newest run of the version whose report says what was measured of its risk."""
    measured = version.runs.filter(state=ASSESSED, report__internal__assessment__risk__isnull=False)
    return measured.defer("sample").order_by("-id").first()
