"""What Django calls when no view answered: the same problem documents under /api, plain pages elsewhere."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

import orjson
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views import defaults
from django.views.decorators.http import require_safe

from catalog.api.problems import MEDIA_TYPE, Answer, answer, known_problems, server_error_answer


def problem_response(found: Answer) -> HttpResponse:
    """A problem document outside Django REST framework."""
    body = orjson.dumps(found.document())
    response = HttpResponse(body, status=found.status, content_type=MEDIA_TYPE)
    response["Cache-Control"] = "no-store"
    for name, value in found.headers.items():
        response[name] = value
    return response


def for_api(request: HttpRequest) -> bool:
    return request.path == "/api" or request.path.startswith("/api/")


def unknown_api_path(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """Last route under /api/."""
    return problem_response(answer("not_found", "There is nothing at this address. /api/v1/openapi.json lists all."))


unknown_api_path.csrf_exempt = True  # type: ignore[attr-defined]  # a POST to nowhere is a 404, not a 403


@require_safe
def problem_page(request: HttpRequest, code: str) -> HttpResponse:
    """What a problem's ``type`` points at: /problems/<code>, in plain text."""
    if code not in known_problems():
        raise Http404
    status, title, explanation = known_problems()[code]
    text = "\n\n".join(part for part in (f"{title} ({code}, HTTP {status})", cleandoc(explanation)) if part)
    return HttpResponse(text + "\n", content_type="text/plain; charset=utf-8")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """``handler404``."""
    return unknown_api_path(request) if for_api(request) else defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """``handler400``."""
    if for_api(request):
        return problem_response(answer("bad_request", "The request is malformed."))
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """``handler403``."""
    if for_api(request):
        return problem_response(answer("not_allowed", "You may not do this."))
    return defaults.permission_denied(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """``handler500``."""
    return problem_response(server_error_answer()) if for_api(request) else defaults.server_error(request)
