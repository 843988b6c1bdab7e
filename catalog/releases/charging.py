"""Debits a population for noise, before it is drawn: of a run, or of an estimate of bounds.

The budget is charged in a transaction of its own, committed before the first draw; from then on the job is never given back
to the queue by itself (TRAPS.md 10, 11).
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from anonymize import recipe as recipes
from anonymize.aggregates.accounting import Loss, load_distributions
from catalog.audit.errors import PlatformError
from catalog.datasets import services as datasets
from catalog.ledger import services as ledger
from catalog.releases.jobs import LostJob, held
from catalog.releases.kinds import kind_of
from catalog.releases.models import Estimate, Run
from catalog.releases.services import unit_of
from catalog.releases.sources import refuse_other_sources


def charge(job: Run | Estimate, loss: Loss) -> None:
    """Debit the population and mark the job, in one committed transaction."""
    if job.population_id is None:
        raise PlatformError("This dataset has no population, so nobody's budget can pay for noise.")
    subject, recipe = kind_of(job).subject, recipes.parse(job.recipe)
    load_distributions()
    with transaction.atomic():
        if len(held(job).select_for_update()) != 1:
            raise LostJob
        datasets.charged_with({job.dataset.slug, *(other.table for other in recipe.append)}, job.population_id)  # locked before the population and the trail
        ledger.charge(
            population_id=job.population_id, epsilon=loss.epsilon, delta=loss.delta, parts=loss.parts, unit=unit_of(recipe), covers=loss.covers,
            subject=(subject, f"{job.pk}#{job.attempt}"), by=job.requested_by, note=str(job.recipe.get("title", ""))[:300],
        )  # fmt: skip
        refuse_other_sources(recipe, job.dataset)  # while the population is locked: nothing else can draw at this moment
        if held(job).update(noise_drawn=True) != 1:
            raise LostJob


def spent(job: Run | Estimate) -> dict[str, Any] | None:
    """Why a job whose worker was lost cannot be tried again; ``None`` where it can."""
    if not job.noise_drawn:
        return None
    subject = kind_of(job).subject
    return {
        "code": "worker_lost_after_charge", "who": "you", "problems": [],
        "message": "The worker was lost after the budget had been charged, and noise may have been drawn: the charge stays. "
        f"Ask for a new {subject} if you want one; it is charged again.",
    }  # fmt: skip
