"""The alarms that stand, over the API."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api import pagination
from catalog.api.views import ApiView
from catalog.audit.alarms import CODES, open_alarms
from catalog.audit.models import Alarm
from catalog.people.policies import check_can_see_alarms


class AlarmSerializer(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=CODES)
    subject_type = serializers.CharField()
    subject_id = serializers.CharField()
    detail = serializers.DictField()
    raised_at = serializers.DateTimeField()


class AlarmPageSerializer(serializers.Serializer[Any]):
    results = AlarmSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


def shown(alarm: Alarm) -> dict[str, Any]:
    return {name: getattr(alarm, name) for name in ("code", "subject_type", "subject_id", "detail", "raised_at")}


class AlarmsView(ApiView):
    """What was vouched for and is not so: alarms that stand, oldest first."""

    required_scopes: ClassVar = {"GET": "read"}
    query_parameters = pagination.PARAMETERS

    @extend_schema(operation_id="alarms", responses=AlarmPageSerializer, parameters=pagination.DOCUMENTED)
    def get(self, request: Request) -> Response:
        check_can_see_alarms(request.user)
        return pagination.paged(request, open_alarms(), shown, newest_first=False)
