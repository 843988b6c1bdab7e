"""The rows of releases, over the API: pages of records, and whole exports.

The answers are written by the query library and sent as they are: no serializer, no renderer, one look-up in the
database for the release and one for the caller's key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from anonymize.errors import Problem
from catalog.api.documented import path_id, path_slug
from catalog.api.permissions import ANYONE
from catalog.api.problems import Answer, describe, explain
from catalog.api.views import ApiView
from catalog.publishing import caching, ranges, served
from catalog.publishing.models import Publication
from catalog.publishing.query import (
    MEDIA_TYPES,
    QueryError,
    RecordsQuery,
    ReleaseFile,
    etag,
    export,
    parse_export_params,
    parse_params,
    records,
    stored_whole,
)
from catalog.publishing.query.errors import CODES, STATUS
from catalog.publishing.query.params import MAX_LIMIT, MAX_OFFSET
from catalog.publishing.query.plan import plan
from catalog.publishing.schema import NOT_MODIFIED, tag_headers
from catalog.publishing.serializers import RecordsPageSerializer

TITLES = {400: "The question cannot be answered", 404: "Not found", 503: "The question cannot be answered now"}


@dataclass(frozen=True)
class QuestionProblem(Problem):
    """A finding about a question: ``pointer`` names the parameter, ``position`` counts in its text from 0."""

    position: int | None = None
    suggestion: str | None = None


@describe.register
def _(error: QueryError) -> Answer:
    headers = {"Retry-After": "5"} if error.status == 503 else {}
    found = QuestionProblem(error.code, error.message, error.pointer, position=error.position, suggestion=error.suggestion)
    return Answer(error.code, error.status, TITLES.get(error.status, TITLES[400]), error.message, error.who, (found,), headers=headers)


@describe.register
def _(error: ranges.RangeNotSatisfiable) -> Answer:
    size = error.extra["size"]
    return Answer(error.code, error.status, error.title, error.detail, headers={"Content-Range": f"bytes */{size}"})


for _code, _meaning in CODES.items():
    explain(_code, STATUS.get(_code, 400), TITLES.get(STATUS.get(_code, 400), TITLES[400]), _meaning)


def cursor_secret() -> bytes:
    return bytes(salted_hmac("catalog.publishing.cursor", "v1", algorithm="sha256").digest())


def _text(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, description=description)


_QUESTION = [
    _text("select", "Columns, or with group_by functions of them: `sum(spend) as total, count(*)`."),
    _text("where", "A filter: `spend > 100 and district in (\"11110\", \"11140\")`."),
    _text("group_by", "Columns to group by."),
    _text("order_by", "Columns to order by: `spend desc, district`."),
]
_PAGE = [
    OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 100}),
    OpenApiParameter("offset", {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0}),
    _text("cursor", "Opaque; from `next_cursor` or the Link header of the page before."),
    OpenApiParameter("count", OpenApiTypes.BOOL, description="Also give the total."),
]
_RECORDS: dict[str, Any] = {
    "tags": ["rows"],
    "responses": {200: RecordsPageSerializer, **NOT_MODIFIED},
}
_FORMAT = OpenApiParameter("file_format", OpenApiTypes.STR, OpenApiParameter.PATH, enum=list(MEDIA_TYPES), required=True)
_EXPORT: dict[str, Any] = {
    "tags": ["rows"],
    "responses": {
        (200, "text/csv"): OpenApiTypes.STR,
        (200, "application/json"): {"type": "array", "items": {"type": "object", "additionalProperties": True}},
        (200, "application/jsonl"): OpenApiTypes.STR,
        (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
        (206, "application/vnd.apache.parquet"): OpenApiResponse(OpenApiTypes.BINARY, "The part that Range asked for."),
        **NOT_MODIFIED,
    },
}


class PublicRows(ApiView):
    required_scopes: ClassVar = {"GET": ANYONE}
    query_parameters = None  # the query library names the unknown ones itself, with a suggestion


class CurrentRecordsView(PublicRows):
    """Rows of a dataset's current release."""

    @extend_schema(operation_id="records", parameters=[path_slug(), *_QUESTION, *_PAGE, *tag_headers()], **_RECORDS)
    def get(self, request: Request, slug: str) -> HttpResponse:
        return page(request, served.current_at(slug))


