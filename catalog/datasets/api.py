"""What comes in, over the API: datasets, hierarchy files, versions, and the roles of their columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import IO, Any, ClassVar

from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiRequest, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from anonymize.errors import Problem
from anonymize.tables.header import MODES, Heading
from catalog.api import pagination
from catalog.api.documented import IDEMPOTENCY_KEY, LARGEST_ID, MixedView, location, path_id, path_slug
from catalog.api.idempotency import idempotent
from catalog.api.problems import InvalidParameter
from catalog.api.views import ApiView, signed_in
from catalog.audit.errors import Invalid, TooLarge
from catalog.datasets import receiving, serializers, services
from catalog.datasets.models import Dataset, HierarchyFile, Version
from catalog.datasets.policies import check_can_edit, check_can_see_inside
from catalog.ledger.models import Population
from catalog.people.models import Organisation, User
from catalog.people.policies import check_can_manage_people

HIERARCHY_NAME = re.compile(r"\w[\w.-]*\.(csv|geojson)")


def dataset_at(slug: str) -> Dataset:
    """Raises ``Http404``."""
    found = Dataset.objects.select_related("organisation", "steward", "population", "contract").filter(slug=slug).first()
    if found is None:
        raise Http404
    return found


def version_at(slug: str, version_id: int) -> Version:
    """Raises ``Http404``."""
    known = Version.objects.select_related("dataset__organisation", "dataset__population", "uploaded_by")
    found = known.filter(dataset__slug=slug, pk=version_id).first() if version_id <= LARGEST_ID else None
    if found is None:
        raise Http404
    return found


def _unknown(member: str, message: str) -> Invalid:
    return Invalid(message, problems=(Problem("unknown", message, pointer=f"/{member}"),))


def _fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Members of a request as what the services take: slugs become the things they name."""
    fields = dict(given)
    if fields.get("population") is not None:
        slug = fields["population"]
        fields["population"] = Population.objects.filter(slug=slug).first()
        if fields["population"] is None:
            raise _unknown("population", "There is no population with this slug.")
    return fields


def _organisation(user: User, slug: str | None) -> Organisation:
    found = user.organisation if slug is None else Organisation.objects.filter(slug=slug).first()
    if found is None:
        raise _unknown("organisation", "There is no such organisation; name the one you work for.")
    return found


# --- datasets (the room above reads them; see publishing/api.py for the routes) ------------------------------------


class DatasetsWriting(MixedView):
    required_scopes: ClassVar = {"POST": "datasets:write"}

    @extend_schema(
        operation_id="datasets_create", tags=["datasets"], parameters=[IDEMPOTENCY_KEY, location(201)],
        request=serializers.DatasetRequestSerializer, responses={201: serializers.DatasetEntrySerializer},
    )  # fmt: skip
    @idempotent()
    def post(self, request: Request) -> Response:
        """Add a dataset of your organisation to the catalogue. It shows up in public with its first release."""
        me = signed_in(request)
        asked = serializers.DatasetRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        fields = _fields(asked.validated_data)
        organisation = _organisation(me, fields.pop("organisation", None))
        made = services.create_dataset(by=me, organisation=organisation, **fields)
        shown = serializers.entry(dataset_at(made.slug))
        return Response(shown, status=201, headers={"Location": f"/api/v1/datasets/{made.slug}"})


class DatasetWriting(MixedView):
    required_scopes: ClassVar = {"PATCH": "datasets:write"}

    @extend_schema(
        operation_id="datasets_change", tags=["datasets"], parameters=[path_slug()],
        request=serializers.DatasetChangeSerializer, responses=serializers.DatasetEntrySerializer,
    )  # fmt: skip
    def patch(self, request: Request, slug: str) -> Response:
        """Change the description of a dataset; members that are left out stay as they are."""
        dataset = dataset_at(slug)
        check_can_edit(signed_in(request), dataset)
        asked = serializers.DatasetChangeSerializer(data=request.data, partial=True)
        asked.is_valid(raise_exception=True)
        services.update_dataset(by=signed_in(request), dataset=dataset, **_fields(asked.validated_data))
        return Response(serializers.entry(dataset_at(slug)))


class EntryView(ApiView):
    """A dataset as its stewards see it, with contract and population."""

    required_scopes: ClassVar = {"GET": "read"}

    @extend_schema(
        operation_id="datasets_entry", tags=["datasets"], parameters=[path_slug()], responses=serializers.DatasetEntrySerializer
    )
    def get(self, request: Request, slug: str) -> Response:
        dataset = dataset_at(slug)
        check_can_see_inside(signed_in(request), dataset)
        return Response(serializers.entry(dataset))


class StewardView(ApiView):
    """Who is the steward of a dataset. Signed in only, for administrators: no scope is named."""

    @extend_schema(
        operation_id="datasets_hand_over", tags=["datasets"], parameters=[path_slug()],
        request=serializers.StewardRequestSerializer, responses=serializers.StewardSerializer,
    )  # fmt: skip
    def put(self, request: Request, slug: str) -> Response:
        """Hand a dataset over to another steward of its organisation. Who had it keeps a hand in it."""
        me = signed_in(request)
        check_can_manage_people(me)
        dataset = dataset_at(slug)
        asked = serializers.StewardRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        to = User.objects.filter(username=asked.validated_data["steward"]).first()
        if to is None:
            raise _unknown("steward", "There is no account with this name.")
        handed = services.hand_over(by=me, dataset=dataset, to=to)
        return Response({"slug": handed.slug, "steward": to.get_username()})


