"""System checks: read back the settings that safety depends on; a bad one stops the boot.

A misspelt setting that silently does nothing is how safe set-ups become unsafe ones. Django runs them with ``manage.py
check``, ``migrate`` and the other commands; web servers, workers and the scheduler, which Django does not check, run them first.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from opendata.rules import broken


@register()
def safety(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Every rule that is broken, as an error with what to do."""
    return [Error(rule.message, hint=rule.hint if isinstance(rule.hint, str) else rule.hint(), id=f"opendata.{rule.id}") for rule in broken()]


def stop_if_unsafe() -> None:
    """For processes that Django does not check by itself (web servers, workers). Raises ImproperlyConfigured."""
    errors = safety(None)
    if errors:
        raise ImproperlyConfigured("\n".join(f"{error.msg} {error.hint}" for error in errors))


def stop_if_it_may_write_what_is_published() -> None:
    """For processes that serve, in production: only workers write to the public store. Raises ImproperlyConfigured.

    A bucket has rights of its own, which are given with the key.
    """
    location = Path(settings.STORAGES["public"].get("OPTIONS", {}).get("location", ""))
    if settings.OPENDATA_MODE == "production" and location.is_absolute() and location.is_dir() and os.access(location, os.W_OK):
        raise ImproperlyConfigured(
            "The web process can write to the public store. Mount that folder read-only for it, or have it belong to the workers' user alone."
        )
