"""How a long run says where it is: a stage in words and a share from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, float], None]


def silent(stage: str, share: float) -> None:
    """For callers that do not want to know."""


def between(progress: Progress, low: float, high: float) -> Progress:
    """A part of ``progress``: a share of 0 there is ``low`` here, and 1 is ``high``."""

    def report(stage: str, share: float) -> None:
        progress(stage, low + (high - low) * min(max(share, 0.0), 1.0))

    return report
