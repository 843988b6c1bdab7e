"""What the API takes and shows of runs and recipes."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from catalog.api.documented import LARGEST_ID, FailureView
from catalog.api.fields import Document, Whole
from catalog.api.serializers import StrictSerializer
from catalog.people.models import User
from catalog.releases.bounding import report_for
from catalog.releases.models import Run
from catalog.releases.states import RUN


class RunRequestSerializer(StrictSerializer):
    recipe = Document(help_text="The recipe; see docs/reference/recipe.md.")
    version = Whole(
        min_value=1, max_value=LARGEST_ID, required=False, help_text="id of the version to run on; the newest ready one when left out"
    )


class RunVersionSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    number = serializers.IntegerField()


class ArtefactSerializer(serializers.Serializer):
    sha256 = serializers.CharField()
    bytes = serializers.IntegerField()
    rows = serializers.IntegerField()


class RunListedSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    dataset = serializers.CharField()
    version = RunVersionSerializer()
    title = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(choices=RUN.names)
    stage = serializers.CharField(allow_blank=True)
    percent = serializers.IntegerField(min_value=0, max_value=100)
    attempt = serializers.IntegerField(min_value=0)
    noise_drawn = serializers.BooleanField(help_text="the budget was charged; it is never refunded")
    requested_by = serializers.CharField()
    requested_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    artefact = ArtefactSerializer(allow_null=True)
    error = FailureView(allow_null=True)


class RunSerializer(RunListedSerializer):
    recipe = Document()
    recipe_sha256 = serializers.CharField()
    code_version = serializers.CharField()
    report = Document(allow_null=True)
    sample = serializers.ListField(child=Document(), allow_null=True)


class RunPageSerializer(serializers.Serializer):
    results = RunListedSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class OfferSerializer(serializers.Serializer):
    """A recipe on offer, fitted to the newest ready version, or why it does not fit."""

    slug = serializers.CharField()
    title = serializers.CharField()
    promise = serializers.CharField()
    cost = serializers.CharField()
    keeps = serializers.CharField()
    fits = serializers.BooleanField()
    why_not = serializers.CharField(allow_blank=True)
    recipe = Document()


class OffersSerializer(serializers.Serializer):
    version = RunVersionSerializer(allow_null=True)
    offers = OfferSerializer(many=True)


class ExpectedSerializer(serializers.Serializer):
    """A measure of a DP table and how far off it will be: half the width of its 95 % interval."""

    name = serializers.CharField()
    kind = serializers.CharField()
    unit = serializers.CharField()
    epsilon = serializers.CharField(allow_null=True, help_text="null where the noise is Gaussian: see rho")
    rho = serializers.CharField(allow_null=True)
    noise = serializers.CharField()
    scale = serializers.CharField()
    half_width = serializers.CharField()


class ForecastSerializer(serializers.Serializer):
    """What the ledger would hold after so many releases like this one."""

    releases = serializers.IntegerField()
    epsilon = serializers.CharField(allow_null=True, help_text="null: their δ alone exceeds the cap")
    cap = serializers.CharField()
    enough = serializers.BooleanField()


class PreviewBudgetSerializer(serializers.Serializer):
    population = serializers.CharField()
    asked = Document()
    left = Document()
    enough = serializers.BooleanField()
    forecast = ForecastSerializer()


class PreviewSerializer(serializers.Serializer):
    """What can be said before a run. Nothing was run, and nothing was spent."""

    family = serializers.ChoiceField(choices=("differential_privacy", "k_anonymity", "none"))
    version = RunVersionSerializer()
    sentences = serializers.ListField(child=serializers.CharField())
    measures = ExpectedSerializer(many=True)
    plan = Document(allow_null=True)
    budget = PreviewBudgetSerializer(allow_null=True)


def _version(run: Run) -> dict[str, int]:
    return {"id": run.version_id, "number": run.version.number}


def listed(run: Run) -> dict[str, Any]:
    names = ("state", "stage", "percent", "attempt", "noise_drawn", "requested_at", "started_at", "finished_at", "error")
    artefact = {"sha256": run.artefact_sha256, "bytes": run.artefact_bytes, "rows": run.artefact_rows} if run.artefact_sha256 else None
    return {
        "id": run.pk,
        "dataset": run.dataset.slug,
        "version": _version(run),
        "title": str(run.recipe.get("title", "")),
        "requested_by": run.requested_by.get_username(),
        "artefact": artefact,
        **{name: getattr(run, name) for name in names},
    }


def shown(run: Run, *, to: User) -> dict[str, Any]:
    names = ("recipe", "recipe_sha256", "code_version", "sample")
    return {**listed(run), **{name: getattr(run, name) for name in names}, "report": report_for(to, run.report)}
