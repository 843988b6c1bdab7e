"""What the API takes and shows of datasets, versions and their columns."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from anonymize.column_types import COLUMN_TYPES
from anonymize.recipe import Role
from anonymize.tables.header import MODES
from catalog.api.documented import SLUG_PATTERN, FailureView
from catalog.api.fields import Day, Document, Text, Truth
from catalog.api.serializers import StrictSerializer
from catalog.datasets.models import Column, Contract, Dataset, Frequency, HierarchyFile, Source, Version
from catalog.datasets.services import CONTRACT_FIELDS
from catalog.datasets.states import VERSION

ROLES = [role.value for role in Role]


class Slug(serializers.RegexField):
    def __init__(self, **more: Any) -> None:
        super().__init__(SLUG_PATTERN, max_length=80, min_length=1, trim_whitespace=False, **more)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data.endswith("\n"):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class ContractSerializer(StrictSerializer):
    """The contract that purchased data were bought under."""

    supplier = Text(max_length=200)
    number = Text(max_length=100)
    valid_from = Day()
    valid_until = Day()
    permits_aggregates = Truth(default=False)
    permits_microdata = Truth(default=False)
    attribution = Text(max_length=300, allow_blank=True, default="")


class DatasetChangeSerializer(StrictSerializer):
    title = Text(max_length=200)
    description = Text(max_length=10_000, allow_blank=True, required=False)
    language = serializers.RegexField(r"^[a-z]{2,3}(-[A-Za-z0-9]{2,6})?$", max_length=10, required=False)
    themes = serializers.ListField(child=Slug(), max_length=20, required=False)
    source = serializers.ChoiceField(choices=Source.values)  # type: ignore[assignment]  # a field, not the base class's
    licence = Text(max_length=100, required=False)
    update_frequency = serializers.ChoiceField(choices=Frequency.values, required=False)
    spatial_coverage = Text(max_length=200, allow_blank=True, required=False)
    temporal_start = Day(allow_null=True, required=False)
    temporal_end = Day(allow_null=True, required=False)
    contact = Text(max_length=200, allow_blank=True, required=False)
    population = Slug(allow_null=True, required=False, help_text="The people behind the data; their budget pays for noise.")
    contract = ContractSerializer(required=False, help_text="Needed for purchased data, and for them only.")


class DatasetRequestSerializer(DatasetChangeSerializer):
    slug = Slug()
    organisation = Slug(required=False, help_text="Your own when it is left out.")


class OwnerSerializer(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()


class ContractViewSerializer(serializers.Serializer):
    supplier = serializers.CharField()
    number = serializers.CharField()
    valid_from = serializers.DateField()
    valid_until = serializers.DateField()
    permits_aggregates = serializers.BooleanField()
    permits_microdata = serializers.BooleanField()
    attribution = serializers.CharField(allow_blank=True)


class DatasetEntrySerializer(serializers.Serializer):
    """A catalogue entry as its stewards see it."""

    slug = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    language = serializers.CharField()
    organisation = OwnerSerializer()
    steward = serializers.CharField()
    themes = serializers.ListField(child=serializers.CharField())
    source = serializers.ChoiceField(choices=Source.values)  # type: ignore[assignment]  # a field, not the base class's
    licence = serializers.CharField()
    update_frequency = serializers.ChoiceField(choices=Frequency.values)
    spatial_coverage = serializers.CharField(allow_blank=True)
    temporal_start = serializers.DateField(allow_null=True)
    temporal_end = serializers.DateField(allow_null=True)
    contact = serializers.CharField(allow_blank=True)
    population = serializers.CharField(allow_null=True)
    contract = ContractViewSerializer(allow_null=True)
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


def described(dataset: Dataset) -> dict[str, Any]:
    """What a catalogue entry says to everybody."""
    names = (
        "slug", "title", "description", "language", "themes", "source", "licence", "update_frequency", "spatial_coverage",
        "temporal_start", "temporal_end", "contact",
    )  # fmt: skip
    organisation = {"slug": dataset.organisation.slug, "name": dataset.organisation.name}
    return {**{name: getattr(dataset, name) for name in names}, "organisation": organisation}


def entry(dataset: Dataset) -> dict[str, Any]:
    """What it says to its stewards."""
    return {
        **described(dataset),
        "steward": dataset.steward.get_username(),
        "population": dataset.population.slug if dataset.population else None,
        "contract": terms(getattr(dataset, "contract", None)),
        "created_at": dataset.created_at,
        "changed_at": dataset.changed_at,
    }


def terms(contract: Contract | None) -> dict[str, Any] | None:
    if contract is None:
        return None
    return {name: getattr(contract, name) for name in CONTRACT_FIELDS}


# --- hierarchies -------------------------------------------------------------------------------------------------


class StewardRequestSerializer(StrictSerializer):
    steward = Text(max_length=150, help_text="name of the account of another steward of the same organisation")


class StewardSerializer(serializers.Serializer):
    slug = serializers.CharField()
    steward = serializers.CharField()


class HierarchyFileSerializer(serializers.Serializer):
    name = serializers.CharField()
    ladders = serializers.ListField(child=Document(), help_text="hierarchies that it offers, as a recipe spells them")
    sha256 = serializers.CharField()
    uploaded_by = serializers.CharField()
    uploaded_at = serializers.DateTimeField()


class HierarchyPageSerializer(serializers.Serializer):
    results = HierarchyFileSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


def shown_hierarchy(kept: HierarchyFile) -> dict[str, Any]:
    return {
        "name": kept.name, "ladders": kept.ladders, "sha256": kept.sha256,
        "uploaded_by": kept.uploaded_by.get_username(), "uploaded_at": kept.uploaded_at,
    }  # fmt: skip


# --- versions ----------------------------------------------------------------------------------------------------


HEADER_HELP = (
    "Whether the first record names the columns: present, absent, or auto, which takes it for names and refuses it where it looks like data. "
    "Somebody's number or address is never taken for a name."
)
NAMES_HELP = "JSON: the names of the columns, in order, of a file whose header is absent."


class UploadSerializer(serializers.Serializer):
    """A form: the file, types for columns that should be read as such, and what is known of its header."""

    file = serializers.FileField()
    types = serializers.CharField(required=False, help_text="JSON: column → " + " | ".join(COLUMN_TYPES))
    header = serializers.ChoiceField(choices=MODES, required=False, help_text=HEADER_HELP)
    names = serializers.CharField(required=False, help_text=NAMES_HELP)


class ColumnSerializer(serializers.Serializer):
    """What a column seems to be, and the role that the steward gave it. Statistics only, no values."""

    name = serializers.CharField()
    position = serializers.IntegerField()
    type = serializers.ChoiceField(choices=COLUMN_TYPES)
    nulls = serializers.IntegerField()
    distinct = serializers.IntegerField(allow_null=True)
    looks_like = serializers.CharField(allow_blank=True)
    suggested_role = serializers.ChoiceField(choices=ROLES)
    reason = serializers.CharField(allow_blank=True)
    role = serializers.ChoiceField(choices=ROLES, allow_null=True, help_text="null: not decided yet, so it is dropped")
    hierarchy = Document(allow_null=True)
    title = serializers.CharField(allow_blank=True)
    description = serializers.CharField(allow_blank=True)


class VersionListedSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    number = serializers.IntegerField()
    dataset = serializers.CharField()
    state = serializers.ChoiceField(choices=VERSION.names)
    file_name = serializers.CharField(allow_blank=True, help_text="blank once the version is destroyed")
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    rows = serializers.IntegerField(allow_null=True)
    format = serializers.CharField(allow_blank=True)
    encoding = serializers.CharField(allow_blank=True)
    delimiter = serializers.CharField(allow_blank=True)
    header = serializers.ChoiceField(choices=MODES, help_text="what the uploader said of the first record")
    notes = serializers.ListField(child=serializers.CharField())
    error = FailureView(allow_null=True)
    uploaded_by = serializers.CharField()
    uploaded_at = serializers.DateTimeField()
    checked_at = serializers.DateTimeField(allow_null=True)


class VersionSerializer(VersionListedSerializer):
    columns = ColumnSerializer(many=True)


class VersionPageSerializer(serializers.Serializer):
    results = VersionListedSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class ColumnSettingsSerializer(StrictSerializer):
    role = serializers.ChoiceField(choices=ROLES, allow_null=True, required=False)
    hierarchy = Document(allow_null=True, required=False)
    title = Text(max_length=200, allow_blank=True, required=False)
    description = Text(max_length=2000, allow_blank=True, required=False)


class ByName(serializers.DictField):
    """Column name → settings; a name holds no NUL and is not endless."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and any("\0" in str(name) or len(str(name)) > 200 for name in data):
            raise serializers.ValidationError("A column's name has at most 200 characters and no NUL.")
        return super().to_internal_value(data)


class ColumnsRequestSerializer(StrictSerializer):
    columns = ByName(child=ColumnSettingsSerializer(), allow_empty=False)


def shown_column(column: Column) -> dict[str, Any]:
    names = ("name", "position", "type", "nulls", "distinct", "looks_like", "suggested_role", "reason", "hierarchy", "title", "description")
    return {**{name: getattr(column, name) for name in names}, "role": column.role or None}


def listed(version: Version) -> dict[str, Any]:
    names = (
        "number", "state", "file_name", "bytes", "sha256", "rows", "format", "encoding", "delimiter", "header", "notes", "error",
        "uploaded_at", "checked_at",
    )  # fmt: skip
    said = {name: getattr(version, name) for name in names}
    return {"id": version.pk, "dataset": version.dataset.slug, "uploaded_by": version.uploaded_by.get_username(), **said}


def shown(version: Version) -> dict[str, Any]:
    return {**listed(version), "columns": [shown_column(column) for column in version.columns.all()]}
