"""How a page answers: who must be signed in, and how an error that was raised on purpose is shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render

from anonymize.errors import AnonymizeError
from catalog.audit.errors import Gone, NotAllowed, PlatformError, full
from catalog.people.models import User

View = Callable[..., HttpResponseBase]


def page(view: View) -> View:
    """Errors of the platform become a page that says what happened, what was kept and what to do; never a trace.

    What a signed-in user sees is stored nowhere on the way; what everybody sees is asked for again each time, so that
    a withdrawal shows at once.
    """

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
        except (PlatformError, AnonymizeError) as error:
            response = _problem(request, error)
        except (OSError, OperationalError) as error:
            no_room = full(error)
            if no_room is None:
                raise
            response = _problem(request, no_room)
        response.setdefault("Cache-Control", "private, no-store" if request.user.is_authenticated else "no-cache")
        return response

    return answered


def private(view: View) -> View:
    """A page for people who are signed in."""
    return login_required(page(view))


def actor(request: HttpRequest) -> User:
    """The signed-in user. Raises :class:`NotAllowed` when there is none."""
    if not isinstance(request.user, User):
        raise NotAllowed("Sign in first.")
    return request.user


def _problem(request: HttpRequest, error: PlatformError | AnonymizeError) -> HttpResponseBase:
    if isinstance(error, NotAllowed) and not request.user.is_authenticated:
        return redirect(f"/login?next={request.path}")
    if isinstance(error, Gone):
        return render(request, "errors/410.html", {"tombstone": error.extra}, status=410)
    return render(request, "errors/problem.html", {"problem": shown(error)}, status=status_of(error))


def status_of(error: PlatformError | AnonymizeError) -> int:
    return error.status if isinstance(error, PlatformError) else 422


def shown(error: PlatformError | AnonymizeError) -> dict[str, Any]:
    """An error for a template: code, detail, who must act, and the single problems with line, column and shape."""
    detail = error.detail if isinstance(error, PlatformError) else error.message
    problems = [problem.as_dict() for problem in error.problems]
    return {"code": error.code, "message": detail, "who": error.who, "problems": problems}


def not_stored(response: HttpResponse) -> HttpResponse:
    """For a page that shows a secret once."""
    response["Cache-Control"] = "private, no-store"
    return response
