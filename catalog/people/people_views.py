"""Pages of administrators: who is here, one person's roles, mandates, keys and open work, and how they leave."""

from __future__ import annotations

import secrets
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from catalog.audit.errors import Invalid, PlatformError
from catalog.people import leaving, open_work, passwords, policies, second_factor, selectors, services
from catalog.people.models import Organisation, User
from catalog.people.pages import actor, not_stored, private, shown, status_of
from catalog.people.roles import OFFICERS, Role


def _manager(request: HttpRequest) -> User:
    """The administrator who is asking. Nobody else learns even who is there."""
    me = actor(request)
    policies.check_can_manage_people(me)
    return me


def _person(person_id: int) -> User:
    return get_object_or_404(selectors.everybody(), pk=person_id)


class PersonForm(forms.Form):
    """A new account. What is wrong with it, the service says."""

    username = forms.CharField(max_length=150, label=gettext_lazy("Name"))
    password = forms.CharField(
        max_length=500, strip=False, required=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), label=gettext_lazy("First password"),
        help_text=gettext_lazy("Leave it empty: the person then chooses one, under a link that works once. Otherwise at least 12 characters, and you know it too."),
    )  # fmt: skip
    organisation = forms.ModelChoiceField(queryset=Organisation.objects.none(), required=False, to_field_name="slug", empty_label="–", label=gettext_lazy("Organisation"))
    roles = forms.MultipleChoiceField(
        choices=[(role.value, role.value) for role in Role], required=False, widget=forms.CheckboxSelectMultiple, label=gettext_lazy("Roles")
    )
    language = forms.ChoiceField(choices=User.Language.choices, label=gettext_lazy("Language"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organisation"].queryset = Organisation.objects.all()  # type: ignore[attr-defined]


@private
@require_GET
def people(request: HttpRequest) -> HttpResponseBase:
    _manager(request)
    return render(request, "people/people.html", {"people": selectors.everybody(), "room": "people"})


@private
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponseBase:
    me = _manager(request)
    form = PersonForm(request.POST or None)
    context: dict[str, Any] = {"form": form, "room": "people"}
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                given = form.cleaned_data
                made = services.create_user(by=me, **{**given, "password": given["password"] or secrets.token_urlsafe(32)})
                link = "" if given["password"] else passwords.password_reset_link(by=me, user=made)
            except PlatformError as error:
                context["problem"], status = shown(error), status_of(error)
            else:
                messages.success(request, _("The account is made."))
                return _page(request, me, made, link=link) if link else redirect("person", person_id=made.pk)
    return not_stored(render(request, "people/new.html", context, status=status))


@private
@require_GET
def person(request: HttpRequest, person_id: int) -> HttpResponseBase:
    return _page(request, _manager(request), _person(person_id))


def _page(request: HttpRequest, me: User, who: User, error: PlatformError | None = None, link: str = "") -> HttpResponseBase:
    """``link``: one under which the person sets a password, shown this once."""
    held = set(policies.roles_of(who))
    mandates = [mandate.organisation for mandate in who.mandates.all()]
    other = Organisation.objects.exclude(pk__in=[organisation.pk for organisation in mandates])
    context = {
        "who": who, "mine": who.pk == me.pk, "may_close": policies.can_close(me, who), "may_grant": policies.can_grant(me, who) and who.is_active,
        "roles": [(role.value, policies.can_withdraw_role(me, who, role)) for role in Role if role in held],
        "other_roles": [role.value for role in Role if role not in held], "mandates": mandates,
        "other_organisations": other if held & OFFICERS else [], "keys": selectors.keys_of(who), "living": selectors.living_keys(who),
        "work": [(work, _takers(who, work)) for work in open_work.of(who) if work.kind != "key"], "now": timezone.now(),
        "may_reset": second_factor.can_reset(me, who) and who.is_active, "factors": second_factor.enrolled(who), "link": link,
        "problem": shown(error) if error else None, "reason": request.POST.get("reason", ""), "room": "people",
    }  # fmt: skip
    return not_stored(render(request, "people/person.html", context, status=status_of(error) if error else 200))


def _takers(who: User, work: open_work.OpenWork) -> list[User]:
    """Who could take it over."""
    return [] if work.organisation is None else [user for user in selectors.stewards_of(work.organisation) if user.pk != who.pk]


@private
@require_POST
def close(request: HttpRequest, person_id: int) -> HttpResponseBase:
    me, who = _manager(request), _person(person_id)
    try:
        leaving.close_account(by=me, user=who, reason=request.POST.get("reason", ""))
    except PlatformError as error:
        return _page(request, me, who, error)
    messages.success(request, _("The account is closed. What the person has open is listed below."))
    return redirect("person", person_id=person_id)


@private
@require_POST
def reopen(request: HttpRequest, person_id: int) -> HttpResponseBase:
    leaving.reopen_account(by=_manager(request), user=_person(person_id))
    messages.success(request, _("The account is open again, without roles, mandates and keys."))
    return redirect("person", person_id=person_id)


@private
@require_POST
def password_link(request: HttpRequest, person_id: int) -> HttpResponseBase:
    """A link under which somebody sets a new password, shown once."""
    me, who = _manager(request), _person(person_id)
    try:
        link = passwords.password_reset_link(by=me, user=who)
    except PlatformError as error:
        return _page(request, me, who, error)
    return _page(request, me, who, link=link)


@private
@require_POST
def reset_factor(request: HttpRequest, person_id: int) -> HttpResponseBase:
    """For somebody who has lost their second factor."""
    me, who = _manager(request), _person(person_id)
    try:
        second_factor.reset_second_factor(by=me, user=who)
    except PlatformError as error:
        return _page(request, me, who, error)
    messages.success(request, _("The second factor is removed, and all sessions are ended. At the next sign-in another is added."))
    return redirect("person", person_id=person_id)


@private
@require_POST
def role(request: HttpRequest, person_id: int) -> HttpResponseBase:
    """``give`` or ``take`` names the role."""
    me, who = _manager(request), _person(person_id)
    if "give" in request.POST:
        services.grant_role(by=me, user=who, role=request.POST["give"])
    else:
        services.withdraw_role(by=me, user=who, role=request.POST.get("take", ""))
    return redirect("person", person_id=person_id)


@private
@require_POST
def mandate(request: HttpRequest, person_id: int) -> HttpResponseBase:
    """``give`` or ``take`` names the organisation."""
    me, who = _manager(request), _person(person_id)
    organisation = Organisation.objects.filter(slug=request.POST.get("give") or request.POST.get("take", "")).first()
    if organisation is None:
        raise Invalid("Choose an organisation first. Nothing was changed.")
    if request.POST.get("give"):
        services.give_mandate(by=me, user=who, organisation=organisation)
    else:
        services.withdraw_mandate(by=me, user=who, organisation=organisation)
    return redirect("person", person_id=person_id)


@private
@require_POST
def revoke_keys(request: HttpRequest, person_id: int) -> HttpResponseBase:
    """All keys of somebody, at once."""
    leaving.revoke_keys_of(by=_manager(request), user=_person(person_id))
    messages.success(request, _("All keys of this account are revoked."))
    return redirect("person", person_id=person_id)


@private
@require_POST
def revoke_key(request: HttpRequest, person_id: int, key_id: int) -> HttpResponseBase:
    me = _manager(request)
    key = selectors.keys_of(_person(person_id)).filter(pk=key_id).first()
    if key is None:
        raise Http404
    services.revoke_key(by=me, key=key)
    return redirect("person", person_id=person_id)
