"""What is made of a version: runs of a recipe, each giving an artefact and a report, or an error; comparisons of settings; and estimates of bounds."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.audit.leases import Leased
from catalog.datasets.models import SHA256
from catalog.releases.states import ASSESSED, COMPARISON, DONE, ESTIMATE, FAILED, QUEUED, RUN, RUNNING


class Job(Leased):
    """A recipe and a version that a worker has work with: what runs and comparisons share. Each adds its ``state``.

    Input, hierarchies and code are noted when it is asked for; a worker refuses to go on with others.
    """

    dataset = models.ForeignKey("datasets.Dataset", on_delete=models.PROTECT, related_name="%(class)ss")
    version = models.ForeignKey("datasets.Version", on_delete=models.PROTECT, related_name="%(class)ss")
    recipe = models.JSONField()
    recipe_sha256 = models.CharField(max_length=64, validators=[SHA256])
    code_version = models.CharField(max_length=64)
    hierarchies = models.JSONField(default=dict, help_text="name → SHA-256 of each hierarchy file as it was when the run was asked for")
    stage = models.CharField(max_length=100, blank=True)
    percent = models.PositiveSmallIntegerField(default=0)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)

    state: models.CharField

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(condition=Q(percent__lte=100), name="%(class)s_percent_at_most_100"),
            models.CheckConstraint(condition=~Q(state=FAILED) | Q(error__isnull=False), name="%(class)s_failed_says_why"),
            models.CheckConstraint(condition=~Q(state=RUNNING) | Q(lease_until__isnull=False), name="%(class)s_running_is_leased"),
        ]


class Run(Job):
    """One execution of a recipe on a version by a worker.

    ``artefact_sha256`` is of the plain Parquet bytes; the artefact itself is sealed in the store ``artefacts`` until
    its release is published, so that no web process can serve what no officer has cleared.
    """

    population = models.ForeignKey("ledger.Population", on_delete=models.PROTECT, null=True, blank=True, related_name="runs")
    appended = models.JSONField(default=dict, help_text="slug → version and SHA-256 of each dataset whose rows the recipe appends")
    state = models.CharField(max_length=20, choices=RUN.choices, default=QUEUED)
    noise_drawn = models.BooleanField(default=False, help_text="budget was charged: this run is never refunded nor retried by itself")
    artefact_name = models.CharField(max_length=200, blank=True, help_text="name of the sealed artefact in its store")
    artefact_sha256 = models.CharField(max_length=64, blank=True)
    artefact_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    artefact_rows = models.PositiveBigIntegerField(null=True, blank=True)
    report = models.JSONField(null=True, blank=True)
    sample = models.JSONField(null=True, blank=True, help_text="a few rows of the artefact, for the officer")

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "lease_until"])]
        constraints = [
            *Job.Meta.constraints,
            models.CheckConstraint(condition=Q(state__in=RUN.names), name="run_state_known"),
            models.CheckConstraint(
                condition=Q(state=ASSESSED) & ~Q(artefact_sha256="") & ~Q(artefact_name="") & Q(report__isnull=False)
                | ~Q(state=ASSESSED) & Q(artefact_sha256=""),
                name="run_has_an_artefact_if_and_only_if_assessed",
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"


class Comparison(Job):
    """What settings of a recipe would cost and keep, measured on a version and not published: of microdata risk and
    usefulness, of a table with noise its expected errors.

    ``result`` holds exact figures about the input, for those who may see the internal half of a report.
    """

    state = models.CharField(max_length=20, choices=COMPARISON.choices, default=QUEUED)
    settings = models.JSONField(help_text="what is compared: ks, ls and methods, or factors of epsilon")
    result = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "lease_until"])]
        constraints = [
            *Job.Meta.constraints,
            models.CheckConstraint(condition=Q(state__in=COMPARISON.names), name="comparison_state_known"),
            models.CheckConstraint(
                condition=Q(state=DONE) & Q(result__isnull=False) | ~Q(state=DONE) & Q(result__isnull=True),
                name="comparison_has_a_result_if_and_only_if_done",
            ),
            models.UniqueConstraint(fields=["dataset"], condition=Q(state__in=COMPARISON.open_states), name="comparison_one_open_per_dataset"),
        ]

    def __str__(self) -> str:
        return f"comparison {self.pk}"

    @property
    def is_forecast(self) -> bool:
        """Whether it is about the errors of a table with noise."""
        return "factors" in self.settings


class Estimate(Job):
    """Bounds for a DP table, read off the data with differential privacy: charged like a run, and shown to the steward.

    The limits and bounds that ``recipe`` has play no part; ``result`` holds noisy figures alone.
    """

    population = models.ForeignKey("ledger.Population", on_delete=models.PROTECT, related_name="estimates")
    state = models.CharField(max_length=20, choices=ESTIMATE.choices, default=QUEUED)
    epsilon = models.CharField(max_length=40, help_text="what the look costs, exact")
    share = models.CharField(max_length=40, help_text="of the persons, how many a bound should cover")
    noise_drawn = models.BooleanField(default=False, help_text="budget was charged: this estimate is never refunded nor retried by itself")
    result = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "lease_until"])]
        constraints = [
            *Job.Meta.constraints,
            models.CheckConstraint(condition=Q(state__in=ESTIMATE.names), name="estimate_state_known"),
            models.CheckConstraint(
                condition=Q(state=DONE) & Q(result__isnull=False) | ~Q(state=DONE) & Q(result__isnull=True),
                name="estimate_has_a_result_if_and_only_if_done",
            ),
            models.UniqueConstraint(fields=["dataset"], condition=Q(state__in=ESTIMATE.open_states), name="estimate_one_open_per_dataset"),
        ]

    def __str__(self) -> str:
        return f"estimate {self.pk}"
