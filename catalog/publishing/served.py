"""From a publication to the file that the query library reads, at one look-up a request: the hot path of the public API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from django.http import Http404

from catalog.datasets.models import Dataset
from catalog.publishing import selectors, store
from catalog.publishing.models import Publication
from catalog.publishing.query import ReleaseColumn, ReleaseFile, ReleaseSchema
from catalog.publishing.states import PUBLISHED, READABLE

_NEEDED = ("id", "dataset_id", "number", "state", "artefact_sha256", "store_name", "bytes", "columns")
LARGEST_NUMBER = 2**31 - 1


def current_at(slug: str) -> Publication:
    """The current publication of a dataset. Raises Http404, or Gone with the tombstone when it was stopped."""
    found = _light().filter(dataset__slug=slug, state=PUBLISHED).first()
    if found is not None:
        return found
    dataset = Dataset.objects.filter(slug=slug).first()
    if dataset is None or selectors.newest_or_gone(dataset) is None:
        raise Http404
    return current_at(slug)  # published between the two look-ups


def numbered_at(slug: str, number: int) -> Publication:
    """One publication, for ever. Raises Http404, or Gone with the tombstone when it was stopped."""
    found = _light().filter(dataset__slug=slug, number=number).first() if number <= LARGEST_NUMBER else None
    if found is None:
        raise Http404
    if found.state not in READABLE:
        selectors.readable(Publication.objects.select_related("dataset").get(pk=found.pk))
    return found


def _light() -> QuerySet[Publication]:
    return Publication.objects.only(*_NEEDED)


def release_file(publication: Publication) -> ReleaseFile:
    """The published file with its columns. The engine may read below the public store's folder, and nowhere else."""
    path = store.local_path(publication.store_name, publication.artefact_sha256)
    columns = columns_of(publication)
    schema = ReleaseSchema(tuple(ReleaseColumn(**{name: column[name] for name in _COLUMN}, measure=column["role"] == "measure", kind=column["kind"] or "", level=column["role"] == "level") for column in columns))
    return ReleaseFile(path, publication.artefact_sha256, schema, _root(path))


_COLUMN = ("name", "type", "lower", "upper", "title")


def _root(path: Path) -> Path:
    location = getattr(store.store("public"), "location", None)
    folder = Path(location) if location else path.parent
    return folder if path.is_relative_to(folder) else path.parent


def columns_of(publication: Publication) -> list[dict[str, Any]]:
    """Name, type, role and meaning of each published column; a noisy measure names the columns of its 95 % interval."""
    ends: dict[str, dict[str, str]] = {}
    for column in publication.columns:
        if column.get("role") in ("lower", "upper"):
            ends.setdefault(column["measure"], {})[column["role"]] = column["name"]
    return [_described(column, ends.get(column["name"], {})) for column in publication.columns]


def _described(column: dict[str, Any], ends: dict[str, str]) -> dict[str, Any]:
    return {
        "name": column["name"],
        "type": column["type"],
        "role": column.get("role", "plain"),
        "title": column.get("title") or column["name"],
        "description": column.get("description", ""),
        "lower": ends.get("lower"),
        "upper": ends.get("upper"),
        "half_width": column.get("half_width"),
        "kind": column.get("kind"),
        "measure": column.get("measure") if column.get("role") == "unreliable" else None,
        "dimension": column.get("dimension"),
        "finest": column.get("finest"),
    }
