"""A neighbour is looked for through the noise. The right code stays innocent; each planted fault is found.

How often each is found, of a hundred tries: ``python -m tests.bench auditor``.
"""

from __future__ import annotations

import pytest

from tests.anonymize.aggregates.auditor import accused
from tests.anonymize.aggregates.faults import FAULTS, INNOCENT


@pytest.mark.parametrize("world", INNOCENT.values(), ids=INNOCENT)
def test_the_release_is_innocent(world):
    assert not accused(world)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_planted_fault_is_found(fault, monkeypatch):
    fault.plant(monkeypatch)
    assert accused(fault.world)


def test_there_are_faults_enough_and_each_has_its_own_name():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 25
