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
    - ``ANYONE``: no caller is refused here, and a key does not make an insider of its owner: see :func:`stands_for_nobody`;
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


def stands_for_nobody(request: Request, view: APIView) -> bool:
    """Whether a key shows its owner no more here than what everybody may see.

    So it is on every route for ``ANYONE``, but for a key with the scope that the view names in ``insider_scopes`` (HTTP
    method → scope) for the part that is not public: what is open to all opens nothing else to a key without its scope.
    """
    if not isinstance(request.auth, ApiKey):
        return False
    scopes: Mapping[str, str | None] = getattr(view, "required_scopes", {})
    method = "GET" if request.method == "HEAD" else str(request.method)
    if method not in scopes or scopes[method] is not ANYONE:
        return False
    insider: Mapping[str, str] = getattr(view, "insider_scopes", {})
    return insider.get(method) not in request.auth.scopes


def _check_key(key: ApiKey, scope: str | None) -> None:
    if scope is None:
        raise exceptions.PermissionDenied("This cannot be done with an API key; sign in.")
    if scope not in key.scopes:
        raise exceptions.PermissionDenied(f"This API key lacks the scope {scope}.")
