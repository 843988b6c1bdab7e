"""Accounts of others, for administrators: made, given and denied roles and mandates, closed and opened again.

Signed in only: no view here names a scope, so that no key, whoever's it is, makes or removes anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, ClassVar

import orjson
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anonymize.errors import Problem
from catalog.api import pagination
from catalog.api.accounts import KeyPageSerializer, KeySerializer, OrganisationSerializer
from catalog.api.documented import IDEMPOTENCY_KEY, LARGEST_ID, MixedView, location, path_id, path_slug
from catalog.api.fields import Text
from catalog.api.idempotency import idempotent
from catalog.api.serializers import StrictSerializer
from catalog.api.views import ApiView, signed_in
from catalog.audit.errors import Invalid
from catalog.people import leaving, open_work, selectors, services
from catalog.people.models import ApiKey, Organisation, User
from catalog.people.policies import check_can_manage_people
from catalog.people.roles import Role

ROLES = [str(role) for role in Role]
PERSON = path_id("person_id")
_ROLE = OpenApiParameter("role", {"type": "string", "enum": ROLES}, OpenApiParameter.PATH, required=True)
_MANDATE = path_slug("organisation")


class PersonSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    name = serializers.CharField()
    language = serializers.CharField()
    organisation = OrganisationSerializer(allow_null=True)
    roles = serializers.ListField(child=serializers.ChoiceField(choices=ROLES))
    mandates = serializers.ListField(child=serializers.CharField(), help_text="slugs of the organisations that an officer decides for")
    active = serializers.BooleanField(help_text="false: the account is closed")
    created_at = serializers.DateTimeField(default_timezone=UTC)
    last_login = serializers.DateTimeField(default_timezone=UTC, allow_null=True)


class PersonPageSerializer(serializers.Serializer[Any]):
    results = PersonSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class PersonRequestSerializer(StrictSerializer):
    username = Text(max_length=150)
    password = Text(max_length=500, trim_whitespace=False)
    organisation = Text(max_length=80, required=False, allow_null=True, default=None, help_text="slug")
    roles = serializers.ListField(child=serializers.ChoiceField(choices=ROLES), required=False, default=list, max_length=len(ROLES))
    language = serializers.ChoiceField(choices=User.Language.values, required=False, default=User.Language.ENGLISH.value)


class ClosureRequestSerializer(StrictSerializer):
    reason = Text(max_length=leaving.LONGEST_REASON, help_text="Kept in the trail.")


class OpenWorkSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    id = serializers.IntegerField()
    name = serializers.CharField(help_text="slug of the dataset that it is about, or the name of a key")
    since = serializers.DateTimeField(default_timezone=UTC, allow_null=True)


class OpenWorkListSerializer(serializers.Serializer[Any]):
    results = OpenWorkSerializer(many=True)


def shown(person: User) -> dict[str, Any]:
    """With roles and mandates as they are kept; those of a closed account are none."""
    organisation = person.organisation
    held = {group.name for group in person.groups.all()}
    return {
        "id": person.pk,
        "username": person.get_username(),
        "name": person.get_full_name() or person.get_username(),
        "language": person.language,
        "organisation": {"slug": organisation.slug, "name": organisation.name} if organisation else None,
        "roles": [role for role in ROLES if role in held],
        "mandates": sorted(mandate.organisation.slug for mandate in person.mandates.all()),
        "active": person.is_active,
        "created_at": person.date_joined,
        "last_login": person.last_login,
    }


def manager(request: Request) -> User:
    """The administrator who is asking. Nobody else learns even who is there."""
    me = signed_in(request)
    check_can_manage_people(me)
    return me


def person_at(person_id: int) -> User:
    """Raises ``Http404``."""
    person = selectors.everybody().filter(pk=person_id).first() if person_id <= LARGEST_ID else None
    if person is None:
        raise Http404
    return person


def _answer(person_id: int) -> Response:
    return Response(PersonSerializer(shown(person_at(person_id))).data)


def _without_password(request: Request) -> bytes:
    """What a repeated request is known by: a hash that is kept must not be one of a password."""
    asked = request.data if isinstance(request.data, Mapping) else {}
    return orjson.dumps({str(name): value for name, value in asked.items() if name != "password"}, option=orjson.OPT_SORT_KEYS, default=str)


class PeopleView(MixedView):
    """All accounts."""

    parameters: ClassVar = {"GET": pagination.PARAMETERS}

    @extend_schema(operation_id="people_list", tags=["people"], responses=PersonPageSerializer, parameters=pagination.DOCUMENTED)
    def get(self, request: Request) -> Response:
        manager(request)
        rows = selectors.everybody()
        return pagination.paged(request, rows, lambda person: PersonSerializer(shown(person)).data, newest_first=False)

    @extend_schema(
        operation_id="people_create", tags=["people"], parameters=[IDEMPOTENCY_KEY, location(201)],
        request=PersonRequestSerializer, responses={201: PersonSerializer},
    )  # fmt: skip
    @idempotent(fingerprint=_without_password)
    def post(self, request: Request) -> Response:
        """Make an account. Mandates are given afterwards, one by one."""
        me = manager(request)
        asked = PersonRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        slug = asked.validated_data.pop("organisation")
        made = services.create_user(by=me, organisation=_organisation(slug) if slug else None, **asked.validated_data)
        person = PersonSerializer(shown(person_at(made.pk))).data
        return Response(person, status=201, headers={"Location": f"/api/v1/people/{made.pk}"})


def _organisation(slug: str) -> Organisation:
    organisation = Organisation.objects.filter(slug=slug).first()
    if organisation is None:
        message = "There is no such organisation."
        raise Invalid(message, problems=(Problem("unknown", message, pointer="/organisation"),))
    return organisation


class PersonView(ApiView):
    """One account."""

    @extend_schema(operation_id="people_read", tags=["people"], parameters=[PERSON], responses=PersonSerializer)
    def get(self, request: Request, person_id: int) -> Response:
        manager(request)
        return _answer(person_id)


class ClosureView(ApiView):
    """Close an account."""

    @extend_schema(
        operation_id="people_close", tags=["people"], parameters=[PERSON], request=ClosureRequestSerializer, responses=PersonSerializer
    )
    def post(self, request: Request, person_id: int) -> Response:
        """At once: no roles, mandates, keys or sessions. What the person has open is at `open-work`."""
        me, person = manager(request), person_at(person_id)
        asked = ClosureRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        leaving.close_account(by=me, user=person, reason=asked.validated_data["reason"])
        return _answer(person_id)


class ReopeningView(ApiView):
    """Open a closed account again."""

    @extend_schema(operation_id="people_reopen", tags=["people"], parameters=[PERSON], request=None, responses=PersonSerializer)
    def post(self, request: Request, person_id: int) -> Response:
        """Without roles, mandates and keys."""
        leaving.reopen_account(by=manager(request), user=person_at(person_id))
        return _answer(person_id)


class RoleView(ApiView):
    """A role of somebody else."""

    @extend_schema(operation_id="people_grant_role", tags=["people"], parameters=[PERSON, _ROLE], request=None, responses=PersonSerializer)
    def put(self, request: Request, person_id: int, role: str) -> Response:
        services.grant_role(by=manager(request), user=person_at(person_id), role=_known(role))
        return _answer(person_id)

    @extend_schema(operation_id="people_withdraw_role", tags=["people"], parameters=[PERSON, _ROLE], request=None, responses=PersonSerializer)
    def delete(self, request: Request, person_id: int, role: str) -> Response:
        """At once, also for a page that is open. A review that they had in hand waits for another officer again."""
        services.withdraw_role(by=manager(request), user=person_at(person_id), role=_known(role))
        return _answer(person_id)


def _known(role: str) -> str:
    if role not in ROLES:
        raise Http404
    return role


class MandateView(ApiView):
    """An officer's mandate for an organisation."""

    @extend_schema(operation_id="people_give_mandate", tags=["people"], parameters=[PERSON, _MANDATE], request=None, responses=PersonSerializer)
    def put(self, request: Request, person_id: int, organisation: str) -> Response:
        me, person = manager(request), person_at(person_id)
        services.give_mandate(by=me, user=person, organisation=_named(organisation))
        return _answer(person_id)

    @extend_schema(operation_id="people_withdraw_mandate", tags=["people"], parameters=[PERSON, _MANDATE], request=None, responses=PersonSerializer)
    def delete(self, request: Request, person_id: int, organisation: str) -> Response:
        me, person = manager(request), person_at(person_id)
        services.withdraw_mandate(by=me, user=person, organisation=_named(organisation))
        return _answer(person_id)


