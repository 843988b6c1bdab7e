"""What the trail is told of datasets, uploads and their columns: written by the services, held against the tables later."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from catalog.audit.chain import document_sha256
from catalog.datasets.models import Column, Contract, Dataset, HierarchyFile, PseudonymKey, Version

DESCRIBED = ("title", "description", "language", "themes", "licence", "update_frequency", "spatial_coverage", "contact")


def of_dataset(dataset: Dataset) -> dict[str, Any]:
    """Whose it is, about whom, and under which terms it may be published; what it is called as a hash."""
    described = {name: getattr(dataset, name) for name in DESCRIBED}
    dates = [None if day is None else day.isoformat() for day in (dataset.temporal_start, dataset.temporal_end)]
    contract = Contract.objects.filter(dataset=dataset).first() if dataset.pk else None
    return {
        "slug": dataset.slug, "source": dataset.source, "organisation": dataset.organisation.slug,
        "population": dataset.population.slug if dataset.population else None,
        "contract": None if contract is None else of_contract(contract), "described_sha256": document_sha256([described, dates]),
    }  # fmt: skip


def of_contract(contract: Contract) -> dict[str, Any]:
    """What decisions rest on is told; who the parties are is a hash."""
    return {
        "valid_from": contract.valid_from, "valid_until": contract.valid_until,
        "permits_aggregates": contract.permits_aggregates, "permits_microdata": contract.permits_microdata,
        "parties_sha256": document_sha256([contract.supplier, contract.number, contract.attribution]),
    }  # fmt: skip


def of_hierarchy(kept: HierarchyFile) -> dict[str, Any]:
    return {"name": kept.name, "sha256": kept.sha256, "ladders_sha256": document_sha256(kept.ladders)}


def of_upload(version: Version) -> dict[str, Any]:
    return {
        "dataset": version.dataset_id, "number": version.number, "sha256": version.sha256, "bytes": version.bytes,
        "sealed_name": version.sealed_name,
        "declared_sha256": document_sha256([version.declared_types, version.header, version.names]),
    }  # fmt: skip


def of_table(version: Version) -> dict[str, Any]:
    """What a worker made of an upload."""
    return {"rows": version.rows, "typed_name": version.typed_name}


def of_columns(columns: Iterable[Column]) -> dict[str, Any]:
    """What a recipe is held against, as one hash: names, types, roles and ladders in their order, and no free text."""
    listed = [[c.position, c.name, c.type, c.role, c.hierarchy] for c in sorted(columns, key=lambda column: column.position)]
    return {"columns_sha256": document_sha256(listed)}


def of_pseudonym_key(key: PseudonymKey) -> dict[str, Any]:
    return {"sealed_name": key.sealed_name, "sha256": key.sha256}
