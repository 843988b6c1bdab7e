"""What a caller may ask of a view, before the room's own policies are asked. Fails closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from catalog.people.models import ApiKey

if TYPE_CHECKING:  # the settings name this module, so it is loaded while rest_framework.views still is
    from rest_framework.views import APIView

ANYONE: Final = None


class HasScope(BasePermission):
    """Reads ``required_scopes`` of the view: HTTP method → scope.

    - a scope: a signed-in session, or a key that has this scope;
    - ``ANYONE``: no caller is refused here;
    - no entry: a signed-in session only; keys are refused, so that a forgotten entry opens nothing.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method not in view.allowed_methods:
            raise exceptions.MethodNotAllowed(str(request.method))
        scopes: Mapping[str, str | None] = getattr(view, "required_scopes", {})
        method = "GET" if request.method == "HEAD" else str(request.method)
        if method in scopes and scopes[method] is ANYONE:
            return True
        if not (request.user and request.user.is_authenticated):
            raise exceptions.NotAuthenticated
        if isinstance(request.auth, ApiKey):
            _check_key(request.auth, scopes.get(method))
        return True


def _check_key(key: ApiKey, scope: str | None) -> None:
    if scope is None:
        raise exceptions.PermissionDenied("This cannot be done with an API key; sign in.")
    if scope not in key.scopes:
        raise exceptions.PermissionDenied(f"This API key lacks the scope {scope}.")
