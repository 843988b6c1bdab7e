"""Populations, and what was spent of their budget."""

from __future__ import annotations

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api import pagination
from catalog.api.views import ApiView
from catalog.ledger import selectors
from catalog.ledger.models import Population, Spending
from catalog.ledger.policies import check_can_read_ledger
from catalog.ledger.units import KINDS


class AmountSerializer(serializers.Serializer[Any]):
    epsilon = serializers.CharField()
    delta = serializers.CharField()


class BalanceSerializer(serializers.Serializer[Any]):
    """Of a unit with periods, ``spent`` is that of the period on which most was spent, and ``left`` what is left for it."""

    cap = AmountSerializer()
    spent = AmountSerializer()
    left = AmountSerializer()


class PopulationSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    owner = serializers.CharField()
    unit = serializers.ChoiceField(choices=KINDS, help_text="what the budget is kept of")
    time_zone = serializers.CharField(allow_null=True, help_text="where a person's day, week or month begins; null for the unit person")
    balance = BalanceSerializer()


class CoversSerializer(serializers.Serializer[Any]):
    """Whole periods: from a date up to, and without, another."""

    since = serializers.DateField()
    until = serializers.DateField()


class SpendingSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    epsilon = serializers.CharField()
    delta = serializers.CharField()
    covers = CoversSerializer(allow_null=True, help_text="the dates of which alone rows can count in it; null: any date")
    subject_type = serializers.CharField()
    subject_id = serializers.CharField()
    by = serializers.CharField()
    note = serializers.CharField(allow_blank=True)


class PopulationPageSerializer(serializers.Serializer[Any]):
    results = PopulationSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class LedgerSerializer(serializers.Serializer[Any]):
    population = PopulationSerializer()
    composition = serializers.CharField()
    results = SpendingSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


COMPOSITION = "the smallest of the plain sum, zero-concentrated privacy and privacy loss distributions, at a δ of at most the cap"
PARALLEL = "; of one period at a time, by the releases that cover it, and booked is the period on which most was spent"


def shown(population: Population) -> dict[str, Any]:
    return {
        "slug": population.slug,
        "name": population.name,
        "description": population.description,
        "owner": population.owner.slug,
        **population.unit_of_privacy.as_dict(),
        "balance": selectors.balance(population).as_dict(),
    }


def shown_spending(spending: Spending) -> dict[str, Any]:
    return {
        "id": spending.pk,
        "at": spending.at,
        **selectors.Amount(spending.epsilon, spending.delta).as_dict(),
        "covers": {"since": spending.covers_from, "until": spending.covers_until} if spending.covers_from else None,
        "subject_type": spending.subject_type,
        "subject_id": spending.subject_id,
        "by": spending.by.get_username() if spending.by else "system",
        "note": spending.note,
    }


class PopulationsView(ApiView):
    """All populations, with what is left of their budget."""

    required_scopes: ClassVar = {"GET": "ledger:read"}
    query_parameters = pagination.PARAMETERS

    @extend_schema(operation_id="populations", responses=PopulationPageSerializer, parameters=pagination.DOCUMENTED)
    def get(self, request: Request) -> Response:
        check_can_read_ledger(request.user)
        rows = Population.objects.select_related("owner")
        return pagination.paged(request, rows, shown, newest_first=False)


class LedgerView(ApiView):
    """Every spend of one population's budget, newest first."""

    required_scopes: ClassVar = {"GET": "ledger:read"}
    query_parameters = pagination.PARAMETERS

    @extend_schema(operation_id="ledger", responses=LedgerSerializer, parameters=pagination.DOCUMENTED)
    def get(self, request: Request, slug: str) -> Response:
        check_can_read_ledger(request.user)
        population = get_object_or_404(Population.objects.select_related("owner"), slug=slug)
        response = pagination.paged(request, selectors.spendings_of(population), shown_spending)
        composition = COMPOSITION + (PARALLEL if population.unit_of_privacy.has_periods else "")
        response.data = {"population": shown(population), "composition": composition, **response.data}
        return response
