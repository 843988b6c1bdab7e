"""Comparisons of settings, over the API."""

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
from catalog.releases import comparison_serializers as serializers
from catalog.releases import comparisons, selectors, services
from catalog.releases.api import version_asked_for
from catalog.releases.models import Comparison
from catalog.releases.policies import check_can_run, check_can_see


def comparison_at(comparison_id: int) -> Comparison:
    """Raises ``Http404``."""
    known = Comparison.objects.select_related("dataset__organisation", "version", "requested_by")
    found = known.filter(pk=comparison_id).first() if comparison_id <= LARGEST_ID else None
    if found is None:
        raise Http404
    return found


class ComparisonsView(MixedView):
    """Comparisons of settings on the versions of a dataset."""

    required_scopes: ClassVar = {"GET": "read", "POST": "runs:write"}
    parameters: ClassVar = {"GET": pagination.PARAMETERS}

    @extend_schema(
        operation_id="comparisons_list", tags=["runs"], parameters=[path_slug(), *pagination.DOCUMENTED],
        responses=serializers.ComparisonPageSerializer,
    )  # fmt: skip
    def get(self, request: Request, slug: str) -> Response:
        dataset = dataset_at(slug)
        check_can_see_inside(signed_in(request), dataset)
        rows = selectors.comparisons_of(dataset).defer("result")
        return pagination.paged(request, rows, serializers.listed)

    @extend_schema(
        operation_id="comparisons_create", tags=["runs"], parameters=[path_slug(), IDEMPOTENCY_KEY, location(202)],
        request=serializers.ComparisonRequestSerializer, responses={202: serializers.ComparisonSerializer},
    )  # fmt: skip
    @idempotent()
    def post(self, request: Request, slug: str) -> Response:
        """Queue a comparison: risk and usefulness of every combination of k, l and method; of a table with noise, its expected
        errors under other ε and with coarser grids. Nothing is published or charged."""
        dataset = dataset_at(slug)
        check_can_run(signed_in(request), dataset)
        read = serializers.ComparisonRequestSerializer(data=request.data)
        read.is_valid(raise_exception=True)
        asked = dict(read.validated_data)
        given = {"by": signed_in(request), "dataset": dataset, "document": asked["recipe"], "version": version_asked_for(dataset, asked)}
        if comparisons.is_table(asked["recipe"], asked):
            comparison = comparisons.request_forecast(**given, factors=asked.get("factors", comparisons.FACTORS))
        else:
            comparison = comparisons.request_comparison(**given, ks=asked["ks"], ls=asked["ls"], methods=asked["methods"])
        where = f"/api/v1/comparisons/{comparison.pk}"
        return Response(serializers.shown(comparison), status=202, headers={"Location": where})


class ComparisonView(ApiView):
    """One comparison: state, stage, percent; its points when it is done, or its error."""

    required_scopes: ClassVar = {"GET": "read", "DELETE": "runs:write"}

    @extend_schema(
        operation_id="comparisons_read", tags=["runs"], parameters=[path_id("comparison_id")], responses=serializers.ComparisonSerializer
    )
    def get(self, request: Request, comparison_id: int) -> Response:
        comparison = comparison_at(comparison_id)
        check_can_see(signed_in(request), comparison)
        return Response(serializers.shown(comparison))

    @extend_schema(
        operation_id="comparisons_cancel", tags=["runs"], parameters=[path_id("comparison_id")],
        responses={200: serializers.ComparisonSerializer},
    )  # fmt: skip
    def delete(self, request: Request, comparison_id: int) -> Response:
        """Cancel a comparison that is queued or running."""
        comparison = comparison_at(comparison_id)
        services.cancel(by=signed_in(request), job=comparison)
        return Response(serializers.shown(comparison))
