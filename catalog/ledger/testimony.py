"""What the trail is told of populations and of what they spend: written by the services, held against the tables later."""

from __future__ import annotations

from typing import Any

from catalog.audit.chain import document_sha256
from catalog.ledger.models import Population, Reckoning, Spending
from catalog.ledger.selectors import Amount


def of_population(population: Population) -> dict[str, Any]:
    """Whose budget it is and what it is kept of; the cap is told beside it, since it changes."""
    return {"slug": population.slug, "owner": population.owner.slug, **population.unit_of_privacy.as_dict()}


def of_cap(population: Population) -> dict[str, str]:
    return Amount(population.epsilon_cap, population.delta_cap).as_dict()


def of_spending(spending: Spending) -> dict[str, Any]:
    """All of it: amounts exactly, what only composition needs as a hash."""
    covers = {} if spending.covers_from is None else {"from": spending.covers_from, "until": spending.covers_until}
    return {
        "spending": spending.pk, "population": spending.population.slug, "epsilon": spending.epsilon, "delta": spending.delta,
        "for": f"{spending.subject_type}:{spending.subject_id}", **covers,
        "parts_sha256": document_sha256(spending.parts), "note_sha256": document_sha256(spending.note),
        "at": spending.at,
    }  # fmt: skip


def of_reckoning(reckoning: Reckoning) -> dict[str, Any]:
    """What all spendings add up to from here on."""
    return {"spendings": reckoning.spendings, "spent": Amount(reckoning.epsilon, reckoning.delta).as_dict(), "rule": reckoning.rule}
