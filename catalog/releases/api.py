"""Runs and recipes, over the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from anonymize.errors import Problem
from catalog.api import pagination
from catalog.api.documented import IDEMPOTENCY_KEY, LARGEST_ID, MixedView, location, path_id, path_slug
from catalog.api.idempotency import idempotent
from catalog.api.views import ApiView, signed_in
from catalog.audit.errors import Invalid
from catalog.datasets.api import dataset_at
from catalog.datasets.models import Dataset, Version
from catalog.datasets.policies import check_can_see_inside
from catalog.datasets.selectors import latest_ready
from catalog.releases import selectors, serializers, services
from catalog.releases.models import Run
from catalog.releases.policies import check_can_run, check_can_see
from catalog.releases.preview import preview
from catalog.releases.templates import offers


def run_at(run_id: int) -> Run:
    """Raises ``Http404``."""
    known = Run.objects.select_related("dataset__organisation", "dataset__population", "version", "requested_by")
    found = known.filter(pk=run_id).first() if run_id <= LARGEST_ID else None
    if found is None:
        raise Http404
    return found


def _asked(request: Request, dataset: Dataset) -> tuple[dict[str, Any], Version | None]:
    """The recipe of a request and the version it is for. Raises Invalid for a version of another dataset."""
    asked = serializers.RunRequestSerializer(data=request.data)
    asked.is_valid(raise_exception=True)
    return asked.validated_data["recipe"], version_asked_for(dataset, asked.validated_data)


def version_asked_for(dataset: Dataset, asked: Mapping[str, Any]) -> Version | None:
    """None where a request names none. Raises Invalid for a version of another dataset."""
    if "version" not in asked:
        return None
    found = dataset.versions.filter(pk=asked["version"]).first()
    if found is None:
        message = "This dataset has no such version."
        raise Invalid(message, problems=(Problem("unknown", message, pointer="/version"),))
    return found


class RunsView(MixedView):
    """Runs of recipes on the versions of a dataset."""

    required_scopes: ClassVar = {"GET": "read", "POST": "runs:write"}
    parameters: ClassVar = {"GET": pagination.PARAMETERS}

    @extend_schema(
        operation_id="runs_list", tags=["runs"], parameters=[path_slug(), *pagination.DOCUMENTED],
        responses=serializers.RunPageSerializer,
    )  # fmt: skip
    def get(self, request: Request, slug: str) -> Response:
        dataset = dataset_at(slug)
        check_can_see_inside(signed_in(request), dataset)
        rows = selectors.runs_of(dataset).select_related("dataset").defer("report", "sample")
        return pagination.paged(request, rows, serializers.listed)

    @extend_schema(
        operation_id="runs_create", tags=["runs"], parameters=[path_slug(), IDEMPOTENCY_KEY, location(202)],
        request=serializers.RunRequestSerializer, responses={202: serializers.RunSerializer},
    )  # fmt: skip
    @idempotent()
    def post(self, request: Request, slug: str) -> Response:
        """Queue a run. The budget is charged when the worker draws noise, not now."""
        dataset = dataset_at(slug)
        check_can_run(signed_in(request), dataset)
        recipe, version = _asked(request, dataset)
        run = services.request_run(by=signed_in(request), dataset=dataset, document=recipe, version=version)
        return Response(serializers.shown(run, to=signed_in(request)), status=202, headers={"Location": f"/api/v1/runs/{run.pk}"})


class PreviewView(ApiView):
    """What a run would promise and cost."""

    required_scopes: ClassVar = {"POST": "runs:write"}

    @extend_schema(
        operation_id="runs_preview", tags=["runs"], parameters=[path_slug()], request=serializers.RunRequestSerializer,
        responses=serializers.PreviewSerializer,
    )  # fmt: skip
    def post(self, request: Request, slug: str) -> Response:
        """Expected error of each measure, and what would be left of the budget. Nothing is run, nothing is spent."""
        dataset = dataset_at(slug)
        check_can_run(signed_in(request), dataset)
        recipe, version = _asked(request, dataset)
        return Response(preview(by=signed_in(request), dataset=dataset, document=recipe, version=version))


class RecipesView(ApiView):
    """Ready-made recipes, fitted to the newest ready version."""

    required_scopes: ClassVar = {"GET": "read"}

    @extend_schema(operation_id="recipes_offered", tags=["runs"], parameters=[path_slug()], responses=serializers.OffersSerializer)
    def get(self, request: Request, slug: str) -> Response:
        dataset = dataset_at(slug)
        check_can_see_inside(signed_in(request), dataset)
        version = latest_ready(dataset)
        shown = {"id": version.pk, "number": version.number} if version else None
        return Response({"version": shown, "offers": [offer.as_dict() for offer in offers(dataset, version)]})


class RunView(ApiView):
    """One run: state, stage, percent; its report when it is done, or its error."""

    required_scopes: ClassVar = {"GET": "read", "DELETE": "runs:write"}

    @extend_schema(operation_id="runs_read", tags=["runs"], parameters=[path_id("run_id")], responses=serializers.RunSerializer)
    def get(self, request: Request, run_id: int) -> Response:
        run = run_at(run_id)
        check_can_see(signed_in(request), run)
        return Response(serializers.shown(run, to=signed_in(request)))

    @extend_schema(operation_id="runs_cancel", tags=["runs"], parameters=[path_id("run_id")], responses={200: serializers.RunSerializer})
    def delete(self, request: Request, run_id: int) -> Response:
        """Cancel a run. What it has charged stays charged."""
        run = run_at(run_id)
        services.cancel(by=signed_in(request), job=run)
        return Response(serializers.shown(run, to=signed_in(request)))