def _named(slug: str) -> Organisation:
    organisation = Organisation.objects.filter(slug=slug).first()
    if organisation is None:
        raise Http404
    return organisation


class PersonKeysView(MixedView):
    """Somebody's API keys. Administrators see that they are there and end them; the secrets are kept nowhere."""

    parameters: ClassVar = {"GET": pagination.PARAMETERS}

    @extend_schema(
        operation_id="people_keys", tags=["people"], parameters=[PERSON, *pagination.DOCUMENTED], responses=KeyPageSerializer
    )
    def get(self, request: Request, person_id: int) -> Response:
        manager(request)
        return pagination.paged(request, selectors.keys_of(person_at(person_id)), lambda key: KeySerializer(key).data)

    @extend_schema(operation_id="people_revoke_keys", tags=["people"], parameters=[PERSON], request=None, responses={204: None})
    def delete(self, request: Request, person_id: int) -> Response:
        """All of them, at once."""
        leaving.revoke_keys_of(by=manager(request), user=person_at(person_id))
        return Response(status=204)


class PersonKeyView(ApiView):
    """One of somebody's API keys."""

    @extend_schema(operation_id="people_revoke_key", tags=["people"], parameters=[PERSON, path_id("key_id")], request=None, responses={204: None})
    def delete(self, request: Request, person_id: int, key_id: int) -> Response:
        me, person = manager(request), person_at(person_id)
        key = ApiKey.objects.filter(user=person, pk=key_id).first() if key_id <= LARGEST_ID else None
        if key is None:
            raise Http404
        services.revoke_key(by=me, key=key)
        return Response(status=204)


class OpenWorkView(ApiView):
    """What somebody has begun and not ended."""

    @extend_schema(operation_id="people_open_work", tags=["people"], parameters=[PERSON], responses=OpenWorkListSerializer)
    def get(self, request: Request, person_id: int) -> Response:
        """Names alone: what is inside stays with those who may see it."""
        manager(request)
        return Response({"results": OpenWorkSerializer(open_work.of(person_at(person_id)), many=True).data})
