"""The trail's two tables: the entries, and the one row that says where the chain ends; and the alarms that stand."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class TrailHead(models.Model):
    """The end of the chain. Exactly one row; whoever holds its lock is the only writer of the trail."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField(default=0)
    entry_hash = models.CharField(max_length=64)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="trail_head_is_one_row"),
            models.CheckConstraint(condition=Q(seq__gte=0), name="trail_head_seq_not_negative"),
        )

    def __str__(self) -> str:
        return f"end of the trail at {self.seq}"


class TrailEntry(models.Model):
    """One thing that somebody did. Never changed, never removed: the database refuses both (see guards.py)."""

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="trail_entries"
    )
    actor_name = models.CharField(max_length=150)
    action = models.CharField(max_length=80, db_index=True)
    subject_type = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=120)
    detail = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    entry_hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ("seq",)
        verbose_name_plural = "trail entries"
        indexes = (models.Index(fields=("subject_type", "subject_id"), name="trail_subject"),)
        constraints = (
            models.CheckConstraint(condition=Q(seq__gte=1), name="trail_seq_from_one"),
            models.UniqueConstraint(fields=("previous_hash",), name="trail_never_forks"),
        )

    def __str__(self) -> str:
        return f"{self.seq} {self.action} {self.subject_type} {self.subject_id}"


class Alarm(models.Model):
    """Something that was vouched for and is not so. It stands until ``cleared_at``; see alarms.py."""

    code = models.CharField(max_length=40)
    subject_type = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=120)
    detail = models.JSONField(default=dict)
    raised_at = models.DateTimeField(default=timezone.now)
    cleared_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("code", "subject_type", "subject_id"), condition=Q(cleared_at__isnull=True), name="alarm_stands_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.code} {self.subject_type} {self.subject_id}"
