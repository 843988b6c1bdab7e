"""What the public may read: publications, found and counted; tombstones for those that were stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery

from catalog.audit.errors import Gone
from catalog.datasets.models import Dataset
from catalog.ledger.models import Population
from catalog.publishing import store
from catalog.publishing.models import Publication
from catalog.publishing.states import PUBLISHED, READABLE


@dataclass(frozen=True, slots=True)
class Search:
    """What somebody looks for in the catalogue; empty fields ask for nothing."""

    q: str = ""
    organisation: str = ""
    theme: str = ""
    source: str = ""
    guarantee: str = ""
    sort: str = "newest"


SORTS = {"newest": ("-released_at", "-pk"), "title": ("title", "pk"), "oldest": ("released_at", "pk")}


def public_datasets() -> QuerySet[Dataset]:
    """Datasets that have a publication, whatever its state: a withdrawn one leaves a tombstone, not a hole."""
    newest = Publication.objects.filter(dataset=OuterRef("pk")).order_by("-number")
    current = newest.filter(state=PUBLISHED)
    return (
        Dataset.objects.filter(publications__isnull=False)
        .distinct()
        .annotate(
            released_at=Subquery(newest.values("published_at")[:1]),
            guarantee=Subquery(newest.values("guarantee")[:1]),
            current_id=Subquery(current.values("pk")[:1]),
        )
        .select_related("organisation")
    )


def find(search: Search) -> QuerySet[Dataset]:
    """Datasets that match every word of ``q`` in title, description, slug or organisation, and every filter."""
    found: QuerySet[Any] = public_datasets()  # with annotations, which types cannot follow
    for word in search.q.split()[:10]:
        found = found.filter(
            Q(title__icontains=word) | Q(description__icontains=word) | Q(slug__icontains=word) | Q(organisation__name__icontains=word)
        )
    if search.organisation:
        found = found.filter(organisation__slug=search.organisation)
    if search.source:
        found = found.filter(source=search.source)
    if search.guarantee:
        found = found.filter(guarantee=search.guarantee)
    if search.theme:
        # JSON containment is PostgreSQL's alone; a theme is a slug, so its quoted form is found in the text as well.
        wanted = [pk for pk, themes in found.values_list("pk", "themes") if search.theme in themes]
        found = found.filter(pk__in=wanted)
    return found.order_by(*SORTS.get(search.sort, SORTS["newest"]))


def facets(found: QuerySet[Any]) -> dict[str, list[dict[str, object]]]:
    """How many of the datasets found fall under each value of each facet, most first."""
    rows = list(found.values_list("organisation__slug", "organisation__name", "source", "guarantee", "themes"))
    names = {slug: name for slug, name, *_ in rows}
    counts = {
        "organisation": Counter(row[0] for row in rows),
        "source": Counter(row[2] for row in rows),
        "guarantee": Counter(row[3] for row in rows),
        "theme": Counter(theme for row in rows for theme in row[4]),
    }
    return {
        facet: [
            {"value": value, "label": names.get(value, value) if facet == "organisation" else value, "count": n}
            for value, n in sorted(counter.items(), key=lambda item: (-item[1], str(item[0])))
        ]
        for facet, counter in counts.items()
    }


def current(dataset: Dataset) -> Publication | None:
    return dataset.publications.filter(state=PUBLISHED).select_related("review__run").first()


def readable(publication: Publication) -> Publication:
    """The publication itself, if its data may be read. Raises :class:`Gone` with the tombstone otherwise."""
    if publication.state in READABLE:
        return publication
    raise Gone(
        f"This release was {publication.state}: {publication.tombstone}",
        state=publication.state, since=publication.changed_at.isoformat().replace("+00:00", "Z"), reason=publication.tombstone,
        instead=_instead(publication),
    )  # fmt: skip


def _instead(publication: Publication) -> str | None:
    newer = current(publication.dataset)
    return f"/api/v1/datasets/{publication.dataset.slug}/releases/{newer.number}" if newer else None


def newest_or_gone(dataset: Dataset) -> Publication | None:
    """The current publication; if the newest one was stopped and none is current, raises :class:`Gone`."""
    found = current(dataset)
    if found is None:
        last = dataset.publications.order_by("-number").first()
        if last is not None:
            readable(last)
    return found


def register() -> QuerySet[Publication]:
    """Every release there ever was, newest first: the public register."""
    return Publication.objects.select_related("dataset__organisation", "dataset__population", "review").order_by("-published_at", "-pk")


def public_names() -> Iterator[str]:
    """Every file of the public store that should be there: those of releases, until they are removed, and all outlines."""
    for name, columns in Publication.objects.values_list("store_name", "columns"):
        if name:
            yield name
        yield from (store.outline_name(column["layer"]) for column in columns if column.get("layer"))


def public_populations() -> QuerySet[Population]:
    """Those about whom something is or was public, by slug. That there are others, and what they cost, is nobody's to read:
    it would tell of work that is not published. Of those listed, what was spent counts every run, published or not."""
    return Population.objects.filter(datasets__publications__isnull=False).distinct().order_by("slug")
