"""Loaded by workers under :mod:`tests.live.slow_settings`: a run whose title asks for it waits to be killed.

It never goes on by itself, however slow the machine is that should kill it; only its first attempt waits.
"""

from __future__ import annotations

import time
from typing import Any

from catalog.releases import jobs

LONGER_THAN_ANY_TEST = 3600
_write = jobs.Progress.__call__


def write_and_wait(self: Any, stage: str, share: float) -> None:
    _write(self, stage, share)
    if self.job.attempt == 1 and getattr(self.job, "recipe", {}).get("title") == f"wait at {stage}":
        time.sleep(LONGER_THAN_ANY_TEST)


jobs.Progress.__call__ = write_and_wait  # type: ignore[method-assign]
