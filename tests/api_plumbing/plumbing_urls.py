"""Small views that use each part of the plumbing, for its tests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db import OperationalError
from django.http import Http404, HttpResponse
from django.urls import path
from rest_framework import exceptions as drf
from rest_framework import serializers
from rest_framework.response import Response

from anonymize import errors as engine
from catalog.api import pagination
from catalog.api.handlers import problem_page
from catalog.api.idempotency import idempotent
from catalog.api.permissions import ANYONE
from catalog.api.serializers import StrictSerializer
from catalog.api.views import ApiView
from catalog.audit import errors as platform
from catalog.people.models import Organisation

SECRET_VALUE = "880101-1234568"  # a resident number that an exception's text happens to quote
PROBLEM = engine.Problem(code="bad_cell", message="A cell does not fit.", line=7, column="age", shape="99A")
RAISED: dict[str, Exception] = {
    "invalid": platform.Invalid("No.", problems=(PROBLEM,)),
    "conflict": platform.Conflict("Somebody was quicker."),
    "gone": platform.Gone("Withdrawn.", withdrawn_at="2026-01-01", instead="/api/v1/datasets/x/releases/2", status=200),
    "not_allowed": platform.NotAllowed("No."),
    "too_large": platform.TooLarge("No."),
    "recipe": engine.RecipeError("Bad recipe.", problems=(PROBLEM,)),
    "privacy": engine.PrivacyNotMet("Cannot be met."),
    "engine_budget": engine.BudgetRefused("Nothing left."),
    "http404": Http404(SECRET_VALUE),
    "denied": PermissionDenied(SECRET_VALUE),
    "django_too_big": RequestDataTooBig(SECRET_VALUE),
    "suspicious": SuspiciousOperation(SECRET_VALUE),
    "locked": OperationalError(SECRET_VALUE),
    "model": ValidationError({"slug": ["Not a slug."]}),
    "drf_nested": drf.ValidationError({"columns": [{}, {"a/b~c": ["Wrong."]}], "non_field_errors": ["All wrong."]}),
    "unknown": RuntimeError(SECRET_VALUE),
    "zero": ZeroDivisionError(SECRET_VALUE),
}


class RaiseView(ApiView):
    required_scopes = {"GET": ANYONE, "POST": ANYONE}

    def get(self, request: Any, name: str) -> Response:
        raise RAISED[name]

    def post(self, request: Any, name: str) -> Response:
        raise RAISED[name]


class ScopeView(ApiView):
    required_scopes = {"GET": "read", "PUT": ANYONE}

    def get(self, request: Any) -> Response:
        return Response({})

    put = get
    patch = get


class ThingSerializer(StrictSerializer):
    name = serializers.CharField(max_length=10)


class ThingsView(ApiView):
    required_scopes = {"GET": ANYONE, "POST": "datasets:write"}
    query_parameters = pagination.PARAMETERS | {"q"}
    fail = 0

    def get(self, request: Any) -> Response:
        response = pagination.paged(request, Organisation.objects.all(), lambda row: row.slug, largest=100)
        response["Cache-Control"] = "public, max-age=60"
        return response

    @idempotent()
    def post(self, request: Any) -> Response:
        given = ThingSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if ThingsView.fail:
            ThingsView.fail -= 1
            raise RAISED["unknown"]
        name = given.validated_data["name"]
        made = Organisation.objects.create(slug=f"{name}-{Organisation.objects.count()}", name=name)
        return Response(
            {"id": made.pk, "price": Decimal("1.50")}, status=201, headers={"Location": f"/api/v1/things/{made.pk}"}
        )


class EchoView(ApiView):
    required_scopes = {"POST": ANYONE, "GET": ANYONE}
    query_parameters = frozenset({"known"})

    def get(self, request: Any) -> Response:
        return Response({"nan": float("nan"), "exact": Decimal("0.10"), "한": "글"})

    def post(self, request: Any) -> Response:
        return Response(request.data)


def plain_failure(request: Any) -> HttpResponse:
    raise RuntimeError(SECRET_VALUE)


urlpatterns = [
    path("api/v1/raise/<str:name>", RaiseView.as_view()),
    path("api/v1/scope", ScopeView.as_view()),
    path("api/v1/things", ThingsView.as_view()),
    path("api/v1/echo", EchoView.as_view()),
    path("api/v1/plain-failure", plain_failure),
    path("problems/<slug:code>", problem_page),
]

handler400 = "catalog.api.handlers.bad_request"
handler403 = "catalog.api.handlers.permission_denied"
handler404 = "catalog.api.handlers.not_found"
handler500 = "catalog.api.handlers.server_error"
