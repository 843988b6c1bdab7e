"""Pieces of the OpenAPI document that many operations share, and views whose methods take different parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from catalog.api.views import ApiView

LARGEST_ID: Final = 2**63 - 1
SLUG_PATTERN: Final = "^[a-z0-9]+(-[a-z0-9]+)*$"
IDEMPOTENCY_KEY: Final = OpenApiParameter(
    "Idempotency-Key", {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}, OpenApiParameter.HEADER,
    description="Sent twice with the same content, the request is carried out once and answered twice alike.",
)  # fmt: skip


def path_id(name: str, description: str = "") -> OpenApiParameter:
    """A whole number in the path; one that no database can hold is a 404 like any other that is not there."""
    kind = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
    return OpenApiParameter(name, kind, OpenApiParameter.PATH, required=True, description=description)


def path_slug(name: str = "slug") -> OpenApiParameter:
    kind = {"type": "string", "pattern": SLUG_PATTERN, "maxLength": 80}
    return OpenApiParameter(name, kind, OpenApiParameter.PATH, required=True)


def location(*statuses: int) -> OpenApiParameter:
    """The Location header of an answer."""
    codes = list(statuses)
    return OpenApiParameter("Location", OpenApiTypes.STR, OpenApiParameter.HEADER, required=True, response=codes)


def choice(name: str, values: Any, description: str = "", **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, enum=[str(value) for value in values], description=description, **more)


class MixedView(ApiView):
    """``parameters`` says which query parameters each method takes; a method that is not named takes none."""

    parameters: ClassVar[Mapping[str, frozenset[str]]] = {}

    @property
    def query_parameters(self) -> frozenset[str]:  # type: ignore[override]
        method = "GET" if self.request.method == "HEAD" else str(self.request.method)
        return self.parameters.get(method, frozenset())


class FindingView(serializers.Serializer):
    """One thing that is wrong, and where."""

    code = serializers.CharField()
    message = serializers.CharField()
    pointer = serializers.CharField(required=False)
    line = serializers.IntegerField(required=False)
    column = serializers.CharField(required=False)
    shape = serializers.CharField(required=False)


class FailureView(serializers.Serializer):
    """Why a worker gave up: the same words as in a problem document."""

    code = serializers.CharField()
    message = serializers.CharField()
    who = serializers.ChoiceField(choices=("you", "us", "nobody"))
    problems = FindingView(many=True)
