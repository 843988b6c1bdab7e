"""What this room does when a lower one reports something."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from catalog.publishing import services
from catalog.releases import chores
from catalog.review import events
from catalog.review.models import Review


@receiver(events.approved, dispatch_uid="publishing.order_copy")
def order_copy(*, review: Review, **kwargs: Any) -> None:
    services.order_copy(review)


chores.register(services.sweep_copies)
chores.register(services.remove_withdrawn)
