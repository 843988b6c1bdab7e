"""OpenAPI: the problem document, and the two ways to say who one is."""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from catalog.api.serializers import StrictSerializer


class FindingSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    pointer = serializers.CharField(required=False)
    line = serializers.IntegerField(required=False)
    column = serializers.CharField(required=False)
    shape = serializers.CharField(required=False)


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457; other members may follow."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    who = serializers.ChoiceField(choices=("you", "us", "nobody"))
    errors = FindingSerializer(many=True)  # type: ignore[assignment]  # DRF's own name for something else


class ProblemSchema(AutoSchema):
    """Every operation may also answer with a problem document."""

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        reference = self.resolve_serializer(ProblemSerializer, "response").ref
        bodies.setdefault(
            "default",
            {"description": "A problem document", "content": {"application/problem+json": {"schema": reference}}},
        )
        return bodies

    def get_auth(self) -> list[dict[str, Any]]:
        """Keys and sessions; also nobody where anyone may ask; sessions alone where keys are refused."""
        ways: list[dict[str, Any]] = super().get_auth()
        scopes = getattr(self.view, "required_scopes", {})
        if self.method not in scopes:
            return [way for way in ways if SessionScheme.name in way]
        return ways if scopes[self.method] is not None else [*ways, {}]

    def _map_serializer(self, serializer: Any, direction: str, bypass_extensions: bool = False) -> Any:
        schema = super()._map_serializer(serializer, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        if direction == "request" and isinstance(serializer, StrictSerializer):
            schema["additionalProperties"] = False
        return schema


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "catalog.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key, made on the page of your account."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "catalog.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "The session of the pages."}
