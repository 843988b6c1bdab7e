"""Who is calling: an API key as a bearer token (RFC 6750), or a session with CSRF protection."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DRFSessionAuthentication
from rest_framework.request import Request

from catalog.people import second_factor, services
from catalog.people.models import ApiKey, User
from catalog.people.second_factor import demanded_of, enrolled


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer <key>``. A key that is not right is refused, never taken for an anonymous caller."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        key = services.find_key(secret.strip())
        if key is None:
            raise exceptions.AuthenticationFailed("This API key is not known.")
        self._check_alive(key)
        services.note_use(key)
        return key.user, key

    def _check_alive(self, key: ApiKey) -> None:
        if key.revoked_at is not None:
            raise exceptions.AuthenticationFailed("This API key was revoked.")
        if not timezone.now() < key.expires_at:
            raise exceptions.AuthenticationFailed("This API key has expired.")
        if not key.user.is_active:
            raise exceptions.AuthenticationFailed("The account of this API key is closed.")
        if demanded_of(key.user) and not enrolled(key.user):
            raise exceptions.AuthenticationFailed("The owner of this API key owes a second factor. Sign in and add one.")

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class _BodyUnread:
    """A request as CSRF protection sees it, without its body: an upload is not read before it is known who is asking."""

    def __init__(self, request: Request) -> None:
        self.POST = QueryDict()
        self._whole = request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


class SessionAuthentication(DRFSessionAuthentication):
    """The session of the pages; every request that changes something must carry the CSRF token, in its header.

    A session that owes a second factor authenticates nobody. The middleware sees to that (catalog/people/sessions.py), and
    it is looked at here once more, should the middleware be missing.
    """

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        caller = super().authenticate(request)
        if caller is None or not (isinstance(caller[0], User) and second_factor.is_whole(request._request, caller[0])):
            return None
        return caller

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(_BodyUnread(request))  # type: ignore[arg-type]
        except exceptions.PermissionDenied:
            detail = "The X-CSRFToken header is missing or wrong. Reload the page and try again."
            raise exceptions.PermissionDenied(detail, code="csrf_failed") from None
