"""Sessions, one's own account, one's own keys: the API of ``people``, which stands below this plumbing."""

from __future__ import annotations

from datetime import UTC
from typing import Any, ClassVar

from django.contrib.auth import logout
from django.http import Http404
from django.middleware.csrf import get_token
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api import pagination
from catalog.api.idempotency import idempotent
from catalog.api.permissions import ANYONE
from catalog.api.serializers import StrictSerializer
from catalog.api.views import ApiView, signed_in
from catalog.people import devices, second_factor, selectors, services, sessions, sign_in
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


class FailedAttemptsSerializer(serializers.Serializer[Any]):
    """Attempts to sign in under this name that failed, and that its owner has not heard of yet."""

    count = serializers.IntegerField()
    since = serializers.DateTimeField(default_timezone=UTC)


class SignedInSerializer(MeSerializer):
    csrf_token = serializers.CharField()
    failed_attempts = FailedAttemptsSerializer(allow_null=True)


class CredentialsSerializer(StrictSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=500, trim_whitespace=False)
    code = serializers.CharField(
        max_length=20,
        required=False,
        help_text="Of the second factor, where there is one: what the app shows now, or a recovery code.",
    )


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
    """Log in with name and password, and the second factor where one is asked for; and out again."""

    required_scopes: ClassVar = {"POST": ANYONE}

    @extend_schema(operation_id="session_open", request=CredentialsSerializer, responses=SignedInSerializer)
    def post(self, request: Request) -> Response:
        """A right name and password without the code that is asked for are answered with 401 `second_factor_needed`.

        Guessing is slowed down: 429, with `Retry-After` in seconds; nothing was looked at then.
        """
        given = CredentialsSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        plain = request._request
        proof = sign_in.with_password(plain, name=asked["username"], password=asked["password"], code=asked.get("code", ""))
        self._check_factor(proof)
        sign_in.enter(plain, proof.user)
        if proof.factor is not None:
            sign_in.complete(plain, proof.user, proof.factor)
        failures = sign_in.failures_told(proof.user)
        body = {**selectors.profile(proof.user), "csrf_token": get_token(plain)}
        response = Response({**body, "failed_attempts": FailedAttemptsSerializer(failures).data if failures else None})
        devices.remember(plain, response, proof.user.get_username())
        return response

    def _check_factor(self, proof: sign_in.Proof) -> None:
        """No session is opened without it."""
        if proof.factor is None and second_factor.enrolled(proof.user):
            raise second_factor.SecondFactorNeeded("Send the code of your second factor as well, in the member code.")
        if proof.factor is None and second_factor.demanded_of(proof.user):
            raise second_factor.SecondFactorNeeded(
                "Your roles demand a second factor, and you have none yet. Sign in at /login and add one."
            )

    @extend_schema(operation_id="session_close", request=None, responses={204: None})
    def delete(self, request: Request) -> Response:
        sessions.forget(request._request)
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
        second_factor.check_may_make_key(request._request, me)
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
