"""Reading the trail over the API: search it, take it away, and have it verified."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api import pagination
from catalog.api.renderers import to_json
from catalog.api.views import ApiView
from catalog.audit import services
from catalog.audit.models import TrailEntry
from catalog.people.policies import check_can_read_trail

FILTERS = {"action": "action", "actor": "actor_name", "subject_type": "subject_type", "subject_id": "subject_id"}


class TrailEntrySerializer(serializers.Serializer[Any]):
    seq = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor_id = serializers.IntegerField(allow_null=True)
    actor = serializers.CharField()
    action = serializers.CharField()
    subject_type = serializers.CharField()
    subject_id = serializers.CharField()
    detail = serializers.DictField()
    previous_hash = serializers.CharField()
    entry_hash = serializers.CharField()


class TrailPageSerializer(serializers.Serializer[Any]):
    results = TrailEntrySerializer(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class DiscrepancySerializer(serializers.Serializer[Any]):
    subject_type = serializers.CharField()
    subject_id = serializers.CharField()
    what = serializers.CharField(help_text="the member that differs; `missing` for a record that is gone, `unrecorded` for one that the trail never told of")
    trail = serializers.CharField(help_text="what the trail says")
    table = serializers.CharField(help_text="what the record says now")


class VerificationSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    entries = serializers.IntegerField()
    checkpoints = serializers.IntegerField()
    first_bad_seq = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    differences = serializers.IntegerField(help_text="how many records are not what the trail says")
    discrepancies = DiscrepancySerializer(many=True, help_text="the first of them")
    unsaid = serializers.IntegerField(help_text="records of which the trail, written by earlier code, does not tell all that is compared")
    torn_checkpoint = serializers.BooleanField(help_text="the last signed checkpoint was cut off while it was written; the next one mends it")


def shown(entry: TrailEntry) -> dict[str, Any]:
    """An entry as the API shows it: all that its hash covers, so that anybody can check it."""
    return {
        "seq": entry.seq,
        "at": entry.at,
        "actor_id": entry.actor_id,
        "actor": entry.actor_name,
        "action": entry.action,
        "subject_type": entry.subject_type,
        "subject_id": entry.subject_id,
        "detail": entry.detail,
        "previous_hash": entry.previous_hash,
        "entry_hash": entry.entry_hash,
    }


def _filtered(request: Request) -> QuerySet[TrailEntry]:
    asked = {field: request.query_params[name] for name, field in FILTERS.items() if name in request.query_params}
    return TrailEntry.objects.filter(**asked)


_TEXT = [OpenApiParameter(name, OpenApiTypes.STR) for name in FILTERS]


class TrailView(ApiView):
    """Who did what, newest first."""

    required_scopes: ClassVar = {"GET": "trail:read"}
    query_parameters = pagination.PARAMETERS | frozenset(FILTERS)

    @extend_schema(operation_id="trail", responses=TrailPageSerializer, parameters=[*_TEXT, *pagination.DOCUMENTED])
    def get(self, request: Request) -> Response:
        check_can_read_trail(request.user)
        return pagination.paged(request, _filtered(request), shown, by="seq")


class TrailExportView(ApiView):
    """The whole trail as JSON lines, oldest first."""

    required_scopes: ClassVar = {"GET": "trail:read"}

    @extend_schema(operation_id="trail_export", responses={(200, "application/x-ndjson"): OpenApiTypes.STR})
    def get(self, request: Request) -> StreamingHttpResponse:
        check_can_read_trail(request.user)
        response = StreamingHttpResponse(_lines(), content_type="application/x-ndjson")
        response["Content-Disposition"] = 'attachment; filename="trail.jsonl"'
        return response


def _lines() -> Iterator[bytes]:
    for entry in TrailEntry.objects.order_by("seq").iterator(chunk_size=2000):
        yield to_json(shown(entry)) + b"\n"


class TrailVerificationView(ApiView):
    """Recompute the chain, and compare all records with what it tells, now."""

    required_scopes: ClassVar = {"GET": "trail:read"}

    @extend_schema(operation_id="trail_verification", responses=VerificationSerializer)
    def get(self, request: Request) -> Response:
        check_can_read_trail(request.user)
        return Response(_verification(services.verify()))


def _verification(verification: services.Verification) -> dict[str, Any]:
    named = [
        {"subject_type": d.subject[0], "subject_id": d.subject[1], "what": d.what, "trail": d.trail, "table": d.table}
        for d in verification.discrepancies
    ]
    return {**asdict(verification), "discrepancies": named}
