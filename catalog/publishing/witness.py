"""Publications and the copies that made them, as the trail tells them and as the tables have them now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from catalog.audit.witnesses import Finding, Said, Stateful, differing, missing, register, register_states, unrecorded
from catalog.publishing.models import Copy, Publication
from catalog.publishing.states import COPY, COPYING, PUBLICATION, WAITING
from catalog.publishing.testimony import of_publication, of_stop

STOPPED: Final = ("publication.suspended", "publication.withdrawn")
ACTIONS: Final = ("publication.published", "publication.superseded", "publication.removed", *STOPPED, "review.approved")


@dataclass(slots=True)
class Told:
    """All that entries tell: of publications by id, and which reviews were approved, each of which has its copy.

    A publication is superseded by the one of its dataset that is told of next: both are one transaction.
    """

    publications: dict[str, dict[str, Any]] = field(default_factory=dict)
    approved: set[str] = field(default_factory=set)
    waiting: str | None = None

    def hear(self, entry: Said) -> None:
        match entry.action:
            case "review.approved":
                self.approved.add(entry.subject_id)
            case "publication.published":
                made = str(entry.detail["publication"])
                self.publications[made] = {**entry.detail, "superseded_by": None, "stopped_by": None, "tombstone_sha256": None}
                if self.waiting is not None:
                    self._of(self.waiting)["superseded_by"] = int(made)
                self.waiting = None
            case "publication.superseded":
                self.waiting = entry.subject_id
            case "publication.removed":
                self._of(entry.subject_id)["store_name"] = ""
            case _:
                known = self._of(entry.subject_id)
                known["stopped_by"] = entry.actor_id
                known.pop("tombstone_sha256", None)
                known |= {name: value for name, value in entry.detail.items() if name == "tombstone_sha256"}

    def _of(self, pk: str) -> dict[str, Any]:
        return self.publications.setdefault(pk, {})


def compare(entries: Iterable[Said]) -> Iterator[Finding]:
    """Every publication has the entry of its copy and every such entry its publication, with the same bytes and words."""
    told = Told()
    for entry in entries:
        told.hear(entry)
    yield from _publications(told.publications)
    yield from _copies(told.approved)


def _publications(told: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    for publication in Publication.objects.select_related("dataset").order_by("pk").iterator(chunk_size=100):
        subject = ("publication", str(publication.pk))
        known = told.pop(subject[1], None)
        if known is None or "publication" not in known:
            yield unrecorded(subject, {"number": publication.number, "sha256": publication.artefact_sha256})
            continue
        stop = of_stop(publication, publication.tombstone)["tombstone_sha256"] if publication.tombstone else None
        also = {"superseded_by": publication.superseded_by_id, "stopped_by": publication.stopped_by_id, "tombstone_sha256": stop}
        yield from differing(subject, known, {**of_publication(publication), **also})
    for gone, known in told.items():
        yield missing(("publication", gone), {name: known.get(name) for name in ("dataset", "number", "sha256")})


def _copies(approved: set[str]) -> Iterator[Finding]:
    """One for each approval, and none without; what state each is in is compared with those of all other things."""
    for pk, review in Copy.objects.order_by("pk").values_list("pk", "review").iterator(chunk_size=2000):
        if str(review) not in approved:
            yield unrecorded(("copy", str(pk)), {"review": review})
        approved.discard(str(review))
    for review_id in sorted(approved):
        yield missing(("copy", f"of review {review_id}"), "an approval, which orders one")


register(ACTIONS, compare)
register_states(Stateful(PUBLICATION, Publication), Stateful(COPY, Copy, claimed=(WAITING, COPYING)))
