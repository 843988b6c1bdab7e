"""Pages on which a password is changed: one's own, or one that was forgotten, by a link that works once."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from catalog.audit.errors import Invalid, PlatformError
from catalog.people import attempts, letters, passwords, refusals, sessions, sign_in
from catalog.people.addresses import address
from catalog.people.models import User
from catalog.people.pages import actor, not_stored, page, private

LETTERS_EVERY_S = 300


@private
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest) -> HttpResponseBase:
    """The old password and the new one twice; every other session ends."""
    me = actor(request)
    refused = None
    if request.method == "POST":
        try:
            sign_in.confirm(me, request.POST.get("old", ""))
            new = _twice(request)
            passwords.change_password(by=me, old=request.POST.get("old", ""), new=new, keep=request.session.session_key)
        except PlatformError as error:
            refused = _refusal(error)
        else:
            sessions.forget(request)
            update_session_auth_hash(request, me)
            sessions.note(request, me)
            messages.success(request, gettext("The password was changed, and all other sessions were ended."))
            return redirect("security")
    return _form(request, "people/password.html", refused, {"room": "account"})


@page
@require_http_methods(["GET", "POST"])
def forgotten(request: HttpRequest) -> HttpResponseBase:
    """A letter with a link, where mail is configured; else the page says whom to ask. Known and unknown names look alike."""
    sent, refused = False, None
    if request.method == "POST" and letters.configured():
        try:
            attempts.check_not_too_often("reset", address(request), most=5, seconds=600)
            _send(sign_in.as_looked_up(request.POST.get("username", ""))[: sign_in.LONGEST_NAME])
            sent = True
        except PlatformError as error:
            refused = refusals.of(error)
    return _form(request, "people/forgotten.html", refused, {"by_mail": letters.configured(), "sent": sent, "room": "account"})


def _send(name: str) -> None:
    """One letter in five minutes for each name: nobody's mailbox is filled from here."""
    if not attempts.once("reset-letter", name, seconds=LETTERS_EVERY_S):
        return
    letters.ring(letters.RESET, User.objects.filter(username=name.replace("\0", ""), is_active=True).first())


@page
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, name: str, token: str) -> HttpResponseBase:
    """A new password for whom the link was made; it signs nobody in, and the second factor stays."""
    refused, ended = None, False
    try:
        user = passwords.user_of_link(name, token)
        if request.method == "POST":
            passwords.set_by_link(name=name, token=token, new=_twice(request))
            messages.success(request, gettext("The new password is set. Sign in with it."))
            return redirect("login")
        username = user.get_username()
    except passwords.LinkEnded as error:
        refused, ended, username = refusals.of(error), True, ""
    except PlatformError as error:
        refused, username = _refusal(error), user.get_username()
    return _form(request, "people/password_new.html", refused, {"ended": ended, "name": username, "room": "account"})


def _twice(request: HttpRequest) -> str:
    password = request.POST.get("new", "")
    if password != request.POST.get("again", ""):
        raise Invalid("The two new passwords are not alike. Nothing was changed.", different=True)
    return password


def _refusal(error: PlatformError) -> refusals.Refusal:
    if error.extra.get("different"):
        return refusals.of(error, gettext("The two new passwords are not alike."), gettext("Not changed."))
    if isinstance(error, sign_in.WrongCredentials):
        return refusals.of(error, gettext("The old password is not right."), gettext("Not changed."))
    reasons = " ".join(problem.message for problem in error.problems)  # Django's own words, in the reader's language
    return refusals.of(error, reasons, gettext("Not changed."))


def _form(request: HttpRequest, template: str, refused: refusals.Refusal | None, context: dict[str, Any]) -> HttpResponse:
    response = not_stored(render(request, template, {"refused": refused, **context}, status=refused.status if refused else 200))
    if refused and refused.wait:
        response["Retry-After"] = str(refused.wait)
    return response