# --- hierarchies -------------------------------------------------------------------------------------------------


class LadderParser(BaseParser):
    """``text/csv``, as it is, not endless."""

    media_type = "text/csv"
    name = ".csv"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        most = services.most_bytes(self.name)
        body = stream.read(most + 1)
        if not len(body) <= most:
            raise TooLarge(f"A hierarchy file has at most {most} bytes. Nothing was kept.")
        return body


class LayerParser(LadderParser):
    """``application/geo+json`` (RFC 7946): a layer of places, likewise."""

    media_type = "application/geo+json"
    name = services.LAYER


MEDIA_TYPES = {"csv": LadderParser.media_type, "geojson": LayerParser.media_type}


_FILE_NAME = OpenApiParameter(
    "name", {"type": "string", "pattern": r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\.(csv|geojson)$", "maxLength": 100}, OpenApiParameter.PATH, required=True
)


class HierarchiesView(ApiView):
    """The hierarchy files that recipes of this dataset can refer to."""

    required_scopes: ClassVar = {"GET": "read"}
    query_parameters = pagination.PARAMETERS

    @extend_schema(
        operation_id="hierarchies_list", tags=["datasets"], parameters=[path_slug(), *pagination.DOCUMENTED],
        responses=serializers.HierarchyPageSerializer,
    )  # fmt: skip
    def get(self, request: Request, slug: str) -> Response:
        dataset = dataset_at(slug)
        check_can_see_inside(signed_in(request), dataset)
        rows = dataset.hierarchy_files.select_related("uploaded_by")
        return pagination.paged(request, rows, serializers.shown_hierarchy, newest_first=False)


class HierarchyView(ApiView):
    """One hierarchy file: ``;`` separated, leaf first, one line a value; or a GeoJSON layer whose features have codes."""

    required_scopes: ClassVar = {"GET": "read", "PUT": "datasets:write"}
    parser_classes = (LadderParser, LayerParser)  # type: ignore[assignment]

    @extend_schema(
        operation_id="hierarchies_read", tags=["datasets"], parameters=[path_slug(), _FILE_NAME],
        responses=dict.fromkeys(((200, kind) for kind in MEDIA_TYPES.values()), OpenApiTypes.STR),
    )  # fmt: skip
    def get(self, request: Request, slug: str, name: str) -> HttpResponse:
        dataset = dataset_at(slug)
        check_can_see_inside(signed_in(request), dataset)
        known = HIERARCHY_NAME.fullmatch(name) is not None
        found = HierarchyFile.objects.filter(dataset=dataset, name=name).first() if known else None
        if found is None:
            raise Http404
        return HttpResponse(found.content.encode(), content_type=f"{MEDIA_TYPES[name.rpartition('.')[2]]}; charset=utf-8")

    @extend_schema(
        operation_id="hierarchies_put", tags=["datasets"], parameters=[path_slug(), _FILE_NAME],
        request=dict.fromkeys(MEDIA_TYPES.values(), OpenApiTypes.BINARY), responses=serializers.HierarchyFileSerializer,
    )  # fmt: skip
    def put(self, request: Request, slug: str, name: str) -> Response:
        dataset = dataset_at(slug)
        check_can_edit(signed_in(request), dataset)
        if HIERARCHY_NAME.fullmatch(name) is None:
            raise _unknown("name", "The name of a hierarchy file is a plain file name that ends in .csv or .geojson.")
        content = request.data if isinstance(request.data, bytes) else b""
        kept = services.set_hierarchy_file(by=signed_in(request), dataset=dataset, name=name, content=content)
        return Response(serializers.shown_hierarchy(kept))


# --- versions ----------------------------------------------------------------------------------------------------


_RAW = OpenApiTypes.BINARY
_FILE_NAME_QUERY = OpenApiParameter(
    "file_name", {"type": "string", "maxLength": receiving.MAX_NAME}, description="What the file is called; its ending helps to read it."
)
_HEADER_QUERY = OpenApiParameter("header", OpenApiTypes.STR, enum=list(MODES), description=serializers.HEADER_HELP)
_NAMES_QUERY = OpenApiParameter("names", OpenApiTypes.STR, description=serializers.NAMES_HELP)
_SAID_IN_ADDRESS = ("header", "names")


class VersionsView(MixedView):
    """Uploaded versions of a dataset."""

    required_scopes: ClassVar = {"GET": "read", "POST": "datasets:write"}
    parameters: ClassVar = {"GET": pagination.PARAMETERS, "POST": frozenset({"file_name", *_SAID_IN_ADDRESS})}

    @extend_schema(
        operation_id="versions_list", tags=["versions"], parameters=[path_slug(), *pagination.DOCUMENTED],
        responses=serializers.VersionPageSerializer,
    )  # fmt: skip
    def get(self, request: Request, slug: str) -> Response:
        dataset = dataset_at(slug)
        check_can_see_inside(signed_in(request), dataset)
        rows = dataset.versions.select_related("dataset", "uploaded_by")
        return pagination.paged(request, rows, serializers.listed)

    @extend_schema(
        operation_id="versions_create", tags=["versions"],
        parameters=[path_slug(), _FILE_NAME_QUERY, _HEADER_QUERY, _NAMES_QUERY, IDEMPOTENCY_KEY, location(202)],
        request={
            "multipart/form-data": OpenApiRequest(serializers.UploadSerializer, encoding={"types": {"contentType": "application/json"}}),
            **dict.fromkeys(receiving.RAW_TYPES, _RAW),
        },
        responses={202: serializers.VersionSerializer},
    )  # fmt: skip
    def post(self, request: Request, slug: str) -> Response:
        """Upload a file: as a form, or as the body itself. It is sealed as it arrives; a worker checks it next."""
        dataset = dataset_at(slug)
        check_can_edit(signed_in(request), dataset)
        with receiving.receive(request._request, file_name=_file_name(request), heading=_heading(request)) as received:
            request.received = received  # type: ignore[attr-defined]
            return self._register(request, dataset)

    @idempotent(fingerprint=lambda request: request.received.fingerprint)  # type: ignore[attr-defined]
    def _register(self, request: Request, dataset: Dataset) -> Response:
        received: receiving.Received = request.received  # type: ignore[attr-defined]
        made = services.receive_version(
            by=signed_in(request), dataset=dataset, file_name=received.file_name, sealed=received.keep(),
            declared_types=received.declared_types, heading=received.heading,
        )  # fmt: skip
        address = f"/api/v1/datasets/{dataset.slug}/versions/{made.pk}"
        return Response(serializers.shown(made), status=202, headers={"Location": address})


def _heading(request: Request) -> Heading | None:
    """As the address says it: a body that is the file itself has no other place for it. A form says it in its parts."""
    said = {name: request.query_params.getlist(name) for name in _SAID_IN_ADDRESS}
    if any(len(values) > 1 for values in said.values()):
        raise InvalidParameter("header and names are given once.")
    if not any(said.values()):
        return None
    return receiving.declared(*(values[0] if values else None for values in said.values()))


def _file_name(request: Request) -> str | None:
    names = request.query_params.getlist("file_name")
    if len(names) > 1 or any(len(name) > receiving.MAX_NAME for name in names):
        raise InvalidParameter(f"file_name is given once, with at most {receiving.MAX_NAME} characters.")
    return names[0] or None if names else None


class VersionView(MixedView):
    """One uploaded version: its state, what was found wrong with it, and what its columns seem to be."""

    required_scopes: ClassVar = {"GET": "read", "DELETE": "datasets:write"}
    parameters: ClassVar = {"DELETE": frozenset({"reason"})}

    @extend_schema(
        operation_id="versions_read", tags=["versions"], parameters=[path_slug(), path_id("version_id")],
        responses=serializers.VersionSerializer,
    )  # fmt: skip
    def get(self, request: Request, slug: str, version_id: int) -> Response:
        version = version_at(slug, version_id)
        check_can_see_inside(signed_in(request), version.dataset)
        return Response(serializers.shown(version))

    @extend_schema(
        operation_id="versions_destroy", tags=["versions"],
        parameters=[path_slug(), path_id("version_id"), OpenApiParameter("reason", {"type": "string", "minLength": 1, "maxLength": 500}, required=True)],
        responses={200: serializers.VersionSerializer},
    )  # fmt: skip
    def delete(self, request: Request, slug: str, version_id: int) -> Response:
        """Destroy the raw data for good, and the words of its record: names, notes, errors. What was published of it stays."""
        version = version_at(slug, version_id)
        check_can_edit(signed_in(request), version.dataset)
        reason = request.query_params.get("reason", "")
        if not (reason.strip() and len(reason) <= 500):
            raise InvalidParameter("Say why, in at most 500 characters: reason=…")
        services.destroy_version(by=signed_in(request), version=version, reason=reason.strip())
        return Response(serializers.shown(version))


class ColumnsView(ApiView):
    """Roles, hierarchies and meanings of the columns of a version."""

    required_scopes: ClassVar = {"PATCH": "datasets:write"}

    @extend_schema(
        operation_id="columns_set", tags=["versions"], parameters=[path_slug(), path_id("version_id")],
        request=serializers.ColumnsRequestSerializer, responses=serializers.VersionSerializer,
    )  # fmt: skip
    def patch(self, request: Request, slug: str, version_id: int) -> Response:
        """Set what is named; columns and members that are left out stay as they are."""
        version = version_at(slug, version_id)
        check_can_edit(signed_in(request), version.dataset)
        asked = serializers.ColumnsRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        services.set_columns(by=signed_in(request), version=version, columns=asked.validated_data["columns"])
        return Response(serializers.shown(version_at(slug, version_id)))
