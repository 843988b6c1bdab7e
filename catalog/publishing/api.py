"""The public catalogue, releases and register, over the API; and stopping a release."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api import pagination
from catalog.api.documented import LARGEST_ID, choice, path_id, path_slug
from catalog.api.permissions import ANYONE
from catalog.api.problems import InvalidParameter
from catalog.api.views import ApiView, signed_in
from catalog.datasets.api import DatasetsWriting, DatasetWriting
from catalog.datasets.models import Dataset, Source
from catalog.datasets.policies import can_see_inside
from catalog.people.models import User
from catalog.publishing import caching, selectors, serializers, services
from catalog.publishing.models import Copy, Publication
from catalog.publishing.policies import check_can_stop
from catalog.publishing.query import forget
from catalog.publishing.schema import NOT_MODIFIED, tag_headers
from catalog.publishing.selectors import Search
from catalog.publishing.served import LARGEST_NUMBER
from catalog.review.policies import check_can_look

LONGEST_SEARCH: Final = 200
# sort → field and direction
ORDERS: Final = {"newest": ("released_at", True), "oldest": ("released_at", False), "title": ("title", False)}
CHOICES: Final = {"source": Source.values, "guarantee": serializers.GUARANTEES, "sort": tuple(ORDERS)}
_SHORT: Final = {"type": "string", "maxLength": LONGEST_SEARCH}


def _ok(serializer: Any) -> dict[Any, Any]:
    return {200: serializer, **NOT_MODIFIED}


# --- the catalogue -----------------------------------------------------------------------------------------------


class DatasetsView(DatasetsWriting):
    """The catalogue: datasets with a release, found by words and facets."""

    required_scopes: ClassVar = {**DatasetsWriting.required_scopes, "GET": ANYONE}
    parameters: ClassVar = {"GET": pagination.PARAMETERS | {"q", "organisation", "theme", "source", "guarantee", "sort"}}

    @extend_schema(
        operation_id="datasets_list", tags=["datasets"], responses=_ok(serializers.DatasetPageSerializer),
        parameters=[
            OpenApiParameter("q", _SHORT, description="Words that title, description, slug or owner hold."),
            OpenApiParameter("organisation", _SHORT), OpenApiParameter("theme", _SHORT), choice("source", CHOICES["source"]),
            choice("guarantee", CHOICES["guarantee"]), choice("sort", CHOICES["sort"], default="newest"),
            *pagination.DOCUMENTED, *tag_headers(),
        ],
    )  # fmt: skip
    def get(self, request: Request) -> HttpResponse:
        search = _search(request)
        found = selectors.find(search)
        field, falling = ORDERS[search.sort]
        answer = pagination.paged_by(request, found, serializers.listed_dataset, field=field, falling=falling)
        answer.data["facets"] = selectors.facets(found)
        return caching.published(request, answer)


def _search(request: Request) -> Search:
    given = {name: str(text) for name, text in request.query_params.items() if name not in pagination.PARAMETERS}
    for name, text in given.items():
        if name in CHOICES and text not in CHOICES[name]:
            raise InvalidParameter(f"{name} is one of {', '.join(CHOICES[name])}.", parameter=name)
        if len(text) > LONGEST_SEARCH:
            raise InvalidParameter(f"{name} has at most {LONGEST_SEARCH} characters.", parameter=name)
    return Search(**given)


class DatasetView(DatasetWriting):
    """One dataset: what it is about, its columns, the guarantee in words, its latest release."""

    required_scopes: ClassVar = {**DatasetWriting.required_scopes, "GET": ANYONE}
    insider_scopes: ClassVar = {"GET": "read"}

    @extend_schema(
        operation_id="datasets_read", tags=["datasets"], parameters=[path_slug(), *tag_headers()],
        responses=_ok(serializers.DatasetSerializer),
    )  # fmt: skip
    def get(self, request: Request, slug: str) -> HttpResponse | Response:
        """Also those of your own organisation that have no release yet."""
        dataset = Dataset.objects.select_related("organisation", "contract").filter(slug=slug).first()
        if dataset is None:
            raise Http404
        newest = _publications(dataset).order_by("-number").first()
        latest = selectors.current(dataset)
        answer = serializers.shown_dataset(dataset, latest, newest)
        if newest is not None:
            return caching.published(request, answer)
        if not (isinstance(request.user, User) and can_see_inside(request.user, dataset)):
            raise Http404
        return caching.unpublished(answer)


def _publications(dataset: Dataset) -> QuerySet[Publication]:
    return dataset.publications.select_related("dataset", "superseded_by", "review")


def _public_dataset(slug: str) -> Dataset:
    dataset = Dataset.objects.filter(slug=slug, publications__isnull=False).first()
    if dataset is None:
        raise Http404
    return dataset


# --- releases ----------------------------------------------------------------------------------------------------


class ReleasesView(ApiView):
    """All releases of a dataset, newest first; those that were stopped as tombstones."""

    required_scopes: ClassVar = {"GET": ANYONE}
    query_parameters = pagination.PARAMETERS

    @extend_schema(
        operation_id="releases_list", tags=["releases"], parameters=[path_slug(), *pagination.DOCUMENTED, *tag_headers()],
        responses=_ok(serializers.ReleasePageSerializer),
    )  # fmt: skip
    def get(self, request: Request, slug: str) -> HttpResponse:
        rows = _publications(_public_dataset(slug))
        return caching.published(request, pagination.paged(request, rows, serializers.listed, by="number"))


class ReleaseView(ApiView):
    """One release: hashes, recipe, report and decision, as far as they are public."""

    required_scopes: ClassVar = {"GET": ANYONE}

    @extend_schema(
        operation_id="releases_read", tags=["releases"], parameters=[path_slug(), path_id("number"), *tag_headers()],
        responses=_ok(serializers.ReleaseSerializer),
    )  # fmt: skip
    def get(self, request: Request, slug: str, number: int) -> HttpResponse:
        known = Publication.objects.select_related("dataset", "superseded_by", "review")
        found = known.filter(dataset__slug=slug, number=number).first() if number <= LARGEST_NUMBER else None
        if found is None:
            raise Http404
        return caching.published(request, serializers.shown(selectors.readable(found)))


class RegisterView(ApiView):
    """The public register: every release there ever was, with its guarantee and decision, and the budgets."""

    required_scopes: ClassVar = {"GET": ANYONE}
    query_parameters = pagination.PARAMETERS

    @extend_schema(
        operation_id="register", tags=["releases"], parameters=[*pagination.DOCUMENTED, *tag_headers()],
        responses=_ok(serializers.RegisterSerializer),
    )  # fmt: skip
    def get(self, request: Request) -> HttpResponse:
        answer = pagination.paged(request, selectors.register(), serializers.register_entry)
        answer.data["budgets"] = [serializers.budget(population) for population in selectors.public_populations()]
        return caching.published(request, answer)


# --- stopping ----------------------------------------------------------------------------------------------------


class StopView(ApiView):
    required_scopes: ClassVar = {"POST": "releases:stop"}
    stop: ClassVar[Any]

    def stopped(self, request: Request, release_id: int) -> Response:
        publication = publication_at(release_id)
        check_can_stop(signed_in(request), publication)
        asked = serializers.StopRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        type(self).stop(by=signed_in(request), publication=publication, reason=asked.validated_data["reason"])
        forget(publication.artefact_sha256)
        return Response(serializers.listed(publication))


_STOP: Final[dict[str, Any]] = {
    "tags": ["releases"],
    "parameters": [path_id("release_id", "`id` of the release, not its number")],
    "request": serializers.StopRequestSerializer,
    "responses": serializers.ReleaseListedSerializer,
}


class SuspensionView(StopView):
    """Take a release off the air at once."""

    stop = staticmethod(services.suspend)

    @extend_schema(operation_id="releases_suspend", **_STOP)
    def post(self, request: Request, release_id: int) -> Response:
        """From the next request on it answers 410 with your reason. Starting again takes a new decision."""
        return self.stopped(request, release_id)


class WithdrawalView(StopView):
    """Take a release back for good."""

    stop = staticmethod(services.withdraw)

    @extend_schema(operation_id="releases_withdraw", **_STOP)
    def post(self, request: Request, release_id: int) -> Response:
        """Its file is removed from the public store; your reason stands in its place."""
        return self.stopped(request, release_id)


class CopyView(ApiView):
    """The copy of an approved artefact into the public store."""

    required_scopes: ClassVar = {"GET": "read", "POST": "reviews:decide"}

    @extend_schema(operation_id="reviews_copy", tags=["reviews"], parameters=[path_id("review_id")], responses=serializers.CopySerializer)
    def get(self, request: Request, review_id: int) -> Response:
        """How far it is; where it was refused, why, and who must act."""
        copy = copy_at(review_id)
        check_can_look(signed_in(request), copy.review)
        return Response(serializers.shown_copy(copy))

    @extend_schema(operation_id="reviews_copy_again", tags=["reviews"], parameters=[path_id("review_id")], request=None, responses={202: serializers.CopySerializer})
    def post(self, request: Request, review_id: int) -> Response:
        """Have a refused copy tried anew, once what stood in the way is mended. The approval is of the same bytes still."""
        copy = copy_at(review_id)
        services.order_again(by=signed_in(request), copy=copy)
        return Response(serializers.shown_copy(copy), status=202)


def copy_at(review_id: int) -> Copy:
    """Raises ``Http404`` where no copy was ordered: the review is not approved."""
    known = Copy.objects.select_related("review__dataset__organisation", "review__run")
    copy = known.filter(review_id=review_id).first() if review_id <= LARGEST_ID else None
    if copy is None:
        raise Http404
    return copy


def publication_at(release_id: int) -> Publication:
    """Raises ``Http404``."""
    known = Publication.objects.select_related("dataset__organisation", "superseded_by", "review")
    found = known.filter(pk=release_id).first() if release_id <= LARGEST_ID else None
    if found is None:
        raise Http404
    return found
