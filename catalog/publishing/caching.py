"""What may be kept by whom: published answers for a minute, then asked for again, so that a withdrawal shows at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.renderers import to_json

PUBLIC: Final = "public, max-age=60, must-revalidate"


def matches(request: Request, tag: str) -> bool:
    """Does If-None-Match name ``tag``? Compared weakly, as RFC 9110 §13.1.2 wants it."""
    header = request.headers.get("If-None-Match", "")
    given = {part.strip().removeprefix("W/") for part in header.split(",")}
    return "*" in given or tag in given


def not_modified(tag: str) -> HttpResponse:
    response = HttpResponse(status=304)
    del response["Content-Type"]
    return tagged(response, tag)


def tagged(response: HttpResponse, tag: str) -> HttpResponse:
    """Mark an answer as the representation ``tag`` of something published."""
    response["ETag"] = tag
    response["Cache-Control"] = PUBLIC
    return response


def published(request: Request, answer: Response | Mapping[str, object]) -> HttpResponse:
    """A JSON answer that is the same for everybody, tagged with its own hash."""
    data = answer.data if isinstance(answer, Response) else answer
    body = to_json(data)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if matches(request, tag):
        return not_modified(tag)
    response = HttpResponse(body, content_type="application/json")
    if isinstance(answer, Response) and "Link" in answer.headers:
        response["Link"] = answer.headers["Link"]
    return tagged(response, tag)


def unpublished(data: Mapping[str, object]) -> HttpResponse:
    """The same kind of answer about something that is not public: nobody keeps it. (The ETag is the schema's promise.)"""
    body = to_json(data)
    response = HttpResponse(body, content_type="application/json")
    response["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    response["Cache-Control"] = "no-store"
    return response
