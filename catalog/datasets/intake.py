"""A worker checks an upload: unseals it in scratch, reads it into a typed table, profiles it, seals the table.

Knows nothing of Celery. Safe to run twice and to be killed anywhere: the claim is compare-and-set, and every write is
filtered on the attempt that this worker holds.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from anonymize.columns.profile import Profile, profile_table
from anonymize.errors import AnonymizeError
from anonymize.tables.duck import DuckEngine
from anonymize.tables.files import Loaded, read_upload
from catalog.audit.errors import Conflict, PlatformError, failure, our_fault
from catalog.audit.leases import claim, expired, renewing
from catalog.audit.transitions import move
from catalog.datasets import vault
from catalog.datasets.destroying import undeclared
from catalog.datasets.models import Column, Version
from catalog.datasets.states import CHECKING, READY, RECEIVED, REJECTED, VERSION
from catalog.datasets.testimony import of_columns

log = logging.getLogger(__name__)


def check_version(version_id: int) -> None:
    """Check one received version, if no other worker has it."""
    if not claim(Version.objects.filter(pk=version_id), old=RECEIVED, new=CHECKING):
        return
    version = Version.objects.get(pk=version_id)
    held = Version.objects.filter(pk=version_id, state=CHECKING, attempt=version.attempt)
    with renewing(held), vault.scratch(f"version-{version_id}") as folder:
        try:
            _accept(version, *_read(version, folder))
        except Conflict:
            log.warning("version %s was taken over by another worker", version_id)
        except Exception as error:
            if not isinstance(error, AnonymizeError | PlatformError):
                log.exception("version %s could not be checked", version_id)
            _reject(version, failure(error, work="The check of the file"))


def _read(version: Version, folder: Path) -> tuple[Loaded, Profile, Path]:
    raw, typed = folder / "upload", folder / "typed.parquet"
    with raw.open("wb") as sink:
        digest = vault.unseal(version.sealed_name, sink)
    if digest != version.sha256:
        raise PlatformError("The sealed file is not the one that was uploaded: its SHA-256 differs. Upload it again.")
    loaded = read_upload(
        raw, file_name=version.file_name, output=typed, scratch=folder, types=version.declared_types or None,
        header=version.header, names=version.names,
    )  # fmt: skip
    raw.unlink()
    with DuckEngine(memory_limit=settings.ENGINE_MEMORY_LIMIT, temp_directory=folder) as engine:
        profile = profile_table(engine, engine.scan_parquet(typed))
    return loaded, profile, typed


def _accept(version: Version, loaded: Loaded, profile: Profile, typed: Path) -> None:
    sealed = vault.seal_file(typed, prefix="typed")
    try:
        with transaction.atomic():
            changes = {
                "typed_name": sealed.name, "rows": loaded.rows, "format": loaded.format, "encoding": loaded.encoding or "",
                "delimiter": loaded.delimiter or "", "notes": list(loaded.notes), "checked_at": timezone.now(), "lease_until": None,
            }  # fmt: skip
            columns = [
                Column(
                    version=version, position=position, name=seen.name, type=seen.type, nulls=seen.nulls, distinct=seen.distinct,
                    looks_like=seen.looks_like or "", suggested_role=seen.suggested_role.value, reason=seen.reason[:500],
                )
                for position, seen in enumerate(profile.columns)
            ]  # fmt: skip
            detail = {"rows": loaded.rows, "columns": len(columns), "typed_name": sealed.name, **of_columns(columns)}
            move(VERSION, version, to=READY, by=None, action="version.ready", require={"attempt": version.attempt}, detail=detail, changes=changes)
            Column.objects.bulk_create(columns)
    except BaseException:
        vault.destroy(sealed.name)
        raise


def _reject(version: Version, error: dict[str, Any]) -> None:
    """Nothing half-loaded stays: the sealed upload goes, the record of what was wrong stays."""
    with transaction.atomic():
        move(
            VERSION, version, to=REJECTED, by=None, action="version.rejected", require={"attempt": version.attempt},
            detail={"code": error["code"]}, changes={**undeclared(), "error": error, "lease_until": None, "checked_at": timezone.now()},
        )  # fmt: skip
        transaction.on_commit(lambda: vault.destroy(version.sealed_name))


def sweep_versions() -> None:
    """Give the versions of dead workers back to the queue, or reject them after too many attempts."""
    for version in Version.objects.filter(expired(), state=CHECKING):
        try:
            if version.attempt < settings.MAX_ATTEMPTS:
                move(
                    VERSION, version, to=RECEIVED, by=None, action="version.worker_lost", detail={"attempt": version.attempt},
                    require={"attempt": version.attempt, "lease_until": version.lease_until},
                    changes={"lease_until": None, "rung_at": None},
                )  # fmt: skip
            else:
                _reject(version, our_fault("The worker that checked the file was lost again and again. Nothing was kept; tell the operator."))
        except Conflict:
            continue  # the worker was faster
