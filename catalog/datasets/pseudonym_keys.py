"""Keys of pseudonyms, for workers: a new one for every run, or the one of the dataset, which only the vault holds."""

from __future__ import annotations

import io
from dataclasses import dataclass

from django.db import transaction

from anonymize.columns.keys import KEY_BYTES
from anonymize.randomness import secret_bytes
from anonymize.recipe import Scope
from catalog.audit import services as audit
from catalog.audit.errors import PlatformError
from catalog.datasets import vault
from catalog.datasets.models import Dataset, PseudonymKey
from catalog.datasets.testimony import of_pseudonym_key


@dataclass(frozen=True, slots=True)
class RunKeys:
    """The keys of one run (anonymize.columns.keys.Keys). That of a run lives as long as the run, and nowhere but in memory."""

    dataset: Dataset

    def key(self, scope: Scope) -> bytes:
        """Raises :class:`vault.VaultLocked` for the dataset's key in a process that cannot open the vault."""
        return secret_bytes(KEY_BYTES) if scope == "release" else dataset_key(self.dataset)


def dataset_key(dataset: Dataset) -> bytes:
    """The dataset's key, made the first time that it is asked for. Workers only.

    Raises:
        VaultLocked: this process has no identity.
        PlatformError: what the vault gives is not what was made; no other key may take its place.
    """
    kept = PseudonymKey.objects.filter(dataset=dataset).first() or _made(dataset)
    opened = io.BytesIO()
    if vault.unseal(kept.sealed_name, opened) != kept.sha256 or len(opened.getvalue()) != KEY_BYTES:
        raise PlatformError("The key of this dataset's pseudonyms is not the one that was made. Nothing was released with it.")
    return opened.getvalue()


def _made(dataset: Dataset) -> PseudonymKey:
    """Sealed first, then claimed: of workers that do this at once, one key stays and the others are destroyed unused.

    A worker that dies in between leaves a sealed key that nobody knows of, which opens nothing and names nobody.
    """
    sealed = vault.seal(io.BytesIO(secret_bytes(KEY_BYTES)), prefix="keys")
    with transaction.atomic():
        Dataset.objects.select_for_update().get(pk=dataset.pk)  # before the trail's lock
        kept, ours = PseudonymKey.objects.get_or_create(dataset=dataset, defaults={"sealed_name": sealed.name, "sha256": sealed.sha256})
        if ours:
            audit.record(by=None, action="pseudonym_key.made", subject=dataset, detail=of_pseudonym_key(kept))
    if not ours:
        vault.destroy(sealed.name)
    return kept
