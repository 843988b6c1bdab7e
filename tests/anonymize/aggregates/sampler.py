"""Noise of the right distribution, drawn by numpy from a seed: a hundred times quicker, and the same in every run.

For what does not look at the samplers themselves: they are tested in test_dp_noise.py, and draw for the innocent worlds.
"""

from __future__ import annotations

import numpy as np
import pytest

from anonymize.aggregates import noise as noise_module
from anonymize.aggregates.noise import AnyNoise, GaussianNoise, Integers


def draw_quickly(patch: pytest.MonkeyPatch, seed: int) -> None:
    """In place of both samplers."""
    chance = np.random.default_rng(seed)

    def drawn(values: Integers, noise: AnyNoise) -> Integers:
        return values + draws(chance, noise, values.size)

    patch.setattr(noise_module, "_with_diffprivlib", drawn)
    patch.setattr(noise_module, "_with_opendp", drawn)


def draws(chance: np.random.Generator, noise: AnyNoise, size: int) -> Integers:
    """Laplace as the difference of two geometric draws; Gaussian as a rounded normal, which is near enough for σ of 4 and more."""
    if isinstance(noise, GaussianNoise):
        return np.rint(chance.normal(0, noise.scale, size)).astype(np.int64)
    stops = -np.expm1(-float(noise.rate))
    return np.asarray(chance.geometric(stops, size) - chance.geometric(stops, size), dtype=np.int64)
