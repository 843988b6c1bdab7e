"""What the public API shows of datasets, releases and the register."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from anonymize.column_types import COLUMN_TYPES
from catalog.api.documented import FailureView
from catalog.api.fields import Document, Text
from catalog.api.serializers import StrictSerializer
from catalog.datasets.models import Dataset, Frequency, Source
from catalog.datasets.serializers import OwnerSerializer, described
from catalog.ledger.models import Population
from catalog.ledger.selectors import balance
from catalog.ledger.units import KINDS
from catalog.people.models import User
from catalog.publishing.models import Copy, Publication
from catalog.publishing.query import MEDIA_TYPES
from catalog.publishing.selectors import current
from catalog.publishing.served import columns_of
from catalog.publishing.states import COPY, PUBLICATION, READABLE
from catalog.review.selectors import approval

UNIT = "what is protected as one: person, person_day, person_week or person_month; of k-anonymity persons or rows"
GUARANTEES = ("differential_privacy", "k_anonymity", "none")


# --- the pieces --------------------------------------------------------------------------------------------------


class TombstoneSerializer(serializers.Serializer):
    """What stands in the place of a release that was stopped."""

    state = serializers.ChoiceField(choices=[name for name in PUBLICATION.names if name not in READABLE])
    since = serializers.DateTimeField()
    reason = serializers.CharField()
    instead = serializers.CharField(allow_null=True, help_text="address of the release to use instead")


class LinksSerializer(serializers.Serializer):
    release = serializers.CharField()
    records = serializers.CharField()
    exports = serializers.DictField(child=serializers.CharField(), help_text="format → address")


class ReleaseListedSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    dataset = serializers.CharField()
    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=PUBLICATION.names)
    published_at = serializers.DateTimeField()
    artefact_sha256 = serializers.CharField()
    bytes = serializers.IntegerField()
    rows = serializers.IntegerField()
    guarantee = serializers.ChoiceField(choices=GUARANTEES)
    unit = serializers.CharField(allow_null=True, help_text=UNIT)
    sentence = serializers.CharField(allow_blank=True, help_text="the guarantee in words")
    superseded_by = serializers.IntegerField(allow_null=True, help_text="number of the release that took its place")
    tombstone = TombstoneSerializer(allow_null=True)
    links = LinksSerializer(allow_null=True)


class PublishedColumnSerializer(serializers.Serializer):
    """A published column. A noisy measure names the columns that hold its 95 % interval."""

    name = serializers.CharField()
    type = serializers.ChoiceField(choices=COLUMN_TYPES)
    role = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    lower = serializers.CharField(allow_null=True)
    upper = serializers.CharField(allow_null=True)
    half_width = serializers.CharField(allow_null=True)
    kind = serializers.CharField(allow_null=True, help_text="of a measure: persons, rows, sum, mean or variance")
    measure = serializers.CharField(allow_null=True, help_text="of a mark (role unreliable): the measure whose wide intervals it marks")
    dimension = serializers.CharField(allow_null=True, help_text="of a level: the dimension whose coarseness it tells")
    finest = serializers.CharField(allow_null=True, help_text="of a level: its value in the rows that are no totals")


class PublicDecisionSerializer(serializers.Serializer):
    """Who cleared it, when, for what reason, and exactly which bytes."""

    verdict = serializers.CharField()
    reason_code = serializers.CharField()
    decided_by = serializers.CharField()
    decided_at = serializers.DateTimeField()
    artefact_sha256 = serializers.CharField()
    recipe_sha256 = serializers.CharField()


class ReleaseSerializer(ReleaseListedSerializer):
    columns = PublishedColumnSerializer(many=True)
    recipe = Document(help_text="the public part of the recipe")
    report = Document(help_text="the public part of the report")
    decision = PublicDecisionSerializer(allow_null=True)


class ReleasePageSerializer(serializers.Serializer):
    results = ReleaseListedSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class DatasetListedSerializer(serializers.Serializer):
    slug = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    language = serializers.CharField()
    organisation = OwnerSerializer()
    themes = serializers.ListField(child=serializers.CharField())
    source = serializers.ChoiceField(choices=Source.values)  # type: ignore[assignment]
    licence = serializers.CharField()
    update_frequency = serializers.ChoiceField(choices=Frequency.values)
    spatial_coverage = serializers.CharField(allow_blank=True)
    temporal_start = serializers.DateField(allow_null=True)
    temporal_end = serializers.DateField(allow_null=True)
    contact = serializers.CharField(allow_blank=True)
    guarantee = serializers.ChoiceField(choices=GUARANTEES, allow_null=True)
    released_at = serializers.DateTimeField(allow_null=True)
    available = serializers.BooleanField(help_text="whether it has a release that can be read")


class FacetSerializer(serializers.Serializer):
    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    count = serializers.IntegerField()


class FacetsSerializer(serializers.Serializer):
    """How many of the datasets found fall under each value."""

    organisation = FacetSerializer(many=True)
    theme = FacetSerializer(many=True)
    source = FacetSerializer(many=True)  # type: ignore[assignment]
    guarantee = FacetSerializer(many=True)


class DatasetPageSerializer(serializers.Serializer):
    results = DatasetListedSerializer(many=True)
    facets = FacetsSerializer()
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class DatasetSerializer(DatasetListedSerializer):
    attribution = serializers.CharField(allow_blank=True, help_text="what the contract asks to be said")
    columns = PublishedColumnSerializer(many=True)
    latest_release = ReleaseSerializer(allow_null=True)
    tombstone = TombstoneSerializer(allow_null=True, help_text="when the newest release was stopped and none took its place")


class RecordsColumnSerializer(serializers.Serializer):
    name = serializers.CharField()
    type = serializers.CharField()


class RecordsMetaSerializer(serializers.Serializer):
    release = serializers.CharField(help_text="SHA-256 of the release that answered")
    columns = RecordsColumnSerializer(many=True)
    error_note = serializers.CharField(required=False, help_text="how the error of noisy cells adds up in this answer")


class RecordsPageSerializer(serializers.Serializer):
    total = serializers.IntegerField(required=False)
    records = serializers.ListField(child=Document())
    next_cursor = serializers.CharField(allow_null=True)
    meta = RecordsMetaSerializer()


class RegisterOwnerSerializer(serializers.Serializer):
    slug = serializers.CharField()
    title = serializers.CharField()
    organisation = OwnerSerializer()


class RegisterEntrySerializer(serializers.Serializer):
    """One release that there ever was."""

    id = serializers.IntegerField()
    dataset = RegisterOwnerSerializer()
    number = serializers.IntegerField()
    state = serializers.ChoiceField(choices=PUBLICATION.names)
    published_at = serializers.DateTimeField()
    artefact_sha256 = serializers.CharField()
    guarantee = serializers.ChoiceField(choices=GUARANTEES)
    unit = serializers.CharField(allow_null=True, help_text=UNIT)
    epsilon = serializers.CharField(allow_null=True)
    delta = serializers.CharField(allow_null=True)
    k = serializers.IntegerField(allow_null=True)
    population = serializers.CharField(allow_null=True)
    tombstone = TombstoneSerializer(allow_null=True)
    decision = PublicDecisionSerializer(allow_null=True)


class RegisterBudgetSerializer(serializers.Serializer):
    """The privacy budget of the people behind published datasets. Of periods, ``spent`` is that of the one on which most was."""

    population = serializers.CharField()
    name = serializers.CharField()
    unit = serializers.ChoiceField(choices=KINDS, help_text="what the budget is kept of")
    time_zone = serializers.CharField(allow_null=True, help_text="where a person's day, week or month begins; null for the unit person")
    cap = Document()
    spent = Document()
    left = Document()


class RegisterSerializer(serializers.Serializer):
    results = RegisterEntrySerializer(many=True)
    budgets = RegisterBudgetSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class StopRequestSerializer(StrictSerializer):
    reason = Text(min_length=10, max_length=2000, help_text="A sentence; it is shown in place of the data.")


class CopySerializer(serializers.Serializer[Any]):
    """A copy of an approved artefact into the public store."""

    state = serializers.ChoiceField(choices=COPY.names)
    attempt = serializers.IntegerField(help_text="how many times a worker has taken it up")
    error = FailureView(allow_null=True)


# --- how they look -----------------------------------------------------------------------------------------------


def shown_copy(copy: Copy) -> dict[str, Any]:
    return {"state": copy.state, "attempt": copy.attempt, "error": copy.error}


def tombstone(publication: Publication) -> dict[str, Any] | None:
    if publication.state in READABLE:
        return None
    newer = current(publication.dataset)
    return {
        "state": publication.state,
        "since": publication.changed_at,
        "reason": publication.tombstone,
        "instead": _address(newer) if newer else None,
    }


def _address(publication: Publication) -> str:
    return f"/api/v1/datasets/{publication.dataset.slug}/releases/{publication.number}"


def _links(publication: Publication) -> dict[str, Any] | None:
    if publication.state not in READABLE:
        return None
    here = _address(publication)
    return {"release": here, "records": f"{here}/records", "exports": {name: f"{here}/exports/{name}" for name in MEDIA_TYPES}}


def listed(publication: Publication) -> dict[str, Any]:
    names = ("number", "state", "published_at", "artefact_sha256", "bytes", "rows", "guarantee")
    newer = publication.superseded_by
    return {
        "id": publication.pk,
        "dataset": publication.dataset.slug,
        **{name: getattr(publication, name) for name in names},
        "unit": _unit(publication),
        "sentence": publication.public_report.get("guarantee", {}).get("sentence", ""),
        "superseded_by": newer.number if newer else None,
        "tombstone": tombstone(publication),
        "links": _links(publication),
    }


def shown(publication: Publication) -> dict[str, Any]:
    return {
        **listed(publication),
        "columns": columns_of(publication),
        "recipe": publication.public_recipe,
        "report": publication.public_report,
        "decision": public_decision(publication),
    }


def public_decision(publication: Publication) -> dict[str, Any] | None:
    """The decision without the officer's free words, which may quote what only an officer may see."""
    decision = approval(publication.review)
    if decision is None:
        return None
    names = ("verdict", "reason_code", "decided_at", "artefact_sha256", "recipe_sha256")
    return {**{name: getattr(decision, name) for name in names}, "decided_by": _called(decision.decided_by)}


