"""Reviews, who had a hand in them, and decisions, as the trail tells them and as the tables have them now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from catalog.audit.witnesses import (
    Discrepancy,
    Finding,
    Said,
    Stateful,
    Unsaid,
    differing,
    missing,
    register,
    register_states,
    shown,
    unrecorded,
)
from catalog.review.models import Decision, Involvement, Review
from catalog.review.services import OUTCOME
from catalog.review.states import REVIEW
from catalog.review.testimony import of_decision, of_hands, of_review

VERDICTS: Final = {f"review.{state}": str(verdict) for verdict, state in OUTCOME.items()}
ACTIONS: Final = ("review.submitted", "review.opened", "review.put_back", *VERDICTS)


@dataclass(slots=True)
class Told:
    """All that entries tell: of reviews by id, of decisions by theirs, and in whose hand each review is, or was last."""

    reviews: dict[str, dict[str, Any]] = field(default_factory=dict)
    decisions: dict[int, dict[str, Any]] = field(default_factory=dict)
    officers: dict[str, int | None] = field(default_factory=dict)

    def hear(self, entry: Said) -> None:
        pk, detail = entry.subject_id, entry.detail
        if entry.action == "review.submitted":
            self.reviews[pk] = {**detail, "by": entry.actor_id}
            return
        self.officers[pk] = None if entry.action == "review.put_back" else entry.actor_id
        if entry.action in VERDICTS:
            if "involved" in detail:  # also who got a hand in it since it was submitted
                self.reviews.setdefault(pk, {})["involved"] = detail["involved"]
            self.decisions[detail["decision"]] = {"verdict": VERDICTS[entry.action], **detail, "review": int(pk), "by": entry.actor_id}


def compare(entries: Iterable[Said]) -> Iterator[Finding]:
    """Every decision has its entry and every entry its decision, by the same officer on the same hash."""
    told = Told()
    for entry in entries:
        told.hear(entry)
    yield from _reviews(told)
    yield from _decisions(told.decisions)


def _reviews(told: Told) -> Iterator[Finding]:
    """Their states, and whether they are there at all, are compared with those of all other things."""
    hands: dict[int, list[tuple[int, str]]] = {}
    for review_id, user, how in Involvement.objects.values_list("review", "user", "how").iterator(chunk_size=2000):
        hands.setdefault(review_id, []).append((user, how))
    for review in Review.objects.order_by("pk").iterator(chunk_size=500):
        subject = ("review", str(review.pk))
        known = told.reviews.get(subject[1])
        if known is None:
            continue
        yield from differing(subject, known, {**of_review(review), "by": review.submitted_by_id})
        if told.officers.get(subject[1]) != review.officer_id:
            yield Discrepancy(subject, "officer", shown(told.officers.get(subject[1])), shown(review.officer_id))
        now = of_hands(hands.pop(review.pk, []))["involved"]
        if "involved" not in known:
            yield Unsaid(subject, ("involved",))
        elif now != known["involved"]:
            yield Discrepancy(subject, "involved", shown(known["involved"]), shown(now))
    for review_id, involved in hands.items():
        yield unrecorded(("review", str(review_id)), of_hands(involved)["involved"])


def _decisions(told: dict[int, dict[str, Any]]) -> Iterator[Finding]:
    for decision in Decision.objects.order_by("pk").iterator(chunk_size=500):
        subject = ("decision", str(decision.pk))
        known = told.pop(decision.pk, None)
        if known is None:
            yield unrecorded(subject, {"review": decision.review_id, "verdict": decision.verdict})
        else:
            yield from differing(subject, known, {**of_decision(decision), "review": decision.review_id, "by": decision.decided_by_id})
    for gone, known in told.items():
        yield missing(("decision", str(gone)), {name: known[name] for name in ("review", "verdict", "by")})


register(ACTIONS, compare)
register_states(Stateful(REVIEW, Review, born="review.submitted"))
