"""One shape for every error: RFC 9457 problem documents, ``application/problem+json``.

``type`` is ``/problems/<code>``, stable; ``title`` is the same for all errors of a type; ``detail`` says what happened,
what was kept and what to do; ``errors`` lists single findings, each with a JSON pointer where there is one; ``who``
says who must act. Other rooms teach this module their own exceptions with ``@describe.register``.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any, Final

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.core.signals import got_request_exception
from django.db import OperationalError
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import set_rollback

from anonymize.errors import Actor, AnonymizeError, Problem
from catalog.audit.errors import PlatformError, full

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
READING: Final = ("GET", "HEAD", "OPTIONS")
ENGINE_STATUS: Final = {"budget_refused": 409, "no_room": 507}  # every other refusal of the engine is about the content: 422

# code → status, title, for what is not an exception class of our own
TITLES: Final[dict[str, tuple[int, str]]] = {
    "bad_request": (400, "The request cannot be read"),
    "invalid_parameter": (400, "A parameter is not valid"),
    "unknown_parameter": (400, "There is no such parameter"),
    "invalid_content": (422, "The content is not valid"),
    "not_signed_in": (401, "Sign in, or send an API key"),
    "bad_credentials": (401, "The credentials are not valid"),
    "not_allowed": (403, "You may not do this"),
    "csrf_failed": (403, "The request did not come from our own pages"),
    "not_found": (404, "Not found"),
    "method_not_allowed": (405, "This method is not offered here"),
    "not_acceptable": (406, "Not offered in this format"),
    "too_large": (413, "Too large"),
    "unsupported_media_type": (415, "This media type is not accepted"),
    "too_many_requests": (429, "Too many requests"),
    "server_error": (500, "Something failed on our side"),
    "busy": (503, "Busy at the moment"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An error, ready to be written as a problem document."""

    code: str
    status: int
    title: str
    detail: str
    who: Actor = "you"
    errors: tuple[Problem, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The members of RFC 9457, ours after them; ``extra`` can never overwrite one of them."""
        said: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "who": self.who,
            "errors": [problem.as_dict() for problem in self.errors],
        }
        return {**self.extra, **said}


def answer(code: str, detail: str, **more: Any) -> Answer:
    """An :class:`Answer` with a code from :data:`TITLES`."""
    status, title = TITLES[code]
    return Answer(code, status, title, detail, **more)


@singledispatch
def describe(error: Exception) -> Answer | None:
    """What to say of ``error``; None when nothing is known of it, which makes it a 500."""
    return None


@describe.register
def _(error: PlatformError) -> Answer:
    extra = dict(error.extra)
    headers = {"Retry-After": str(extra.get("retry_after", 5))} if error.status in (429, 503) else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    return Answer(error.code, error.status, error.title, error.detail, error.who, error.problems, extra, headers)


@describe.register
def _(error: AnonymizeError) -> Answer:
    status = ENGINE_STATUS.get(error.code, 422)
    title = error.code.replace("_", " ").capitalize()
    return Answer(error.code, status, title, error.message, error.who, error.problems)


@describe.register
def _(error: Http404) -> Answer:
    return answer("not_found", "There is nothing at this address.")


@describe.register
def _(error: PermissionDenied) -> Answer:
    return answer("not_allowed", "You may not do this.")


@describe.register
def _(error: RequestDataTooBig) -> Answer:
    return answer("too_large", "The request is larger than this address accepts. Nothing was kept.")


@describe.register
def _(error: SuspiciousOperation) -> Answer:
    return answer("bad_request", "The request is malformed.")


@describe.register
def _(error: UnreadablePostError) -> Answer:
    return answer("bad_request", "The request ended before all of it had arrived. Nothing was kept.")


@describe.register
def _(error: ValidationError) -> Answer:
    found = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    problems = tuple(
        Problem(code="invalid", message=message, pointer=f"/{name}" if name and name != "__all__" else None)
        for name, messages in found.items()
        for message in messages
    )
    return answer("invalid_content", "Some of the content cannot be accepted. Nothing was changed.", errors=problems)


@describe.register
def _(error: OSError) -> Answer | None:
    found = full(error)
    return None if found is None else describe(found)


@describe.register
def _(error: OperationalError) -> Answer:
    found = full(error)
    if found is not None:
        return describe(found) or answer("busy", found.detail, who="us")
    return answer("busy", "The database is busy. Try again shortly.", who="us", headers={"Retry-After": "2"})


@describe.register
def _(error: drf.APIException) -> Answer:
    return Answer("error", error.status_code, "The request cannot be carried out", str(error.detail))


@describe.register
def _(error: drf.ValidationError) -> Answer:
    return answer(
        "invalid_content", "Some of the content cannot be accepted. Nothing was changed.", errors=_findings(error)
    )


@describe.register
def _(error: drf.ParseError) -> Answer:
    return answer("bad_request", str(error.detail))


@describe.register
def _(error: drf.NotAuthenticated) -> Answer:
    return answer("not_signed_in", "This needs a signed-in user or an API key.")


@describe.register
def _(error: drf.AuthenticationFailed) -> Answer:
    return answer("bad_credentials", str(error.detail))


@describe.register
def _(error: drf.PermissionDenied) -> Answer:
    code = "csrf_failed" if getattr(error.detail, "code", "") == "csrf_failed" else "not_allowed"
    return answer(code, str(error.detail))


@describe.register
def _(error: drf.NotFound) -> Answer:
    return answer("not_found", "There is nothing at this address.")


@describe.register
def _(error: drf.MethodNotAllowed) -> Answer:
    return answer("method_not_allowed", "The Allow header lists the methods that are offered here.")


@describe.register
def _(error: drf.NotAcceptable) -> Answer:
    return answer("not_acceptable", "This address answers in JSON.")


@describe.register
def _(error: drf.UnsupportedMediaType) -> Answer:
    return answer("unsupported_media_type", "This address does not accept this Content-Type.")


@describe.register
def _(error: drf.Throttled) -> Answer:
    wait = max(1, int(getattr(error, "wait", None) or 1))
    detail = f"Too many requests. Try again in {wait} seconds."
    return answer("too_many_requests", detail, headers={"Retry-After": str(wait)})


class InvalidParameter(PlatformError):
    """A query parameter whose value cannot be used."""

    code, status, title = "invalid_parameter", 400, "A parameter is not valid"


class UnknownParameter(PlatformError):
    """A query parameter that this address does not know; ignoring it would answer another question."""

    code, status, title = "unknown_parameter", 400, "There is no such parameter"


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """Django REST framework's hook: any exception becomes a problem document, an unknown one a 500 that says nothing.

    The log gets the frames and the class of an unknown exception, not its text, which may quote a person's value.
    """
    found = describe(error)
    if found is None:
        found = _unknown(error, context)
    request = context.get("request")
    if isinstance(error, drf.ValidationError) and request is not None and request.method in READING:
        found = answer("invalid_parameter", "A parameter is not valid.", errors=found.errors)
    set_rollback()
    headers = {**_drf_headers(error), **found.headers}
    return Response(found.document(), status=found.status, headers=headers, content_type=MEDIA_TYPE)


def _unknown(error: Exception, context: Mapping[str, Any]) -> Answer:
    frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
    log.error("unhandled %s in %s\n%s", type(error).__name__, type(context.get("view")).__name__, frames)
    if sys.exc_info()[1] is not None:  # tells test clients and error trackers, who would see nothing otherwise
        got_request_exception.send(sender=exception_handler, request=context.get("request"))
    return server_error_answer()


def server_error_answer() -> Answer:
    return answer("server_error", "This is our fault and was noted. Nothing was published or charged twice.", who="us")


def _drf_headers(error: Exception) -> dict[str, str]:
    header = getattr(error, "auth_header", None)
    return {"WWW-Authenticate": header} if header else {}


def _findings(error: drf.ValidationError) -> tuple[Problem, ...]:
    return tuple(_walk(error.detail, ""))


def _walk(detail: Any, pointer: str) -> Iterator[Problem]:
    """DRF's nested findings, flattened to JSON pointers (RFC 6901)."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            own = name == "non_field_errors"
            yield from _walk(inner, pointer if own else f"{pointer}/{_escaped(str(name))}")
    elif isinstance(detail, list):
        nested = any(isinstance(inner, Mapping | list) for inner in detail)
        for index, inner in enumerate(detail):
            yield from _walk(inner, f"{pointer}/{index}" if nested else pointer)
    else:
        yield Problem(code=getattr(detail, "code", "invalid"), message=str(detail), pointer=pointer or None)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


_OF_OTHER_ROOMS: dict[str, tuple[int, str, str]] = {}


def explain(code: str, status: int, title: str, explanation: str) -> None:
    """Have a problem of an upper room, which is no class of its own, explained at /problems/<code>."""
    _OF_OTHER_ROOMS[code] = (status, title, explanation)


def known_problems() -> dict[str, tuple[int, str, str]]:
    """code → status, title, explanation: every problem that can be answered with, for the page at /problems/<code>."""
    known = {code: (status, title, "") for code, (status, title) in TITLES.items()} | _OF_OTHER_ROOMS
    for kind in _descendants(AnonymizeError):
        status = ENGINE_STATUS.get(kind.code, 422)
        known[kind.code] = (status, kind.code.replace("_", " ").capitalize(), kind.__doc__ or "")
    for kind in _descendants(PlatformError):
        known[kind.code] = (kind.status, kind.title, kind.__doc__ or "")
    return known


def _descendants(kind: type[Any]) -> Iterator[type[Any]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)
