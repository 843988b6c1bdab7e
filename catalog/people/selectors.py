"""Reading people."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from catalog.people import policies
from catalog.people.models import ApiKey, User


def keys_of(user: User) -> QuerySet[ApiKey]:
    """Newest first, revoked and expired ones included."""
    return user.api_keys.order_by("-id")


def profile(user: User) -> dict[str, Any]:
    """What a user may know of themselves."""
    organisation = user.organisation
    return {
        "username": user.get_username(),
        "name": user.get_full_name() or user.get_username(),
        "language": user.language,
        "organisation": {"slug": organisation.slug, "name": organisation.name} if organisation else None,
        "roles": list(policies.roles_of(user)),
        "mandates": list(user.mandates.order_by("organisation__slug").values_list("organisation__slug", flat=True)),
    }
