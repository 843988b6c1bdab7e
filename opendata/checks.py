"""System checks: read back the settings that safety depends on; a bad one stops the boot in production.

A misspelt setting that silently does nothing is how safe set-ups become unsafe ones.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from anonymize.tables.choice import ENGINES, missing
from opendata.door_checks import door_rules

SAFE_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]


@register()
def safety(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Every rule that is broken, as an error with what to do."""
    return [Error(message, hint=hint, id=f"opendata.E{number:03}") for number, (broken, message, hint) in enumerate(_rules(), 1) if broken]


def _rules() -> list[tuple[bool, str, str]]:
    production = settings.OPENDATA_MODE == "production"
    return [
        (bool(settings.DEBUG), "DEBUG is on.", "Debug pages show local variables, and those hold people's values."),
        (
            production and (len(settings.SECRET_KEY) < 32 or settings.SECRET_KEY == "unset"),  # noqa: S105  the placeholder
            "SECRET_KEY is missing or short.",
            "Set SECRET_KEY to at least 32 random characters.",
        ),
        (
            production and not str(settings.VAULT_RECIPIENT).startswith("age1"),
            "VAULT_RECIPIENT is not an age recipient.",
            "Uploads are sealed for it; make a pair with: python -m opendata.keys",
        ),
        (production and not settings.ALLOWED_HOSTS, "ALLOWED_HOSTS is empty.", "Name the hosts that this site answers for."),
        (production and "*" in settings.ALLOWED_HOSTS, "ALLOWED_HOSTS allows every host.", "Name the hosts that this site answers for."),
        (
            settings.FILE_UPLOAD_HANDLERS != SAFE_HANDLERS or settings.FILE_UPLOAD_MAX_MEMORY_SIZE > 1_000_000,
            "Uploads could reach memory or disk unsealed.",
            "Leave FILE_UPLOAD_HANDLERS alone: large uploads are sealed as they arrive (catalog/datasets/upload.py).",
        ),
        (not settings.USE_TZ, "USE_TZ is off.", "Decisions and charges are dated in UTC."),
        (
            not 0 < settings.LEASE_SECONDS <= 3600 or not 0 < settings.SWEEP_SECONDS <= settings.LEASE_SECONDS,
            "LEASE_SECONDS and SWEEP_SECONDS do not fit each other.",
            "0 < SWEEP_SECONDS ≤ LEASE_SECONDS ≤ 3600.",
        ),
        (settings.ENGINE not in ENGINES, "ENGINE names no table engine.", f"There are: {', '.join(ENGINES)}."),
        (
            bool(settings.VAULT_IDENTITY_FILE) and missing(settings.ENGINE) is not None,  # only workers need it
            "The table engine cannot be opened on this machine.",
            str(missing(settings.ENGINE)),
        ),
        (settings.CELERY_ACCEPT_CONTENT != ["json"], "Workers accept more than JSON.", "A pickled message runs code."),
        *door_rules(),
    ]


def stop_if_unsafe() -> None:
    """For processes that Django does not check by itself (web servers, workers). Raises ImproperlyConfigured."""
    errors = safety(None)
    if errors:
        raise ImproperlyConfigured("\n".join(f"{error.msg} {error.hint}" for error in errors))
