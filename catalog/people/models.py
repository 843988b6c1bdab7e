"""Organisations, users, the officers' mandates, API keys, and the answers kept for repeated requests."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q
from django.utils import timezone


class Organisation(models.Model):
    """A department of the city, or a company it buys from."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=200)
    name_ko = models.CharField(max_length=200, blank=True)
    name_zh = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """Somebody with a name and a password. What they may do comes from their groups (roles.py), never from flags."""

    class Language(models.TextChoices):
        ENGLISH = "en", "English"
        KOREAN = "ko", "한국어"
        CHINESE = "zh-hans", "简体中文"

    organisation = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.PROTECT, related_name="members"
    )
    language = models.CharField(max_length=10, choices=Language.choices, default=Language.ENGLISH)

    class Meta(AbstractUser.Meta):
        constraints: ClassVar = (
            models.CheckConstraint(condition=Q(language__in=("en", "ko", "zh-hans")), name="user_language_known"),
        )


class OfficerMandate(models.Model):
    """For which organisation an officer may decide."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mandates")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="mandates")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "organisation"), name="mandate_once"),)

    def __str__(self) -> str:
        return f"{self.user} for {self.organisation}"


class ApiKey(models.Model):
    """A secret that stands for a user, with scopes and an end date. Only its SHA-256 is kept.

    A plain SHA-256 is enough, and quick, because the secret has 256 random bits: there is no dictionary to try.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True)
    hash = models.CharField(max_length=64)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="key_ends_after_it_starts"),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"


class IdempotentAnswer(models.Model):
    """What a request with an ``Idempotency-Key`` was answered. ``status`` is null while it is still being worked on."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="idempotent_answers")
    key = models.CharField(max_length=255)
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=1000)
    request_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    location = models.CharField(max_length=1000, blank=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "key"), name="idempotency_key_once_per_user"),)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