class ReleaseRecordsView(PublicRows):
    """Rows of one release, the same for ever."""

    @extend_schema(operation_id="release_records", parameters=[path_slug(), path_id("number"), *_QUESTION, *_PAGE, *tag_headers()], **_RECORDS)
    def get(self, request: Request, slug: str, number: int) -> HttpResponse:
        return page(request, served.numbered_at(slug, number))


class CurrentExportView(PublicRows):
    """All rows of a dataset's current release that a question asks for, without a cap."""

    @extend_schema(operation_id="export", parameters=[path_slug(), _FORMAT, *_QUESTION, *tag_headers()], **_EXPORT)
    def get(self, request: Request, slug: str, file_format: str) -> HttpResponseBase:
        return whole(request, served.current_at(slug), slug, file_format)


class ReleaseExportView(PublicRows):
    """The same, of one release."""

    @extend_schema(operation_id="release_export", parameters=[path_slug(), path_id("number"), _FORMAT, *_QUESTION, *tag_headers()], **_EXPORT)
    def get(self, request: Request, slug: str, number: int, file_format: str) -> HttpResponseBase:
        return whole(request, served.numbered_at(slug, number), slug, file_format)


# --- a page ------------------------------------------------------------------------------------------------------


def page(request: Request, publication: Publication) -> HttpResponse:
    release = served.release_file(publication)
    question = parse_params(_parameters(request))
    tag = etag(release, question)
    if caching.matches(request, tag):
        plan(question, release.schema)  # a question that cannot be asked has no answer to be unchanged
        return caching.not_modified(tag)
    found = records(release, question, secret=cursor_secret(), timeout_s=settings.QUERY_TIMEOUT_SECONDS)
    response = HttpResponse(found.to_json(), content_type="application/json")
    if found.next_cursor is not None:
        response["Link"] = f'<{_next_page(request, found.next_cursor)}>; rel="next"'
    return caching.tagged(response, tag)


def _parameters(request: Request) -> dict[str, Any]:
    return {str(name): [str(value) for value in values] for name, values in request.query_params.lists()}


def _next_page(request: Request, cursor: str) -> str:
    parameters = request.query_params.copy()
    parameters.pop("offset", None)
    parameters["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{parameters.urlencode()}")


# --- a whole answer ----------------------------------------------------------------------------------------------


def whole(request: Request, publication: Publication, slug: str, format: str) -> HttpResponseBase:
    release = served.release_file(publication)
    question = parse_export_params(_parameters(request))
    tag = etag(release, question, f"export {format}")
    if format in MEDIA_TYPES and caching.matches(request, tag):
        plan(question, release.schema)
        return caching.not_modified(tag)
    pieces = export(release, format, question)  # checks format and question before anything is answered
    response = _body(request, release, question, format, pieces, tag)
    response["Content-Disposition"] = f'attachment; filename="{slug}-{publication.number}.{format}"'
    response["ETag"], response["Cache-Control"] = tag, caching.PUBLIC
    return response


def _body(
    request: Request, release: ReleaseFile, question: RecordsQuery, format: str, pieces: Iterator[bytes], tag: str
) -> HttpResponseBase:
    path = stored_whole(release, format, question)
    if path is not None:
        _close(pieces)
        return _file(request, path, tag)
    if request.method == "HEAD":
        _close(pieces)
        return HttpResponse(content_type=MEDIA_TYPES[format])
    return StreamingHttpResponse(pieces, content_type=MEDIA_TYPES[format])


def _close(pieces: Iterator[bytes]) -> None:
    pieces.close()  # type: ignore[attr-defined]  # a generator: stops the query


def _file(request: Request, path: Path, tag: str) -> HttpResponseBase:
    """The published file itself: its length is known, and parts of it can be asked for."""
    size, kind = path.stat().st_size, MEDIA_TYPES["parquet"]
    current = request.headers.get("If-Range", tag) == tag
    part = ranges.wanted(request.headers.get("Range"), size) if current else None
    response: HttpResponseBase
    if part is None:
        response = FileResponse(path.open("rb"), content_type=kind)
    else:
        response = StreamingHttpResponse(ranges.pieces(path, part), status=206, content_type=kind)
        response["Content-Range"] = f"bytes {part.first}-{part.last}/{size}"
    response["Content-Length"] = str(size if part is None else len(part))
    response["Accept-Ranges"] = "bytes"
    return response
