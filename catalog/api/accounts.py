"""Sessions, one's own account, one's own keys: the API of ``people``, which stands below this plumbing."""

from __future__ import annotations

from datetime import UTC
from typing import Any, ClassVar

from django.contrib.auth import authenticate, login, logout
from django.http import Http404
from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api import pagination
from catalog.api.idempotency import idempotent
from catalog.api.permissions import ANYONE
from catalog.api.serializers import StrictSerializer
from catalog.api.throttles import LoginThrottle, count_attempt
from catalog.api.views import ApiView, signed_in
from catalog.people import selectors, services
from catalog.people.models import ApiKey
from catalog.people.roles import SCOPES, Role


class OrganisationSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()


class MeSerializer(serializers.Serializer[Any]):
    username = serializers.CharField()
    name = serializers.CharField()
    language = serializers.CharField()
    organisation = OrganisationSerializer(allow_null=True)
    roles = serializers.ListField(child=serializers.ChoiceField(choices=[str(role) for role in Role]))
    mandates = serializers.ListField(child=serializers.CharField())


class SignedInSerializer(MeSerializer):
    csrf_token = serializers.CharField()


class CredentialsSerializer(StrictSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=500, trim_whitespace=False)


class KeyRequestSerializer(StrictSerializer):
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES), min_length=1, max_length=len(SCOPES))
    expires_at = serializers.DateTimeField()


class KeySerializer(serializers.ModelSerializer[ApiKey]):
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES))
    created_at = serializers.DateTimeField(default_timezone=UTC)
    expires_at = serializers.DateTimeField(default_timezone=UTC)
    revoked_at = serializers.DateTimeField(default_timezone=UTC, allow_null=True)
    last_used_at = serializers.DateTimeField(default_timezone=UTC, allow_null=True)

    class Meta:
        model = ApiKey
        fields = ("id", "name", "prefix", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")


class NewKeySerializer(KeySerializer):
    secret = serializers.CharField(help_text="Shown this once; only its hash is kept.")

    class Meta(KeySerializer.Meta):
        fields = (*KeySerializer.Meta.fields, "secret")  # type: ignore[assignment]


class KeyPageSerializer(serializers.Serializer[Any]):
    results = KeySerializer(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class SessionView(ApiView):
    """Log in with name and password, and out again."""

    required_scopes: ClassVar = {"POST": ANYONE}

    def get_throttles(self) -> list[Any]:
        return [LoginThrottle()] if self.request.method == "POST" else super().get_throttles()

    @extend_schema(operation_id="session_open", request=CredentialsSerializer, responses=SignedInSerializer)
    def post(self, request: Request) -> Response:
        given = CredentialsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if not count_attempt(given.validated_data["username"]):
            raise Throttled(wait=60)
        user = authenticate(request, **given.validated_data)
        if user is None:
            raise AuthenticationFailed("The name or the password is not right.")
        login(request._request, user)
        return Response({**selectors.profile(user), "csrf_token": get_token(request._request)})

    @extend_schema(operation_id="session_close", request=None, responses={204: None})
    def delete(self, request: Request) -> Response:
        logout(request._request)
        return Response(status=204)


class MeView(ApiView):
    """Who I am here, and what I may do."""

    required_scopes: ClassVar = {"GET": "read"}

    @extend_schema(operation_id="me", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        return Response(selectors.profile(signed_in(request)))


class KeysView(ApiView):
    """My API keys. Making one takes a signed-in session: a key can never make another key."""

    required_scopes: ClassVar = {"GET": "read"}

    @property
    def query_parameters(self) -> frozenset[str]:  # type: ignore[override]
        return pagination.PARAMETERS if self.request.method in ("GET", "HEAD") else frozenset()

    @extend_schema(operation_id="keys_list", responses=KeyPageSerializer, parameters=pagination.DOCUMENTED)
    def get(self, request: Request) -> Response:
        return pagination.paged(request, selectors.keys_of(signed_in(request)), lambda key: KeySerializer(key).data)

    @extend_schema(operation_id="keys_create", request=KeyRequestSerializer, responses={201: NewKeySerializer})
    @idempotent(keep_answer=False)
    def post(self, request: Request) -> Response:
        me = signed_in(request)
        asked = KeyRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        key, secret = services.issue_key(by=me, user=me, **asked.validated_data)
        shown = {**KeySerializer(key).data, "secret": secret}
        return Response(shown, status=201, headers={"Location": f"/api/v1/keys/{key.pk}"})


class KeyView(ApiView):
    """One of my API keys."""

    required_scopes: ClassVar = {"GET": "read"}

    @extend_schema(operation_id="keys_read", responses=KeySerializer)
    def get(self, request: Request, key_id: int) -> Response:
        return Response(KeySerializer(_own(request, key_id)).data)

    @extend_schema(operation_id="keys_revoke", request=None, responses={204: None})
    def delete(self, request: Request, key_id: int) -> Response:
        services.revoke_key(by=signed_in(request), key=_own(request, key_id))
        return Response(status=204)


def _own(request: Request, key_id: int) -> ApiKey:
    key = selectors.keys_of(signed_in(request)).filter(pk=key_id).first()
    if key is None:
        raise Http404
    return key
