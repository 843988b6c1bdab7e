"""What goes out: publications in the public store, and the work of copying an approved artefact there."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.audit.leases import Leased
from catalog.datasets.models import SHA256
from catalog.publishing.states import COPY, COPYING, PUBLICATION, PUBLISHED, READABLE, REFUSED, WAITING


class Copy(Leased):
    """The publisher's work on one approved review: check the hash, copy exactly those bytes, or refuse."""

    review = models.OneToOneField("review.Review", on_delete=models.PROTECT, related_name="copy")
    state = models.CharField(max_length=20, choices=COPY.choices, default=WAITING)
    error = models.JSONField(null=True, blank=True)
    attempts_before = models.PositiveIntegerField(default=0, help_text="attempts made before it was last ordered: they do not count any more")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(state__in=COPY.names), name="copy_state_known"),
            models.CheckConstraint(condition=~Q(state=REFUSED) | Q(error__isnull=False), name="copy_refused_says_why"),
            models.CheckConstraint(condition=~Q(state=COPYING) | Q(lease_until__isnull=False), name="copy_copying_is_leased"),
        ]


class Publication(models.Model):
    """A released artefact in the public store, with the parts of report and recipe that may be public."""

    dataset = models.ForeignKey("datasets.Dataset", on_delete=models.PROTECT, related_name="publications")
    number = models.PositiveIntegerField()
    review = models.OneToOneField("review.Review", on_delete=models.PROTECT, related_name="publication")
    state = models.CharField(max_length=20, choices=PUBLICATION.choices, default=PUBLISHED)
    artefact_sha256 = models.CharField(max_length=64, validators=[SHA256])
    store_name = models.CharField(max_length=200, blank=True)
    bytes = models.PositiveBigIntegerField()
    rows = models.PositiveBigIntegerField()
    columns = models.JSONField(help_text="name, type, role and meaning of each published column")
    guarantee = models.CharField(max_length=30, help_text="differential_privacy, k_anonymity or none")
    public_report = models.JSONField()
    public_recipe = models.JSONField()
    published_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    tombstone = models.TextField(max_length=2000, blank=True, help_text="why it is no longer available")
    stopped_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    superseded_by = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="supersedes")

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="publication_number_once_per_dataset"),
            models.UniqueConstraint(fields=["dataset"], condition=Q(state=PUBLISHED), name="publication_one_current_per_dataset"),
            models.CheckConstraint(condition=Q(state__in=PUBLICATION.names), name="publication_state_known"),
            models.CheckConstraint(
                condition=Q(state__in=READABLE) & Q(tombstone="") | ~Q(state__in=READABLE) & ~Q(tombstone=""),
                name="publication_stopped_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset_id}#{self.number}"
