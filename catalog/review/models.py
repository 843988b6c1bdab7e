"""Who cleared it: reviews of an artefact, who was involved in making it, and the officers' decisions."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.datasets.models import SHA256
from catalog.review.states import REVIEW, SUBMITTED, WAITING


class Review(models.Model):
    """A release under review: one artefact hash, waiting for one officer's decision.

    What the approval is bound to is copied here when it is submitted, and compared again at every later step.
    """

    run = models.ForeignKey("releases.Run", on_delete=models.PROTECT, related_name="reviews")
    dataset = models.ForeignKey("datasets.Dataset", on_delete=models.PROTECT, related_name="reviews")
    state = models.CharField(max_length=20, choices=REVIEW.choices, default=SUBMITTED)
    context = models.TextField(max_length=5000, blank=True, help_text="the steward's words to the officer")
    artefact_sha256 = models.CharField(max_length=64, validators=[SHA256])
    recipe_sha256 = models.CharField(max_length=64, validators=[SHA256])
    version_sha256 = models.CharField(max_length=64, validators=[SHA256])
    configuration_sha256 = models.CharField(max_length=64, validators=[SHA256], help_text="of roles, hierarchies and code, see binding.py")
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField(auto_now_add=True)
    officer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["submitted_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=REVIEW.names), name="review_state_known"),
            models.UniqueConstraint(fields=["run"], condition=Q(state__in=WAITING), name="review_one_open_per_run"),
        ]

    def __str__(self) -> str:
        return f"review {self.pk}"


class Involvement(models.Model):
    """Somebody who uploaded, configured, ran or submitted what is under review: the database lets them decide nothing."""

    class How(models.TextChoices):
        UPLOADED = "uploaded"
        CONFIGURED = "configured"
        RAN = "ran"
        SUBMITTED = "submitted"

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="involved")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    how = models.CharField(max_length=20, choices=How.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["review", "user", "how"], name="involvement_once")]


class Verdict(models.TextChoices):
    APPROVE = "approve"
    RETURN = "return"
    REJECT = "reject"


class Decision(models.Model):
    """One officer's recorded verdict on one artefact hash. Append-only, enforced by triggers."""

    review = models.ForeignKey(Review, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=20, choices=Verdict.choices)
    reason_code = models.CharField(max_length=50)
    reason = models.TextField(max_length=5000)
    conditions = models.TextField(max_length=5000, blank=True)
    artefact_sha256 = models.CharField(max_length=64, validators=[SHA256])
    recipe_sha256 = models.CharField(max_length=64, validators=[SHA256])
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions")
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(verdict__in=Verdict.values), name="decision_verdict_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="decision_says_why"),
            models.UniqueConstraint(fields=["review", "decided_by"], name="decision_once_per_officer"),
        ]
