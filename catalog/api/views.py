"""The base of all API views: who, how often, what may be asked, and headers that every answer carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib.auth.models import AnonymousUser
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from anonymize.errors import Problem
from catalog.api.authentication import ApiKeyAuthentication, SessionAuthentication
from catalog.api.parsers import StrictJSONParser
from catalog.api.permissions import HasScope, stands_for_nobody
from catalog.api.problems import InvalidParameter, UnknownParameter, exception_handler
from catalog.api.renderers import AlwaysTheFirst, JSONRenderer
from catalog.api.schema import ProblemSchema
from catalog.api.throttles import AnonymousThrottle, UserThrottle
from catalog.people.models import User
from catalog.people.second_factor import SecondFactorNeeded
from catalog.people.sessions import halfway_user


class ApiView(APIView):
    """Set ``required_scopes`` (see :class:`HasScope`) and ``query_parameters`` (None: the view checks them itself); and
    ``insider_scopes`` where a method for ``ANYONE`` shows more to insiders (see :func:`stands_for_nobody`).

    An answer is not cached unless the view says otherwise with its own ``Cache-Control``.
    """

    required_scopes: ClassVar[Mapping[str, str | None]] = {}
    insider_scopes: ClassVar[Mapping[str, str]] = {}
    query_parameters: ClassVar[frozenset[str] | None] = frozenset()

    authentication_classes = (ApiKeyAuthentication, SessionAuthentication)
    permission_classes = (HasScope,)
    throttle_classes = (AnonymousThrottle, UserThrottle)
    renderer_classes = (JSONRenderer,)
    parser_classes = (StrictJSONParser,)
    content_negotiation_class = AlwaysTheFirst
    metadata_class = None
    http_method_names = ("get", "head", "post", "put", "patch", "delete")
    schema = ProblemSchema()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if stands_for_nobody(request, self):  # only now: the request is counted as its owner's
            request.user, request.auth = AnonymousUser(), None
        self._check_parameters(request)

    def _check_parameters(self, request: Request) -> None:
        for name, values in request.query_params.lists():
            if self.query_parameters is not None and name not in self.query_parameters:
                known = ", ".join(sorted(self.query_parameters)) or "none"
                shown = repr(name[:50]) if _readable(name) else "one of the parameters"
                finding = Problem("unknown_parameter", "there is no such parameter", pointer=name[:50] if _readable(name) else None)
                raise UnknownParameter(f"This address does not know {shown}. It knows: {known}.", problems=(finding,))
            if any(not _readable(text) for text in (name, *values)):
                raise InvalidParameter("A parameter holds a NUL or is not valid UTF-8.")

    def handle_exception(self, exc: Exception) -> Response:
        """Somebody who has shown the password is told what is missing, rather than to sign in."""
        if isinstance(exc, NotAuthenticated) and halfway_user(self.request._request) is not None:
            exc = SecondFactorNeeded("This session has not shown the second factor. Finish signing in first.")
        return super().handle_exception(exc)

    def get_exception_handler(self) -> Any:
        return exception_handler

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        final = super().finalize_response(request, response, *args, **kwargs)
        window = getattr(getattr(request, "_request", request), "rate_limit", None)
        for name, value in window.headers().items() if window is not None else ():
            final[name] = value
        final.setdefault("Cache-Control", "no-store")
        return final


def signed_in(request: Request) -> User:
    """The user who is asking. Raises ``NotAuthenticated`` when nobody is known to be."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def _readable(text: str) -> bool:
    return "\x00" not in text and "\ufffd" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)