def _called(user: User) -> str:
    return user.get_full_name() or user.get_username()


def listed_dataset(dataset: Any) -> dict[str, Any]:
    """A row of :func:`catalog.publishing.selectors.public_datasets`."""
    return {
        **described(dataset), "guarantee": dataset.guarantee, "released_at": dataset.released_at, "available": dataset.current_id is not None
    }  # fmt: skip


def shown_dataset(dataset: Dataset, latest: Publication | None, newest: Publication | None) -> dict[str, Any]:
    """``latest`` is the release that can be read, ``newest`` the last one whatever became of it."""
    contract = getattr(dataset, "contract", None)
    return {
        **described(dataset),
        "guarantee": newest.guarantee if newest else None,
        "released_at": newest.published_at if newest else None,
        "available": latest is not None,
        "attribution": contract.attribution if contract else "",
        "columns": columns_of(latest) if latest else [],
        "latest_release": shown(latest) if latest else None,
        "tombstone": tombstone(newest) if newest and latest is None else None,
    }


def register_entry(publication: Publication) -> dict[str, Any]:
    dataset, promise = publication.dataset, publication.public_report.get("guarantee", {})
    organisation = {"slug": dataset.organisation.slug, "name": dataset.organisation.name}
    names = ("number", "state", "published_at", "artefact_sha256", "guarantee")
    return {
        "id": publication.pk,
        "dataset": {"slug": dataset.slug, "title": dataset.title, "organisation": organisation},
        **{name: getattr(publication, name) for name in names},
        "unit": _unit(publication),
        **{name: promise.get(name) for name in ("epsilon", "delta", "k")},
        "population": dataset.population.slug if dataset.population else None,
        "tombstone": tombstone(publication),
        "decision": public_decision(publication),
    }


def _unit(publication: Publication) -> str | None:
    """Of a promise about people."""
    found = publication.public_report.get("guarantee", {}).get("unit")
    return None if found in (None, "none") else str(found)


def budget(population: Population) -> dict[str, Any]:
    unit = population.unit_of_privacy.as_dict()
    return {"population": population.slug, "name": population.name, **unit, **balance(population).as_dict()}
