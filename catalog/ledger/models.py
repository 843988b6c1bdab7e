"""Populations, what was spent of their privacy budget, and what that adds up to."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from catalog.ledger.amounts import DELTA_PLACES, EPSILON_PLACES, ExactField
from catalog.ledger.units import KINDS, PERSON, Unit
from catalog.people.models import Organisation


class Population(models.Model):
    """The people behind one or more datasets. The budget is theirs, not a file's and not a user's.

    ``unit``: what the budget is kept of, each person or what each does in one period; it stays what it is from the first
    spend on. The database itself refuses to change it then, and a row in which more is spent than the cap allows.
    """

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    owner = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="populations")
    unit = models.CharField(max_length=20, choices=[(kind, kind) for kind in KINDS], default=PERSON.kind)
    time_zone = models.CharField(max_length=60, blank=True, help_text="in which days begin; empty where the unit is the person")
    epsilon_cap = ExactField(places=EPSILON_PLACES)
    delta_cap = ExactField(places=DELTA_PLACES)
    epsilon_spent = ExactField(places=EPSILON_PLACES, default=0)
    delta_spent = ExactField(places=DELTA_PLACES, default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("slug",)
        constraints = (
            models.CheckConstraint(condition=Q(epsilon_spent__gte=0), name="population_epsilon_spent_not_negative"),
            models.CheckConstraint(condition=Q(delta_spent__gte=0), name="population_delta_spent_not_negative"),
            models.CheckConstraint(
                condition=Q(epsilon_spent__lte=F("epsilon_cap")), name="population_epsilon_never_overdrawn"
            ),
            models.CheckConstraint(
                condition=Q(delta_spent__lte=F("delta_cap")), name="population_delta_never_overdrawn"
            ),
            models.CheckConstraint(
                condition=Q(unit=PERSON.kind, time_zone="") | Q(unit__in=[kind for kind in KINDS if kind != PERSON.kind]) & ~Q(time_zone=""),
                name="population_unit_known",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def unit_of_privacy(self) -> Unit:
        return Unit.of(self.unit, self.time_zone)


class Spending(models.Model):
    """Budget that was spent: never changed, never removed, never refunded (see the triggers in the migration)."""

    population = models.ForeignKey(Population, on_delete=models.PROTECT, related_name="spendings")
    epsilon = ExactField(places=EPSILON_PLACES)
    delta = ExactField(places=DELTA_PLACES)
    # what the release is made of, for composition: see anonymize.aggregates.accounting.Part
    parts = models.JSONField(default=list, blank=True)
    # only rows of these dates can count in the release, the last one excluded; both null: of any date
    covers_from = models.DateField(null=True, blank=True)
    covers_until = models.DateField(null=True, blank=True)
    subject_type = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=120)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="spendings"
    )
    at = models.DateTimeField(default=timezone.now)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("subject_type", "subject_id"), name="spending_once_per_subject"),
            models.CheckConstraint(condition=Q(epsilon__gt=0), name="spending_epsilon_positive"),
            models.CheckConstraint(condition=Q(delta__gte=0), name="spending_delta_not_negative"),
            models.CheckConstraint(
                condition=Q(covers_from__isnull=True, covers_until__isnull=True)
                | Q(covers_from__isnull=False, covers_until__isnull=False, covers_from__lt=F("covers_until")),
                name="spending_covers_a_range_or_everything",
            ),
        )

    def __str__(self) -> str:
        return f"{self.subject_type} {self.subject_id}: ε {self.epsilon}"


class Reckoning(models.Model):
    """What all spendings of a population added up to at a moment, and by which rule of composition; append-only.

    The last one is the truth that the totals kept with the population must agree with.
    """

    population = models.ForeignKey(Population, on_delete=models.PROTECT, related_name="reckonings")
    spendings = models.PositiveIntegerField()  # how many were composed
    epsilon = ExactField(places=EPSILON_PLACES)
    delta = ExactField(places=DELTA_PLACES)
    rule = models.CharField(max_length=10)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("population", "spendings"), name="reckoning_once_per_spending"),
        )

    def __str__(self) -> str:
        return f"{self.population} after {self.spendings}: ε {self.epsilon} by {self.rule}"
