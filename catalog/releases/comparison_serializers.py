"""What the API takes and shows of comparisons of settings."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from anonymize.frontier.candidates import METHODS
from catalog.api.documented import LARGEST_ID, FailureView
from catalog.api.fields import Document, Whole
from catalog.api.serializers import StrictSerializer
from catalog.releases.comparisons import LARGEST, LARGEST_FACTOR, MOST_FACTORS, MOST_POINTS, USUAL_METHODS
from catalog.releases.models import Comparison
from catalog.releases.serializers import RunVersionSerializer
from catalog.releases.states import COMPARISON


class SettingsSerializer(StrictSerializer):
    """For rows: at most 24 combinations of k, l and method together. For a table with noise: factors."""

    ks = serializers.ListField(
        child=Whole(min_value=2, max_value=LARGEST), max_length=MOST_POINTS, default=[], help_text="People in every class, at least; for rows, one or more."
    )
    ls = serializers.ListField(
        child=Whole(min_value=1, max_value=LARGEST), max_length=MOST_POINTS, default=[],
        help_text="Different values of each sensitive column in every class, at least; 1 asks for none. Left empty: as the recipe asks.",
    )  # fmt: skip
    methods = serializers.ListField(
        child=serializers.ChoiceField(choices=METHODS), min_length=1, max_length=len(METHODS), default=list(USUAL_METHODS),
        help_text="fixed only where the recipe gives levels.",
    )  # fmt: skip


    factors = serializers.ListField(
        child=serializers.DecimalField(max_digits=8, decimal_places=4, min_value=Decimal("0.0001"), max_value=Decimal(LARGEST_FACTOR)), max_length=MOST_FACTORS,
        required=False, help_text="Other ε to forecast a table with noise for, as multiples of the recipe's. Left out: a quarter to four times.",
    )  # fmt: skip


class ComparisonRequestSerializer(SettingsSerializer):
    recipe = Document(help_text="A recipe for microdata, of which everything but k, l-diversity and method is taken; or for a table with noise.")
    version = Whole(min_value=1, max_value=LARGEST_ID, required=False, help_text="id of the version to measure; the newest ready one when left out")


class ComparisonListedSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    dataset = serializers.CharField()
    version = RunVersionSerializer()
    title = serializers.CharField(allow_blank=True)
    settings = SettingsSerializer()
    state = serializers.ChoiceField(choices=COMPARISON.names)
    stage = serializers.CharField(allow_blank=True)
    percent = serializers.IntegerField(min_value=0, max_value=100)
    attempt = serializers.IntegerField(min_value=0)
    requested_by = serializers.CharField()
    requested_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    error = FailureView(allow_null=True)


class ComparisonSerializer(ComparisonListedSerializer):
    recipe = Document()
    recipe_sha256 = serializers.CharField()
    code_version = serializers.CharField()
    result = Document(allow_null=True, help_text="Exact figures about the input: for stewards and officers, never for publication.")


class ComparisonPageSerializer(serializers.Serializer):
    results = ComparisonListedSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


def listed(comparison: Comparison) -> dict[str, Any]:
    names = ("settings", "state", "stage", "percent", "attempt", "requested_at", "started_at", "finished_at", "error")
    return {
        "id": comparison.pk,
        "dataset": comparison.dataset.slug,
        "version": {"id": comparison.version_id, "number": comparison.version.number},
        "title": str(comparison.recipe.get("title", "")),
        "requested_by": comparison.requested_by.get_username(),
        **{name: getattr(comparison, name) for name in names},
    }


def shown(comparison: Comparison) -> dict[str, Any]:
    return {**listed(comparison), **{name: getattr(comparison, name) for name in ("recipe", "recipe_sha256", "code_version", "result")}}
