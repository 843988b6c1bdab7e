"""What the API takes and shows of estimates of bounds."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from anonymize.bounds import USUAL_EPSILON, USUAL_SHARE
from catalog.api.documented import LARGEST_ID, FailureView
from catalog.api.fields import Document, Whole
from catalog.api.serializers import StrictSerializer
from catalog.releases.models import Estimate
from catalog.releases.serializers import RunVersionSerializer
from catalog.releases.states import ESTIMATE


class EstimateRequestSerializer(StrictSerializer):
    recipe = Document(help_text="A recipe of a DP table; the limits and bounds in it play no part.")
    epsilon = serializers.DecimalField(
        max_digits=24, decimal_places=12, default=USUAL_EPSILON, help_text="What the look costs, charged when noise is drawn."
    )
    share = serializers.DecimalField(
        max_digits=12, decimal_places=10, default=USUAL_SHARE, help_text="Of the persons, how many a bound should cover: from 0.5 to below 1."
    )
    version = Whole(min_value=1, max_value=LARGEST_ID, required=False, help_text="id of the version to look at; the newest ready one when left out")


class ProposalSerializer(serializers.Serializer):
    """A bound, and the share of persons that it covers by noisy counts, give or take ``error`` (95 %); null: see ``why``."""

    field = serializers.CharField()
    measure = serializers.CharField(allow_null=True)
    bound = serializers.CharField(allow_null=True)
    covered = serializers.FloatField(allow_null=True)
    error = serializers.FloatField(allow_null=True)
    why = serializers.ChoiceField(choices=("too_few_persons", "beyond_the_grid"), allow_null=True, help_text="why nothing is proposed")
    enough_epsilon = serializers.CharField(allow_null=True, help_text="of too few persons: the ε, about, with which they would do; null where it cannot be told")


class EstimateListedSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    dataset = serializers.CharField()
    version = RunVersionSerializer()
    title = serializers.CharField(allow_blank=True)
    population = serializers.CharField()
    epsilon = serializers.CharField()
    share = serializers.CharField()
    state = serializers.ChoiceField(choices=ESTIMATE.names)
    stage = serializers.CharField(allow_blank=True)
    percent = serializers.IntegerField(min_value=0, max_value=100)
    attempt = serializers.IntegerField(min_value=0)
    noise_drawn = serializers.BooleanField(help_text="the budget was charged; it is never refunded")
    requested_by = serializers.CharField()
    requested_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    error = FailureView(allow_null=True)


class EstimateSerializer(EstimateListedSerializer):
    recipe = Document()
    recipe_sha256 = serializers.CharField()
    code_version = serializers.CharField()
    proposals = ProposalSerializer(many=True, allow_null=True)


class EstimatePageSerializer(serializers.Serializer):
    results = EstimateListedSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


def listed(estimate: Estimate) -> dict[str, Any]:
    names = ("epsilon", "share", "state", "stage", "percent", "attempt", "noise_drawn", "requested_at", "started_at", "finished_at", "error")
    return {
        "id": estimate.pk,
        "dataset": estimate.dataset.slug,
        "version": {"id": estimate.version_id, "number": estimate.version.number},
        "title": str(estimate.recipe.get("title", "")),
        "population": estimate.population.slug,
        "requested_by": estimate.requested_by.get_username(),
        **{name: getattr(estimate, name) for name in names},
    }


def shown(estimate: Estimate) -> dict[str, Any]:
    kept = {name: getattr(estimate, name) for name in ("recipe", "recipe_sha256", "code_version")}
    return {**listed(estimate), **kept, "proposals": [_UNTOLD | found for found in estimate.result["proposals"]] if estimate.result else None}


_UNTOLD = {"why": None, "enough_epsilon": None}
"""Of estimates that were made before these were told."""
