"""Datasets, contracts, uploads, columns and files beside them, as the trail tells them and as the tables have them now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from catalog.audit.witnesses import (
    Discrepancy,
    Finding,
    Said,
    Stateful,
    differing,
    missing,
    register,
    register_states,
    unrecorded,
)
from catalog.datasets.models import Column, Dataset, HierarchyFile, PseudonymKey, Version
from catalog.datasets.states import CHECKING, DESTROYED, READY, RECEIVED, REJECTED, VERSION
from catalog.datasets.testimony import of_columns, of_dataset, of_hierarchy, of_pseudonym_key, of_table, of_upload

ACTIONS: Final = (
    "dataset.created", "dataset.changed", "dataset.handed_over", "hierarchy.set", "pseudonym_key.made", "version.received", "version.ready",
    "columns.set",
)  # fmt: skip


@dataclass(slots=True)
class Told:
    """All that entries tell of what came in, by the subject's id; a hierarchy file by its dataset's id and its name."""

    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    hierarchies: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    roles: dict[str, dict[str, str]] = field(default_factory=dict)

    def hear(self, entry: Said) -> None:
        pk, detail = entry.subject_id, entry.detail
        match entry.action:
            case "dataset.created":
                self.datasets[pk] = {**detail, "steward": entry.actor_id}
            case "dataset.changed":
                changed = {*detail.get("fields", ()), "described_sha256"} - detail.keys()
                known = self.datasets.setdefault(pk, {})
                self.datasets[pk] = {name: value for name, value in known.items() if name not in changed} | detail
            case "dataset.handed_over":
                self.datasets.setdefault(pk, {})["steward"] = detail["to"]
            case "hierarchy.set":
                self.hierarchies[pk, detail["name"]] = {**detail, "by": entry.actor_id}
            case "pseudonym_key.made":
                self.keys[pk] = detail
            case "version.received":
                self.versions[pk] = {**detail, "by": entry.actor_id}
            case "version.ready":
                self.tables[pk] = detail
            case "columns.set":
                self.roles.setdefault(pk, {}).update(detail["roles"])
                table = self.tables.setdefault(pk, {})
                table.pop("columns_sha256", None)
                table.update({name: value for name, value in detail.items() if name == "columns_sha256"})


def compare(entries: Iterable[Said]) -> Iterator[Finding]:
    """What approvals are bound to, and whose datasets are: as the last entry told it."""
    told = Told()
    for entry in entries:
        told.hear(entry)
    yield from _datasets(told.datasets)
    yield from _hierarchies(told.hierarchies)
    yield from _pseudonym_keys(told.keys)
    yield from _versions(told)


def _datasets(told: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    for dataset in Dataset.objects.select_related("organisation", "population").order_by("pk").iterator(chunk_size=500):
        subject = ("dataset", str(dataset.pk))
        known = told.pop(subject[1], None)
        if known is None or "slug" not in known:
            yield unrecorded(subject, dataset.slug)
        else:
            yield from differing(subject, known, {**of_dataset(dataset), "steward": dataset.steward_id})
    for gone, known in told.items():
        yield missing(("dataset", gone), known.get("slug", "a dataset"))


def _hierarchies(told: dict[tuple[str, str], dict[str, Any]]) -> Iterator[Finding]:
    for kept in HierarchyFile.objects.order_by("pk").iterator(chunk_size=10):
        key = (str(kept.dataset_id), kept.name)
        subject = ("hierarchy", f"{key[0]}/{key[1]}")
        known = told.pop(key, None)
        if known is None:
            yield unrecorded(subject, kept.sha256)
            continue
        yield from differing(subject, known, {**of_hierarchy(kept), "by": kept.uploaded_by_id})
        if hashlib.sha256(kept.content.encode()).hexdigest() != known["sha256"]:
            yield Discrepancy(subject, "content", known["sha256"], "another content")
    for (dataset, name), known in told.items():
        yield missing(("hierarchy", f"{dataset}/{name}"), known["sha256"])


def _pseudonym_keys(told: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    for key in PseudonymKey.objects.order_by("pk").iterator(chunk_size=2000):
        subject = ("pseudonymkey", str(key.dataset_id))
        known = told.pop(subject[1], None)
        yield from [unrecorded(subject, key.sha256)] if known is None else differing(subject, known, of_pseudonym_key(key))
    for gone, known in told.items():
        yield missing(("pseudonymkey", gone), known)


def _versions(told: Told) -> Iterator[Finding]:
    """Their states, and whether they are there at all, are compared with those of all other things."""
    for version in Version.objects.order_by("pk").iterator(chunk_size=500):
        subject = ("version", str(version.pk))
        known = told.versions.get(subject[1])
        if known is None:
            continue
        row = {**of_upload(version), "by": version.uploaded_by_id}
        if version.state in (DESTROYED, REJECTED):  # what was declared of it serves nobody any more, and is forgotten
            del row["declared_sha256"]
        yield from differing(subject, known, row)
        if version.state == READY:
            yield from _table(subject, version, told.tables.get(subject[1], {}), told.roles.get(subject[1], {}))


def _table(subject: tuple[str, str], version: Version, known: dict[str, Any], roles: dict[str, str]) -> Iterator[Finding]:
    """Columns are told by their position, since a name can be somebody's; earlier entries told them by name."""
    columns = list(Column.objects.filter(version=version))
    yield from differing(subject, known, {**of_table(version), **of_columns(columns)})
    now = {str(column.position): column.role for column in columns}
    roles = roles if "columns_sha256" in known else _by_position(roles, columns)
    for position in sorted({*roles, *now}):
        then, there, column = roles.get(position, ""), now.get(position), ("column", f"{subject[1]}/{position}")
        if there is None:
            yield missing(column, then or "no role yet")
        elif there != then:
            yield Discrepancy(column, "role", then or "no role yet", there or "no role")


def _by_position(roles: dict[str, str], columns: list[Column]) -> dict[str, str]:
    places = {column.name: str(column.position) for column in columns}
    return {places.get(key, key): role for key, role in roles.items()}


register(ACTIONS, compare)
register_states(Stateful(VERSION, Version, claimed=(RECEIVED, CHECKING), born="version.received"))
