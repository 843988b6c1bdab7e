"""Reading people."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from catalog.people import policies
from catalog.people.models import ApiKey, User
from catalog.people.roles import Role


def keys_of(user: User) -> QuerySet[ApiKey]:
    """Newest first, revoked and expired ones included."""
    return user.api_keys.order_by("-id")


def living_keys(user: User) -> list[ApiKey]:
    """Those that were not revoked, also if they have expired since; oldest first."""
    return list(user.api_keys.filter(revoked_at__isnull=True).order_by("pk"))


def everybody() -> QuerySet[User]:
    """All accounts, open ones first, by name; with what a list of them shows."""
    return User.objects.select_related("organisation").prefetch_related("groups", "mandates__organisation").order_by("-is_active", "username")


def stewards_of(organisation_id: int) -> QuerySet[User]:
    """Who can take over a dataset of an organisation."""
    return User.objects.filter(is_active=True, organisation=organisation_id, groups__name=Role.STEWARD).order_by("username")


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
