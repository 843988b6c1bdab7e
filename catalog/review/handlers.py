"""What this room does when a lower one reports something, and what it knows of somebody's open work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.dispatch import receiver

from catalog.people import events
from catalog.people.models import User
from catalog.people.open_work import OpenWork, register
from catalog.people.policies import has_role
from catalog.people.roles import OFFICERS
from catalog.review import services
from catalog.review.models import Review
from catalog.review.policies import can_decide
from catalog.review.selectors import in_hand_of, officers_beside, queue
from catalog.review.states import WAITING


@receiver(events.may_less, dispatch_uid="review.put_back")
def put_back(*, user: User, by: User | None, **kwargs: Any) -> None:
    """What somebody had in hand and may no longer decide on waits for another officer again."""
    for review in list(in_hand_of(user).select_for_update(of=("self",))):  # all of them before the first entry of the trail
        if not can_decide(user, review):
            services.put_back(by=by, review=review)


def open_work_of(user: User) -> Iterator[OpenWork]:
    held = list(in_hand_of(user))
    for review in held:
        yield _named("review_in_hand", review)
    if has_role(user, *sorted(OFFICERS)):
        others = _in_others_queues(user)
        for review in queue(user).exclude(pk__in=[review.pk for review in held]):
            yield _named("decision_waiting" if review.pk in others else "decision_theirs_alone", review)
    for review in Review.objects.filter(state__in=WAITING, submitted_by=user).select_related("dataset").order_by("pk"):
        yield _named("submission", review)


def _in_others_queues(user: User) -> set[int]:
    """Reviews that wait for another officer with one of the same mandates as well."""
    others = officers_beside(user)
    return {pk for other in others for pk in queue(other).values_list("pk", flat=True)}


def _named(kind: str, review: Review) -> OpenWork:
    return OpenWork(kind, review.pk, review.dataset.slug, review.submitted_at)


register(open_work_of)
