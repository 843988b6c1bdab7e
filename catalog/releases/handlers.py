"""What this room does when the room below tells it something."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import QuerySet
from django.dispatch import receiver

from catalog.datasets import events
from catalog.datasets.models import Version
from catalog.releases.models import Comparison, Run
from catalog.releases.states import ASSESSED, CANCELLED, DONE, FAILED, QUEUED, RUNNING

_CLOSED: Final = (DONE, FAILED, CANCELLED)
# A recipe without a word of its own; what it was is told by its hash alone.
_NO_RECIPE: Final = {"recipe": 1, "title": "", "columns": {}, "stages": [{"stage": "destroyed"}]}


@receiver(events.destroying, dispatch_uid="releases.let_go_of_a_version")
def let_go(sender: Any, version: Version, **more: Any) -> bool:
    """Whether a run is bound to the version's columns: one that made something, or may yet. If none is, forget the recipes,
    errors and results of what was tried with it.

    What noise was drawn for is kept, whatever came of it: the ledger's rules read its recipe.
    """
    bound = _bound(version)
    if not bound:
        _forget(version)
    return bound


def _bound(version: Version) -> bool:
    appended = {f"appended__{version.dataset.slug}__version": version.pk}
    living = (ASSESSED, QUEUED, RUNNING)
    return version.runs.filter(state__in=living).exists() or Run.objects.filter(**appended, state__in=living).exists()


def _forget(version: Version) -> None:
    tried: list[QuerySet[Any]] = [version.comparisons.all(), version.runs.filter(noise_drawn=False), version.estimates.filter(noise_drawn=False)]
    for jobs in tried:
        for job in jobs.filter(state__in=_CLOSED):
            job.recipe = _NO_RECIPE
            if job.error is not None:
                job.error = {"code": job.error.get("code", ""), "message": "", "who": job.error.get("who", "nobody"), "problems": []}
            fields = ["recipe", "error"]
            if isinstance(job, Comparison) and job.result is not None:
                job.result = {"points": []}
                fields.append("result")
            job.save(update_fields=fields)
