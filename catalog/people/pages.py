"""How a page answers: who must be signed in, and how an error that was raised on purpose is shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from anonymize.errors import AnonymizeError
from catalog.audit.errors import Gone, NotAllowed, PlatformError, full
from catalog.people.models import User
from catalog.people.second_factor import is_whole
from catalog.people.sessions import halfway_user

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
    """A page for people who are signed in, with the second factor where one is asked of them."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return to_the_door(request)
        return shown_page(request, *args, **kwargs)

    shown_page = page(view)
    return answered


def to_the_door(request: HttpRequest) -> HttpResponseBase:
    """Where somebody who is not signed in goes first: to the second factor, for whom the password is shown already."""
    door = "second_factor" if halfway_user(request) is not None else "login"
    return redirect(f"{reverse(door)}?{urlencode({'next': request.get_full_path()})}")


def safe_next(request: HttpRequest, default: str = "") -> str:
    """The address to go on to, if it is one of ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if ours else default


def actor(request: HttpRequest) -> User:
    """The signed-in user. Raises :class:`NotAllowed` when there is none, or half of one (sessions.py)."""
    if not (isinstance(request.user, User) and is_whole(request, request.user)):
        raise NotAllowed("Sign in first.")
    return request.user


def _problem(request: HttpRequest, error: PlatformError | AnonymizeError) -> HttpResponseBase:
    if isinstance(error, NotAllowed) and not request.user.is_authenticated:
        return to_the_door(request)
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
