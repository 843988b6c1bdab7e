"""The page of one's own security: second factors, recovery codes, sessions. Changes ask for the password again."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from allauth.account.authentication import get_authentication_records
from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal.auth import clear_totp_secret, get_totp_secret
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from catalog.audit.errors import PlatformError
from catalog.people import devices, passkeys, refusals, second_factor, sessions, sign_in
from catalog.people.models import User
from catalog.people.pages import actor, not_stored, page, private, safe_next, to_the_door

FRESH_S: Final = 15 * 60  # for so long after showing the password, or a passkey alone, factors can be changed
LONGEST_LABEL: Final = 60
Changing = Callable[..., HttpResponseBase]


@private
@require_GET
def overview(request: HttpRequest) -> HttpResponseBase:
    """What protects my account, and where it is open."""
    me = actor(request)
    context = {
        "factors": [_described(factor) for factor in second_factor.factors_of(me)],
        "has_app": second_factor.factors_of(me).filter(type=second_factor.Kind.TOTP).exists(),
        "codes_left": second_factor.recovery_codes_left(me), "demanded": second_factor.demanded_of(me),
        "sessions": sessions.of(me, request), "room": "account",
    }  # fmt: skip
    return not_stored(render(request, "people/security.html", context))


def changes_factors(view: Changing) -> Changing:
    """For the pages on which factors are changed, a short time after the password was shown. ``view`` gets the user."""
    return _guarded(view, _whole_user)


def adds_a_factor(view: Changing) -> Changing:
    """As :func:`changes_factors`, and open to somebody whose roles demand a factor and who has none yet.

    Whoever has one shows it first: a password alone never adds another.
    """
    return _guarded(view, _who_may_add)


def _guarded(view: Changing, who: Callable[[HttpRequest], User | None]) -> Changing:
    @page
    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = who(request)
        if user is None:
            return to_the_door(request)
        if not _fresh(request, user):
            here = request.get_full_path() if request.method == "GET" else reverse("security")
            return redirect(f"{reverse('confirm')}?{urlencode({'next': here})}")
        return view(request, user, *args, **kwargs)

    return answered


def _whole_user(request: HttpRequest) -> User | None:
    return actor(request) if request.user.is_authenticated else None


def _who_may_add(request: HttpRequest) -> User | None:
    user = _whole_user(request) or sessions.halfway_user(request)
    return None if user is None or (not request.user.is_authenticated and second_factor.enrolled(user)) else user


def _fresh(request: HttpRequest, user: User) -> bool:
    records = get_authentication_records(request, user)
    shown = [float(record.get("at", 0)) for record in records if record.get("method") != "mfa" or record.get("passwordless")]
    return 0 <= time.time() - max(shown, default=0) < FRESH_S


@adds_a_factor
@require_http_methods(["GET", "POST"])
def add_app(request: HttpRequest, user: User) -> HttpResponseBase:
    """An app that makes codes: its secret as a picture to scan and as text to type, and a code that shows it arrived."""
    refused = None
    secret = get_totp_secret(regenerate=request.method == "GET")
    if request.method == "POST":
        try:
            codes = second_factor.add_app(by=user, user=user, secret=secret, code=request.POST.get("code", ""))
            clear_totp_secret(request)
            return _added(request, user, codes)
        except PlatformError as error:
            text = gettext(
                "The code is not the one that the app shows now. Try the next one; if it is refused too, the clock of the "
                "device may be wrong."
            )
            refused = refusals.of(error, text, gettext("Not added."))
    picture = get_adapter().build_totp_svg(get_adapter().build_totp_url(user, secret))
    context = {
        "refused": refused, "secret": " ".join(secret[place : place + 4] for place in range(0, len(secret), 4)),
        "picture": mark_safe(picture[picture.index("<svg") :]),  # noqa: S308  drawn here, of squares
        "next": safe_next(request), "room": "account",
        "first": not second_factor.enrolled(user), "demanded": second_factor.demanded_of(user),
    }  # fmt: skip
    return not_stored(render(request, "people/app.html", context, status=refused.status if refused else 200))


@adds_a_factor
@require_http_methods(["GET", "POST"])
def add_passkey(request: HttpRequest, user: User) -> HttpResponseBase:
    """A passkey: the one page that needs scripts, since only they can ask the browser for one."""
    refused = None
    if request.method == "POST":
        try:
            credential = passkeys.added(request.POST.get("credential", ""))
            name = request.POST.get("name", "").strip()[:LONGEST_LABEL] or gettext("Passkey")
            return _added(request, user, second_factor.add_passkey(by=user, user=user, name=name, credential=credential))
        except PlatformError as error:
            refused = refusals.of(error, gettext("The passkey could not be added. Try again."), gettext("Not added."))
    context = {"refused": refused, "options": passkeys.to_add(user), "next": safe_next(request), "room": "account"}
    return not_stored(render(request, "people/passkey_add.html", context, status=refused.status if refused else 200))


def _added(request: HttpRequest, user: User, codes: list[str]) -> HttpResponseBase:
    """With the factor the session has shown it: whoever adds one has it in hand."""
    factor = second_factor.factors_of(user).last()
    if factor is not None and not second_factor.completed(request, user):
        sign_in.complete(request, user, factor)
    if not codes:
        messages.success(request, gettext("The second factor was added."))
        return redirect("security")
    response = _shown_once(request, codes)
    devices.remember(request, response, user.get_username())
    return response


@changes_factors
@require_POST
def recovery_codes(request: HttpRequest, user: User) -> HttpResponseBase:
    """Fresh ones, on the answer to this form alone."""
    return _shown_once(request, second_factor.renew_recovery_codes(by=user, user=user))


def _shown_once(request: HttpRequest, codes: list[str]) -> HttpResponse:
    context = {"codes": [f"{code[:4]} {code[4:]}" for code in codes], "next": safe_next(request), "room": "account"}
    return not_stored(render(request, "people/recovery_codes.html", context, status=201))


@changes_factors
@require_POST
def remove_factor(request: HttpRequest, user: User, factor_id: int) -> HttpResponseBase:
    try:
        second_factor.remove_factor(by=user, user=user, factor_id=factor_id)
    except PlatformError:
        messages.error(request, gettext("Not removed: it is your last second factor and your roles demand one, or it is gone already."))
    else:
        messages.success(request, gettext("The second factor was removed."))
    return redirect("security")


@page
@require_http_methods(["GET", "POST"])
def confirm(request: HttpRequest) -> HttpResponseBase:
    """The password again, before something that a passer-by at an open session must not do."""
    user = _who_may_add(request)
    if user is None:
        return to_the_door(request)
    refused = None
    if request.method == "POST":
        try:
            sign_in.confirm(user, request.POST.get("password", ""))
            sign_in.confirmed(request, user)
            return redirect(safe_next(request) or "security")
        except PlatformError as error:
            refused = refusals.of(error, gettext("The password is not right. Nothing was changed."), gettext("Not confirmed."))
    context = {"refused": refused, "next": safe_next(request), "has_password": user.has_usable_password(), "room": "account"}
    return not_stored(render(request, "people/confirm.html", context, status=refused.status if refused else 200))


@private
@require_POST
def end_session(request: HttpRequest, session_id: int) -> HttpResponseBase:
    sessions.end(actor(request), session_id)
    return redirect("security")


@private
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponseBase:
    sessions.end_all(actor(request), keep=request.session.session_key)
    messages.success(request, gettext("All other sessions were ended."))
    return redirect("security")


def _described(factor: Any) -> dict[str, Any]:
    passkey = factor.type == second_factor.Kind.WEBAUTHN
    name = factor.data.get("name", "") if passkey else ""
    return {"id": factor.pk, "passkey": passkey, "name": name, "created_at": factor.created_at, "last_used_at": factor.last_used_at}
