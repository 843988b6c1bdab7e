"""A neighbour is looked for through the noise. The right code stays innocent; each planted fault is found.

How often each is found with the samplers themselves, of a hundred tries: ``python -m tests.bench auditor``.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from anonymize.aggregates.noise import GaussianNoise, of_scale
from anonymize.randomness import secret_bytes
from tests.anonymize.aggregates.auditor import accused
from tests.anonymize.aggregates.faults import FAULTS, INNOCENT
from tests.anonymize.aggregates.sampler import draw_quickly, draws


@pytest.mark.draws
@pytest.mark.parametrize("world", INNOCENT.values(), ids=INNOCENT)
def test_the_release_is_innocent(world):
    """By the samplers themselves. Accused by chance once in 10^10 runs: ``ERROR`` of the auditor."""
    assert not accused(world)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_planted_fault_is_found(fault, monkeypatch):
    draw_quickly(monkeypatch, seed=int.from_bytes(secret_bytes(8)))  # fixed draws: the same in every run
    fault.plant(monkeypatch)
    assert accused(fault.world)


def test_there_are_faults_enough_and_each_has_its_own_name():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 25


@pytest.mark.parametrize("noise", [of_scale(Fraction(3), "opendp"), GaussianNoise(0.7), GaussianNoise(4.0)], ids=lambda noise: f"{noise.name} {noise.scale}")
def test_quick_noise_is_what_the_samplers_draw(noise):
    """Each value about as often as the formula says: within 5 standard deviations. From a seed."""
    n, size = np.arange(-12, 13), 400_000
    everywhere = np.arange(-500, 501)
    weigh = (lambda x: -(x**2) / (2 * noise.scale**2)) if isinstance(noise, GaussianNoise) else (lambda x: -np.abs(x) / noise.scale)
    expected = size * np.exp(weigh(n)) / np.exp(weigh(everywhere)).sum()
    drawn = draws(np.random.default_rng(7), noise, size)
    found = np.array([(drawn == value).sum() for value in n])
    assert np.all(np.abs(found - expected) < 5 * np.sqrt(expected) + 1)
