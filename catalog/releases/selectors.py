"""What is read about runs and comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from catalog.datasets.models import Dataset, Version
from catalog.releases.assessed.shown import at
from catalog.releases.models import Comparison, Run
from catalog.releases.states import ASSESSED, DONE


def runs_of(dataset: Dataset) -> QuerySet[Run]:
    return dataset.runs.select_related("version", "requested_by", "population").order_by("-id")


def comparisons_of(dataset: Dataset) -> QuerySet[Comparison]:
    return dataset.comparisons.select_related("version", "requested_by", "dataset").order_by("-id")


def standing_out_in(version: Version) -> dict[str, Any] | None:
    """Which columns make people stand out in the version's table: from the newest comparison or run that measured it."""
    compared = version.comparisons.filter(state=DONE, result__before__standing_out__unique__isnull=False)
    measured = version.runs.filter(state=ASSESSED, report__internal__assessment__risk__standing_out__unique__isnull=False)
    found = [
        *((c.finished_at, at(c.result, "before.standing_out")) for c in compared.order_by("-id")[:1]),
        *((r.finished_at, at(r.report, "internal.assessment.risk.standing_out")) for r in measured.order_by("-id")[:1]),
    ]
    newest: dict[str, Any] | None = max(found, key=lambda one: str(one[0]))[1] if found else None
    return newest


def artefact_names() -> Iterator[str]:
    """Every sealed artefact that should be there."""
    yield from Run.objects.exclude(artefact_name="").values_list("artefact_name", flat=True)
