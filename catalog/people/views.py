"""The language of the pages, one's own account and keys. (Signing in: door_views.py.)"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from catalog.audit.errors import PlatformError
from catalog.people import policies, second_factor, selectors, services
from catalog.people.models import User
from catalog.people.pages import actor, not_stored, private, safe_next, shown, status_of
from catalog.people.roles import SCOPE_ROLES

LIVES = ((30, gettext_lazy("30 days")), (90, gettext_lazy("90 days")), (365, gettext_lazy("a year")))


@require_GET
def language(request: HttpRequest) -> HttpResponseBase:
    """A preference in a cookie, nothing more: so a plain link will do, and public pages need no form."""
    wanted = request.GET.get("set", "")
    if wanted not in dict(settings.LANGUAGES):
        raise Http404
    response = redirect(safe_next(request, "/"))
    response.set_cookie(settings.LANGUAGE_COOKIE_NAME, wanted, max_age=365 * 24 * 3600, samesite="Lax")
    return response


class KeyForm(forms.Form):
    """A new API key."""

    name = forms.CharField(max_length=100, label=gettext_lazy("What is it for?"))
    scopes = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, label=gettext_lazy("It may"))
    days = forms.TypedChoiceField(coerce=int, choices=LIVES, initial=90, label=gettext_lazy("It ends after"))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = set(policies.roles_of(user))
        allowed = [scope for scope, roles in SCOPE_ROLES.items() if roles is None or roles & held]
        self.fields["scopes"].choices = [(scope, scope) for scope in allowed]  # type: ignore[attr-defined]
        self.fields["scopes"].initial = ["read"]


@private
@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponseBase:
    """Who I am here, what I may do, and my keys. A new key's secret is on the answer to its form, once."""
    me = actor(request)
    form = KeyForm(request.POST or None, user=me)
    context: dict[str, Any] = {"form": form}
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            second_factor.check_may_make_key(request, me)
            status = _issue(me, form.cleaned_data, context)
    context |= {"me": selectors.profile(me), "keys": selectors.keys_of(me), "now": timezone.now()}
    return not_stored(render(request, "people/account.html", context, status=status))


def _issue(me: User, asked: dict[str, Any], context: dict[str, Any]) -> int:
    ends = timezone.now() + timedelta(days=asked["days"])
    try:
        key, secret = services.issue_key(by=me, user=me, name=asked["name"], scopes=asked["scopes"], expires_at=ends)
    except PlatformError as error:
        context["problem"] = shown(error)
        return status_of(error)
    context |= {"new_key": key, "secret": secret, "form": KeyForm(user=me)}
    return 201


@private
@require_POST
def revoke(request: HttpRequest, key_id: int) -> HttpResponseBase:
    me = actor(request)
    key = selectors.keys_of(me).filter(pk=key_id).first()
    if key is None:
        raise Http404
    services.revoke_key(by=me, key=key)
    return redirect("account")
