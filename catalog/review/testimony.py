"""What the trail is told of reviews and decisions: written by the services, held against the tables later."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from catalog.audit.chain import document_sha256
from catalog.review.models import Decision, Review


def of_review(review: Review) -> dict[str, Any]:
    """What the review is bound to."""
    return {
        "run": review.run_id, "dataset": review.dataset_id, "artefact_sha256": review.artefact_sha256, "recipe_sha256": review.recipe_sha256,
        "version_sha256": review.version_sha256, "configuration_sha256": review.configuration_sha256,
        "context_sha256": document_sha256(review.context), "submitted_at": review.submitted_at,
    }  # fmt: skip


def of_hands(hands: Iterable[tuple[int, str]]) -> dict[str, Any]:
    """Who had a hand in it, and how: (user, how)."""
    return {"involved": [f"{user}:{how}" for user, how in sorted(hands)]}


def of_decision(decision: Decision) -> dict[str, Any]:
    """The verdict and all that it says; the officer's own words as hashes."""
    return {
        "decision": decision.pk, "verdict": decision.verdict, "reason_code": decision.reason_code, "artefact_sha256": decision.artefact_sha256,
        "recipe_sha256": decision.recipe_sha256, "reason_sha256": document_sha256(decision.reason),
        "conditions_sha256": document_sha256(decision.conditions), "decided_at": decision.decided_at,
    }  # fmt: skip
