"""What a rule about the settings is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Rule:
    """``always``: also in the embedded set-up; the others are for production alone."""

    id: str
    broken: Callable[[], bool]
    message: str
    hint: Callable[[], str] | str
    always: bool = False


def production() -> bool:
    return bool(settings.OPENDATA_MODE == "production")
