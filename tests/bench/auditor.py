"""The power of the auditor: how often each planted fault is found, and how often the innocent are accused."""

from __future__ import annotations

import os

import pytest

from tests.anonymize.aggregates.auditor import accused
from tests.anonymize.aggregates.faults import FAULTS, INNOCENT
from tests.bench.measure import say

TRIES = int(os.environ.get("TRIES", "20"))


def main() -> None:
    for name, world in INNOCENT.items():
        say(f"innocent: {name}", f"accused {sum(accused(world) for _ in range(TRIES))} of {TRIES} times", "")
    for fault in FAULTS:
        with pytest.MonkeyPatch.context() as patch:
            fault.plant(patch)
            say(f"fault: {fault.name}", f"found {sum(accused(fault.world) for _ in range(TRIES))} of {TRIES} times", "")
