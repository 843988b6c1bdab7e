"""Loaded by workers under :mod:`tests.live.slow_settings`: first attempts pause where tests kill them."""

from __future__ import annotations

import time
from typing import Any

from catalog.releases import jobs

PAUSE_SECONDS = 4
WHERE = ("reading", "noise")
_write = jobs.Progress.__call__


def write_and_pause(self: Any, stage: str, share: float) -> None:
    fresh = stage != self.stage
    _write(self, stage, share)
    if fresh and stage in WHERE and self.job.attempt == 1:
        time.sleep(PAUSE_SECONDS)


jobs.Progress.__call__ = write_and_pause  # type: ignore[method-assign]
