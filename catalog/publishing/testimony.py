"""What the trail is told of publications: written by the services, held against the table later."""

from __future__ import annotations

from typing import Any

from catalog.audit.chain import document_sha256
from catalog.publishing.models import Publication


def of_publication(publication: Publication) -> dict[str, Any]:
    """The approved bytes by their hash, and the words that are published with them as hashes."""
    return {
        "publication": publication.pk, "dataset": publication.dataset.slug, "number": publication.number, "sha256": publication.artefact_sha256,
        "review": publication.review_id, "store_name": publication.store_name, "bytes": publication.bytes, "rows": publication.rows,
        "guarantee": publication.guarantee, "columns_sha256": document_sha256(publication.columns),
        "report_sha256": document_sha256(publication.public_report), "recipe_sha256": document_sha256(publication.public_recipe),
        "published_at": publication.published_at,
    }  # fmt: skip


def of_stop(publication: Publication, tombstone: str) -> dict[str, Any]:
    """That it was stopped, and with which words, as a hash."""
    return {"sha256": publication.artefact_sha256, "tombstone_sha256": document_sha256(tombstone)}
