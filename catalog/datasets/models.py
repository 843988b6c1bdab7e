"""What comes in: datasets, the contract they were bought under, uploaded versions and their columns."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from anonymize.recipe import Role
from anonymize.tables.header import MODES
from catalog.audit.leases import Leased
from catalog.datasets.states import CHECKING, READY, RECEIVED, VERSION

SLUG = RegexValidator(r"^[a-z0-9]+(-[a-z0-9]+)*\Z", "Lower-case letters, digits and single hyphens.")
SHA256 = RegexValidator(r"^[0-9a-f]{64}\Z", "A SHA-256 in lower-case hex.")


class Source(models.TextChoices):
    GOVERNMENT = "government"
    PURCHASED = "purchased"


class Frequency(models.TextChoices):
    ONCE = "once"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"
    IRREGULAR = "irregular"


class Dataset(models.Model):
    """A catalogue entry. ``title`` and ``description`` may be in any language, named in ``language``.

    Once it is ``charged`` the database itself refuses another population: what was spent would be left behind with the first.
    """

    slug = models.CharField(max_length=80, unique=True, validators=[SLUG])
    title = models.CharField(max_length=200)
    description = models.TextField(max_length=10_000, blank=True)
    language = models.CharField(max_length=10, default="en")
    organisation = models.ForeignKey("people.Organisation", on_delete=models.PROTECT, related_name="datasets")
    steward = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="datasets")
    themes = models.JSONField(default=list, blank=True)
    source = models.CharField(max_length=20, choices=Source.choices)
    licence = models.CharField(max_length=100, default="CC-BY-4.0")
    update_frequency = models.CharField(max_length=20, choices=Frequency.choices, default=Frequency.ONCE)
    spatial_coverage = models.CharField(max_length=200, blank=True)
    temporal_start = models.DateField(null=True, blank=True)
    temporal_end = models.DateField(null=True, blank=True)
    contact = models.CharField(max_length=200, blank=True)
    population = models.ForeignKey(
        "ledger.Population", on_delete=models.PROTECT, null=True, blank=True, related_name="datasets",
        help_text="the people behind it; the privacy budget is theirs",
    )
    charged = models.BooleanField(default=False, help_text="noise was drawn about its rows: its population stays what it is")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(source__in=Source.values), name="dataset_source_known"),
            models.CheckConstraint(
                condition=Q(temporal_start__isnull=True) | Q(temporal_end__isnull=True) | Q(temporal_end__gte=F("temporal_start")),
                name="dataset_coverage_in_order",
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class Contract(models.Model):
    """The contract that a purchased dataset was bought under, and what it lets the city publish."""

    dataset = models.OneToOneField(Dataset, on_delete=models.CASCADE, related_name="contract")
    supplier = models.CharField(max_length=200)
    number = models.CharField(max_length=100)
    valid_from = models.DateField()
    valid_until = models.DateField()
    permits_aggregates = models.BooleanField(default=False)
    permits_microdata = models.BooleanField(default=False)
    attribution = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(valid_until__gte=F("valid_from")), name="contract_dates_in_order"),
        ]


class HierarchyFile(models.Model):
    """A ladder of values (public knowledge: districts, ages, occupations), or a population table (public counts of persons),
    that recipes of a dataset refer to by name."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="hierarchy_files")
    name = models.CharField(
        max_length=100, validators=[RegexValidator(r"^[\w][\w.-]*\.(csv|geojson)\Z", "A plain file name that ends in .csv or .geojson.")]
    )
    content = models.TextField()
    ladders = models.JSONField(default=list, blank=True, help_text="the hierarchies that it offers, as a recipe spells them")
    sha256 = models.CharField(max_length=64, validators=[SHA256])
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dataset", "name"], name="hierarchy_name_once_per_dataset")]


class Version(Leased):
    """One immutable uploaded file, sealed in the vault. ``sha256`` is of the bytes as uploaded."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=20, choices=VERSION.choices, default=RECEIVED)
    file_name = models.CharField(max_length=200, help_text="for display; never used as a path")
    bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64, validators=[SHA256])
    sealed_name = models.CharField(max_length=200, unique=True, help_text="name of the sealed upload in the vault")
    typed_name = models.CharField(max_length=200, blank=True, help_text="name of the sealed typed Parquet in the vault")
    declared_types = models.JSONField(default=dict, blank=True)
    header = models.CharField(max_length=10, choices=[(mode, mode) for mode in MODES], default="auto", help_text="whether the first record names the columns, as declared")
    names = models.JSONField(default=list, blank=True, help_text="the columns' names, declared with a file that has no header")
    format = models.CharField(max_length=20, blank=True)
    encoding = models.CharField(max_length=20, blank=True)
    delimiter = models.CharField(max_length=4, blank=True)
    rows = models.PositiveBigIntegerField(null=True, blank=True)
    notes = models.JSONField(default=list, blank=True)
    error = models.JSONField(null=True, blank=True, help_text="what was wrong: code, message, who, problems; no values")
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField(auto_now_add=True)
    checked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="version_number_once_per_dataset"),
            models.CheckConstraint(condition=Q(state__in=VERSION.names), name="version_state_known"),
            models.CheckConstraint(condition=Q(header__in=MODES), name="version_header_known"),
            models.CheckConstraint(
                condition=~Q(state=READY) | (Q(rows__isnull=False) & ~Q(typed_name="")), name="version_ready_has_a_table"
            ),
            models.CheckConstraint(
                condition=~Q(state=CHECKING) | Q(lease_until__isnull=False), name="version_checking_is_leased"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset_id}/{self.number}"


class Column(models.Model):
    """A column of a version: what it seems to be, and the role that the steward gave it. Statistics only, no values."""

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="columns")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    type = models.CharField(max_length=20)
    nulls = models.PositiveBigIntegerField()
    distinct = models.PositiveBigIntegerField(null=True, blank=True)
    looks_like = models.CharField(max_length=50, blank=True)
    suggested_role = models.CharField(max_length=20, choices=[(r.value, r.value) for r in Role])
    reason = models.CharField(max_length=500, blank=True)
    role = models.CharField(
        max_length=20, choices=[(r.value, r.value) for r in Role], blank=True, help_text="blank: not decided yet, so it is dropped"
    )
    hierarchy = models.JSONField(null=True, blank=True)
    title = models.CharField(max_length=200, blank=True)
    description = models.TextField(max_length=2000, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "name"], name="column_name_once_per_version"),
            models.UniqueConstraint(fields=["version", "position"], name="column_position_once_per_version"),
        ]


class PseudonymKey(models.Model):
    """The key of the pseudonyms that are the same in every release of a dataset: made once, sealed in the vault.

    Only workers can open it. The table is append-only: another key would give everybody another name without a word.
    """

    dataset = models.OneToOneField(Dataset, on_delete=models.PROTECT, related_name="pseudonym_key")
    sealed_name = models.CharField(max_length=200, unique=True, help_text="name of the sealed key in the vault")
    sha256 = models.CharField(max_length=64, validators=[SHA256], help_text="of the key: says whether what the vault gives is what was made")
    made_at = models.DateTimeField(auto_now_add=True)
