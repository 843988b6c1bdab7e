"""What is read about runs and comparisons."""

from __future__ import annotations

from django.db.models import QuerySet

from catalog.datasets.models import Dataset
from catalog.releases.models import Comparison, Run


def runs_of(dataset: Dataset) -> QuerySet[Run]:
    return dataset.runs.select_related("version", "requested_by", "population").order_by("-id")


def comparisons_of(dataset: Dataset) -> QuerySet[Comparison]:
    return dataset.comparisons.select_related("version", "requested_by", "dataset").order_by("-id")
