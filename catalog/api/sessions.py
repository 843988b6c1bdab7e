"""One's own sessions over the API: where they are open, and ending them. Keys are refused: a key has no session."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.documented import path_id
from catalog.api.views import ApiView, signed_in
from catalog.people import sessions


class OpenSessionSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    browser = serializers.CharField(help_text="Its family and system, from what it says of itself.")
    network = serializers.CharField(allow_blank=True, help_text="The beginning of the address.")
    created_at = serializers.DateTimeField(default_timezone=UTC)
    last_seen_at = serializers.DateTimeField(default_timezone=UTC, help_text="To within five minutes.")
    current = serializers.BooleanField()


class OpenSessionsSerializer(serializers.Serializer[Any]):
    results = OpenSessionSerializer(many=True)


class SessionsView(ApiView):
    """My sessions, and the end of all of them but this one."""

    @extend_schema(operation_id="sessions_list", responses=OpenSessionsSerializer)
    def get(self, request: Request) -> Response:
        open_now = sessions.of(signed_in(request), request._request)
        return Response({"results": [OpenSessionSerializer(asdict(seen)).data for seen in open_now]})

    @extend_schema(operation_id="sessions_end_others", request=None, responses={204: None})
    def delete(self, request: Request) -> Response:
        sessions.end_all(signed_in(request), keep=request._request.session.session_key)
        return Response(status=204)


class OpenSessionView(ApiView):
    """One of my sessions."""

    @extend_schema(operation_id="sessions_end", request=None, responses={204: None}, parameters=[path_id("session_id")])
    def delete(self, request: Request, session_id: int) -> Response:
        if not sessions.end(signed_in(request), session_id):
            raise Http404
        return Response(status=204)
