"""Signing in and out, on pages: name and password, then the second factor; a passkey alone; or single sign-on."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout as log_out
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.http import urlencode
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from catalog.audit.errors import PlatformError
from catalog.people import devices, passkeys, policies, refusals, second_factor, sessions, sign_in, single_sign_on
from catalog.people.models import User
from catalog.people.pages import not_stored, page, safe_next
from catalog.people.roles import Role

# Where somebody who signs in wants to be, by the first of these roles that they have.
HOMES = (
    (Role.OFFICER, "reviews"),
    (Role.LEAD_OFFICER, "reviews"),
    (Role.STEWARD, "steward"),
    (Role.AUDITOR, "trail"),
)


@page
@require_http_methods(["GET", "POST"])
def login(request: HttpRequest) -> HttpResponseBase:
    """Name and password. Guessing is slowed down (attempts.py); a code sent along leads past the wait."""
    refused = None
    if request.method == "POST":
        asked = {part: request.POST.get(part, "") for part in ("password", "code")}
        try:
            proof = sign_in.with_password(request, name=request.POST.get("username", ""), **asked)
            sign_in.enter(request, proof.user)
            if proof.factor is not None:
                sign_in.complete(request, proof.user, proof.factor)
            return _onward(request, proof.user)
        except PlatformError as error:
            refused = refusals.of(error)
    context = {"refused": refused, "sso": settings.OIDC_NAME if single_sign_on.configured() else "", "room": "account"}
    return _door(request, "people/login.html", context)


@page
@require_http_methods(["GET", "POST"])
def second_factor_page(request: HttpRequest) -> HttpResponseBase:
    """The second step of somebody who has shown their password: a code, a recovery code or a passkey."""
    user = sessions.halfway_user(request)
    if user is None:
        return redirect(safe_next(request) or "login")
    if not second_factor.enrolled(user):
        return _with_next(request, "app_add")
    refused = None
    if request.method == "POST":
        try:
            if request.POST.get("credential"):
                _, factor = passkeys.shown(request, request.POST["credential"], user)
            else:
                factor = sign_in.with_code(request, user, request.POST.get("code", ""))
            sign_in.complete(request, user, factor)
            return _onward(request, user)
        except PlatformError as error:
            refused = refusals.of(error)
    kinds = set(second_factor.factors_of(user).values_list("type", flat=True))
    options = passkeys.to_show(user) if second_factor.Kind.WEBAUTHN in kinds else None
    context = {"refused": refused, "options": options, "app": second_factor.Kind.TOTP in kinds, "name": user.get_username()}
    return _door(request, "people/second_factor.html", {**context, "room": "account"})


@page
@require_http_methods(["GET", "POST"])
def passkey(request: HttpRequest) -> HttpResponseBase:
    """A passkey alone: it is something one has, and asks for what one is or knows."""
    refused = None
    if request.method == "POST":
        try:
            user, factor = passkeys.shown(request, request.POST.get("credential", ""), None)
            sign_in.enter(request, user, method="passkey")
            sign_in.complete(request, user, factor, passwordless=True)
            return _onward(request, user)
        except PlatformError as error:
            refused = refusals.of(error)
    return _door(request, "people/passkey.html", {"refused": refused, "options": passkeys.to_show(None), "room": "account"})


@page
@require_GET
def sso_start(request: HttpRequest) -> HttpResponseBase:
    """A link, since the browser goes on to another site; what is started here signs nobody in but whom the provider knows."""
    if not single_sign_on.configured():
        raise Http404
    try:
        return single_sign_on.start(request, safe_next(request))
    except PlatformError as error:
        return _door(request, "people/login.html", {"refused": refusals.of(error), "sso": settings.OIDC_NAME, "room": "account"})


@page
@require_GET
def sso_callback(request: HttpRequest) -> HttpResponseBase:
    if not single_sign_on.configured():
        raise Http404
    try:
        claims = single_sign_on.claims_of(request)
        user = single_sign_on.account_of(claims)
    except PlatformError as error:
        return _door(request, "people/login.html", {"refused": refusals.of(error), "sso": settings.OIDC_NAME, "room": "account"})
    sign_in.enter(request, user, method="socialaccount", provider=single_sign_on.PROVIDER)
    if single_sign_on.shows_two_factors(claims):
        sign_in.complete_elsewhere(request, user, single_sign_on.PROVIDER)
    return _onward(request, user)


@require_POST
def logout(request: HttpRequest) -> HttpResponseBase:
    sessions.forget(request)
    log_out(request)
    return redirect("home")


def _door(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    refused = context["refused"]
    response = not_stored(render(request, template, {**context, "next": safe_next(request)}, status=refused.status if refused else 200))
    if refused and refused.wait:
        response["Retry-After"] = str(refused.wait)
    return response


def _onward(request: HttpRequest, user: User) -> HttpResponseBase:
    """Home, or where they wanted to go; first to the second factor where one is owed."""
    if sessions.halfway_user(request) is not None:
        response = _with_next(request, "second_factor" if second_factor.enrolled(user) else "app_add")
    else:
        _tell_of_failures(request, user)
        response = redirect(safe_next(request) or _home(user))
        devices.remember(request, response, user.get_username())
    response.set_cookie(settings.LANGUAGE_COOKIE_NAME, user.language, samesite="Lax")
    return response


def _with_next(request: HttpRequest, name: str) -> HttpResponseBase:
    wanted = safe_next(request)
    return redirect(f"{reverse(name)}?{urlencode({'next': wanted})}" if wanted else reverse(name))


def _tell_of_failures(request: HttpRequest, user: User) -> None:
    failures = sign_in.failures_told(user)
    if failures is None:
        return
    since = formats.date_format(timezone.localtime(failures.since), "DATETIME_FORMAT")
    words = ngettext(
        "%(count)s failed attempt to sign in under your name since %(since)s.",
        "%(count)s failed attempts to sign in under your name since %(since)s.",
        failures.count,
    )
    messages.warning(request, words % {"count": failures.count, "since": since})


def _home(user: User) -> str:
    held = set(policies.roles_of(user))
    return next((name for role, name in HOMES if role in held), "home")
