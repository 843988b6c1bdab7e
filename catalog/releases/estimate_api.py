"""Estimates of bounds, over the API."""

from __future__ import annotations

from typing import ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api import pagination
from catalog.api.documented import IDEMPOTENCY_KEY, LARGEST_ID, MixedView, location, path_id, path_slug
from catalog.api.idempotency import idempotent
from catalog.api.views import ApiView, signed_in
from catalog.datasets.api import dataset_at
from catalog.datasets.policies import check_can_see_inside
from catalog.releases import estimate_serializers as serializers
from catalog.releases import estimates, services
from catalog.releases.api import version_asked_for
from catalog.releases.models import Estimate
from catalog.releases.policies import check_can_run, check_can_see


def estimate_at(estimate_id: int) -> Estimate:
    """Raises ``Http404``."""
    known = Estimate.objects.select_related("dataset__organisation", "version", "requested_by", "population")
    found = known.filter(pk=estimate_id).first() if estimate_id <= LARGEST_ID else None
    if found is None:
        raise Http404
    return found


class EstimatesView(MixedView):
    """Estimates of bounds on the versions of a dataset."""

    required_scopes: ClassVar = {"GET": "read", "POST": "runs:write"}
    parameters: ClassVar = {"GET": pagination.PARAMETERS}

    @extend_schema(
        operation_id="estimates_list", tags=["runs"], parameters=[path_slug(), *pagination.DOCUMENTED],
        responses=serializers.EstimatePageSerializer,
    )  # fmt: skip
    def get(self, request: Request, slug: str) -> Response:
        dataset = dataset_at(slug)
        check_can_see_inside(signed_in(request), dataset)
        rows = dataset.estimates.select_related("version", "requested_by", "dataset", "population").order_by("-id")
        return pagination.paged(request, rows, serializers.listed)

    @extend_schema(
        operation_id="estimates_create", tags=["runs"], parameters=[path_slug(), IDEMPOTENCY_KEY, location(202)],
        request=serializers.EstimateRequestSerializer, responses={202: serializers.EstimateSerializer},
    )  # fmt: skip
    @idempotent()
    def post(self, request: Request, slug: str) -> Response:
        """Queue an estimate: limits per person and bounds of columns. ε is charged to the population when noise is drawn."""
        dataset = dataset_at(slug)
        check_can_run(signed_in(request), dataset)
        read = serializers.EstimateRequestSerializer(data=request.data)
        read.is_valid(raise_exception=True)
        asked = dict(read.validated_data)
        estimate = estimates.request_estimate(
            by=signed_in(request), dataset=dataset, document=asked["recipe"], epsilon=asked["epsilon"], share=asked["share"],
            version=version_asked_for(dataset, asked),
        )  # fmt: skip
        where = f"/api/v1/estimates/{estimate.pk}"
        return Response(serializers.shown(estimate), status=202, headers={"Location": where})


class EstimateView(ApiView):
    """One estimate: state, stage, percent; its proposals when it is done, or its error."""

    required_scopes: ClassVar = {"GET": "read", "DELETE": "runs:write"}

    @extend_schema(
        operation_id="estimates_read", tags=["runs"], parameters=[path_id("estimate_id")], responses=serializers.EstimateSerializer
    )
    def get(self, request: Request, estimate_id: int) -> Response:
        estimate = estimate_at(estimate_id)
        check_can_see(signed_in(request), estimate)
        return Response(serializers.shown(estimate))

    @extend_schema(
        operation_id="estimates_cancel", tags=["runs"], parameters=[path_id("estimate_id")],
        responses={200: serializers.EstimateSerializer},
    )  # fmt: skip
    def delete(self, request: Request, estimate_id: int) -> Response:
        """Cancel an estimate that is queued or running. What it has charged stays charged."""
        estimate = estimate_at(estimate_id)
        services.cancel(by=signed_in(request), job=estimate)
        return Response(serializers.shown(estimate))
