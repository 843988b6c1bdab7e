"""What the API takes and shows of reviews and decisions."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from catalog.api.fields import Document, Text
from catalog.api.serializers import StrictSerializer
from catalog.audit.models import TrailEntry
from catalog.datasets.serializers import ContractViewSerializer, OwnerSerializer, terms
from catalog.ledger.selectors import balance
from catalog.people.models import User
from catalog.releases.bounding import report_for
from catalog.releases.serializers import ArtefactSerializer, RunVersionSerializer
from catalog.review import selectors
from catalog.review.models import Decision, Involvement, Review, Verdict
from catalog.review.policies import can_decide
from catalog.review.services import REASON_CODES
from catalog.review.states import REVIEW

ALL_REASON_CODES = tuple(dict.fromkeys(code for codes in REASON_CODES.values() for code in codes))
VERDICTS = Verdict.values


class SubmissionRequestSerializer(StrictSerializer):
    context = Text(  # type: ignore[assignment]
        max_length=5000, allow_blank=True, required=False, default="", help_text="Your words to the officer."
    )


class DecisionRequestSerializer(StrictSerializer):
    verdict = serializers.ChoiceField(choices=VERDICTS)
    reason_code = serializers.ChoiceField(choices=ALL_REASON_CODES, help_text="Which ones fit a verdict: see reason_codes of the review.")
    reason = Text(min_length=10, max_length=5000, help_text="A sentence that somebody will read years from now.")
    conditions = Text(max_length=5000, allow_blank=True, required=False, default="")
    artefact_sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", min_length=64, max_length=64, help_text="The hash that you decided on.")


class DecisionSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    review = serializers.IntegerField()
    verdict = serializers.ChoiceField(choices=VERDICTS)
    reason_code = serializers.CharField()
    reason = serializers.CharField()
    conditions = serializers.CharField(allow_blank=True)
    artefact_sha256 = serializers.CharField()
    recipe_sha256 = serializers.CharField()
    decided_by = serializers.CharField()
    decided_at = serializers.DateTimeField()


class ReviewListedSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=REVIEW.names)
    dataset = serializers.CharField()
    title = serializers.CharField()
    organisation = OwnerSerializer()
    run = serializers.IntegerField()
    family = serializers.CharField(allow_blank=True)
    artefact_sha256 = serializers.CharField()
    submitted_by = serializers.CharField()
    submitted_at = serializers.DateTimeField()
    officer = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)


class ReviewPageSerializer(serializers.Serializer):
    results = ReviewListedSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class FlagSerializer(serializers.Serializer):
    level = serializers.ChoiceField(choices=("stop", "warning"))
    code = serializers.CharField()
    figure = serializers.CharField(allow_blank=True)


class InvolvedSerializer(serializers.Serializer):
    user = serializers.CharField()
    how = serializers.ChoiceField(choices=Involvement.How.values)


class EarlierSerializer(serializers.Serializer):
    """An approved release about the same people."""

    review = serializers.IntegerField()
    dataset = serializers.CharField()
    family = serializers.CharField(allow_blank=True)
    artefact_sha256 = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)


class RecordSerializer(serializers.Serializer):
    seq = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    action = serializers.CharField()
    detail = Document()


class ReviewBudgetSerializer(serializers.Serializer):
    """The population's budget as it stands; a DP run under review has been charged already."""

    population = serializers.CharField()
    cap = Document()
    spent = Document()
    left = Document()


class ReviewSerializer(ReviewListedSerializer):
    context = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    recipe_sha256 = serializers.CharField()
    version_sha256 = serializers.CharField()
    version = RunVersionSerializer()
    artefact = ArtefactSerializer()
    recipe = Document()
    report = Document()
    sample = serializers.ListField(child=Document())
    red_flags = FlagSerializer(many=True)
    involved = InvolvedSerializer(many=True)
    contract = ContractViewSerializer(allow_null=True)
    budget = ReviewBudgetSerializer(allow_null=True)
    earlier_releases = EarlierSerializer(many=True)
    record = RecordSerializer(many=True)
    decisions = DecisionSerializer(many=True)
    may_decide = serializers.BooleanField(help_text="whether you may decide on it, now")
    reason_codes = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))


def _family(report: dict[str, Any] | None) -> str:
    return str(((report or {}).get("guarantee") or {}).get("family", ""))


def listed(review: Review) -> dict[str, Any]:
    organisation = review.dataset.organisation
    return {
        "id": review.pk,
        "state": review.state,
        "dataset": review.dataset.slug,
        "title": review.dataset.title,
        "organisation": {"slug": organisation.slug, "name": organisation.name},
        "run": review.run_id,
        "family": _family(review.run.report),
        "artefact_sha256": review.artefact_sha256,
        "submitted_by": review.submitted_by.get_username(),
        "submitted_at": review.submitted_at,
        "officer": review.officer.get_username() if review.officer else None,
        "decided_at": review.decided_at,
    }


def shown(review: Review, *, to: User) -> dict[str, Any]:
    """All that a decision needs, on one page."""
    run, dataset = review.run, review.dataset
    return {
        **listed(review),
        "context": review.context,
        "recipe_sha256": review.recipe_sha256,
        "version_sha256": review.version_sha256,
        "version": {"id": run.version_id, "number": run.version.number},
        "artefact": {"sha256": run.artefact_sha256, "bytes": run.artefact_bytes, "rows": run.artefact_rows},
        "recipe": run.recipe,
        "report": report_for(to, run.report),
        "sample": run.sample or [],
        "red_flags": [{"level": f.level, "code": f.code, "figure": f.figure} for f in selectors.red_flags(review, to)],
        "involved": [{"user": i.user.get_username(), "how": i.how} for i in review.involved.select_related("user").order_by("pk")],
        "contract": terms(getattr(dataset, "contract", None)),
        "budget": {"population": dataset.population.slug, **balance(dataset.population).as_dict()} if dataset.population else None,
        "earlier_releases": [_earlier(other) for other in selectors.earlier_releases(review)[:100]],
        "record": [_record(entry) for entry in selectors.record_so_far(review)[:200]],
        "decisions": [shown_decision(decision) for decision in review.decisions.select_related("decided_by")],
        "may_decide": can_decide(to, review),
        "reason_codes": {str(verdict): list(codes) for verdict, codes in REASON_CODES.items()},
    }


def _earlier(other: Review) -> dict[str, Any]:
    return {
        "review": other.pk,
        "dataset": other.dataset.slug,
        "family": _family(other.run.report),
        "artefact_sha256": other.artefact_sha256,
        "decided_at": other.decided_at,
    }


def _record(entry: TrailEntry) -> dict[str, Any]:
    return {"seq": entry.seq, "at": entry.at, "actor": entry.actor_name, "action": entry.action, "detail": entry.detail}


def shown_decision(decision: Decision) -> dict[str, Any]:
    names = ("verdict", "reason_code", "reason", "conditions", "artefact_sha256", "recipe_sha256", "decided_at")
    said = {name: getattr(decision, name) for name in names}
    return {"id": decision.pk, "review": decision.review_id, "decided_by": decision.decided_by.get_username(), **said}
