"""Submitting, and deciding, over the API."""

from __future__ import annotations

from typing import ClassVar

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api import pagination
from catalog.api.documented import IDEMPOTENCY_KEY, LARGEST_ID, choice, location, path_id
from catalog.api.idempotency import idempotent
from catalog.api.problems import InvalidParameter
from catalog.api.views import ApiView, signed_in
from catalog.people.models import User
from catalog.people.policies import has_role
from catalog.people.roles import OFFICERS
from catalog.releases.api import run_at
from catalog.review import selectors, serializers, services
from catalog.review.models import Review
from catalog.review.policies import check_can_decide, check_can_look, check_can_submit
from catalog.review.states import REVIEW
from catalog.review.states import WAITING as WAITING_STATES

WAITING = "waiting"


def review_at(review_id: int) -> Review:
    """Raises ``Http404``."""
    known = Review.objects.select_related(
        "dataset__organisation", "dataset__population", "dataset__contract", "run__version", "submitted_by", "officer"
    )
    found = known.filter(pk=review_id).first() if review_id <= LARGEST_ID else None
    if found is None:
        raise Http404
    return found


class SubmissionView(ApiView):
    """Put an assessed run before an officer."""

    required_scopes: ClassVar = {"POST": "runs:write"}

    @extend_schema(
        operation_id="runs_submit", tags=["reviews"], parameters=[path_id("run_id"), IDEMPOTENCY_KEY, location(201)],
        request=serializers.SubmissionRequestSerializer, responses={201: serializers.ReviewSerializer},
    )  # fmt: skip
    @idempotent()
    def post(self, request: Request, run_id: int) -> Response:
        run = run_at(run_id)
        me = signed_in(request)
        check_can_submit(me, run)
        asked = serializers.SubmissionRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        made = services.submit(by=me, run=run, **asked.validated_data)
        shown = serializers.shown(review_at(made.pk), to=me)
        return Response(shown, status=201, headers={"Location": f"/api/v1/reviews/{made.pk}"})


class ReviewsView(ApiView):
    """Reviews. ``state=waiting`` is an officer's queue: those that wait for this officer, longest first."""

    required_scopes: ClassVar = {"GET": "read"}
    query_parameters = pagination.PARAMETERS | {"state"}

    @extend_schema(
        operation_id="reviews_list", tags=["reviews"], parameters=[choice("state", (WAITING, *REVIEW.names)), *pagination.DOCUMENTED],
        responses=serializers.ReviewPageSerializer,
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        state = request.query_params.get("state")
        if state not in (None, WAITING, *REVIEW.names):
            raise InvalidParameter("state is waiting, or one of the states of a review.", parameter="state")
        rows = _rows(signed_in(request), state).defer("run__sample")
        return pagination.paged(request, rows, serializers.listed, newest_first=state != WAITING)


def _rows(user: User, state: str | None) -> QuerySet[Review]:
    if state == WAITING and has_role(user, *sorted(OFFICERS)):
        return selectors.queue(user).select_related("officer")
    rows = selectors.visible(user)
    if state is None:
        return rows
    return rows.filter(state__in=WAITING_STATES) if state == WAITING else rows.filter(state=state)


class ReviewView(ApiView):
    """One review, with all that a decision needs: report, sample, red flags, budget, earlier releases, record."""

    required_scopes: ClassVar = {"GET": "read"}

    @extend_schema(operation_id="reviews_read", tags=["reviews"], parameters=[path_id("review_id")], responses=serializers.ReviewSerializer)
    def get(self, request: Request, review_id: int) -> Response:
        review = review_at(review_id)
        check_can_look(signed_in(request), review)
        return Response(serializers.shown(review, to=signed_in(request)))


class OpeningView(ApiView):
    """An officer takes a waiting review in hand."""

    required_scopes: ClassVar = {"POST": "reviews:decide"}

    @extend_schema(
        operation_id="reviews_open", tags=["reviews"], parameters=[path_id("review_id")], request=None, responses=serializers.ReviewSerializer
    )
    def post(self, request: Request, review_id: int) -> Response:
        services.open_review(by=signed_in(request), review=review_at(review_id))
        return Response(serializers.shown(review_at(review_id), to=signed_in(request)))


class ReviewWithdrawalView(ApiView):
    """The steward takes a submission back before it is decided."""

    required_scopes: ClassVar = {"POST": "runs:write"}

    @extend_schema(
        operation_id="reviews_withdraw", tags=["reviews"], parameters=[path_id("review_id")], request=None,
        responses=serializers.ReviewSerializer,
    )  # fmt: skip
    def post(self, request: Request, review_id: int) -> Response:
        services.withdraw(by=signed_in(request), review=review_at(review_id))
        return Response(serializers.shown(review_at(review_id), to=signed_in(request)))


class DecisionsView(ApiView):
    """An officer's recorded verdict on one artefact hash."""

    required_scopes: ClassVar = {"POST": "reviews:decide"}

    @extend_schema(
        operation_id="reviews_decide", tags=["reviews"], parameters=[path_id("review_id"), IDEMPOTENCY_KEY],
        request=serializers.DecisionRequestSerializer, responses={201: serializers.DecisionSerializer},
    )  # fmt: skip
    @idempotent()
    def post(self, request: Request, review_id: int) -> Response:
        """Approve, return or reject. An approval publishes exactly the bytes with this hash."""
        review = review_at(review_id)
        check_can_decide(signed_in(request), review)
        asked = serializers.DecisionRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        decision = services.decide(by=signed_in(request), review=review, **asked.validated_data)
        return Response(serializers.shown_decision(decision), status=201)
