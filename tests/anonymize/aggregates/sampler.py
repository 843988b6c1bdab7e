"""Noise of the right distribution, drawn by numpy from a seed: a hundred times quicker, and the same in every run.

For what does not look at the samplers themselves: they are tested in test_dp_noise.py, and draw for the innocent worlds.
"""

from __future__ import annotations

import numpy as np
import pytest

from anonymize.aggregates import noise as noise_module
from anonymize.aggregates.noise import AnyNoise, GaussianNoise, Integers

SMALL = 10**4  # σ; from here on a rounded normal is the discrete Gaussian, but for a share of 10^-9 of its variance
WIDE = 2.0**40  # scale; from here on the same is said of a rounded Laplace


def draw_quickly(patch: pytest.MonkeyPatch, seed: int) -> None:
    """In place of both samplers."""
    chance = np.random.default_rng(seed)

    def drawn(values: Integers, noise: AnyNoise) -> Integers:
        return values + draws(chance, noise, values.size)

    patch.setattr(noise_module, "_with_diffprivlib", drawn)
    patch.setattr(noise_module, "_with_opendp", drawn)


def draws(chance: np.random.Generator, noise: AnyNoise, size: int) -> Integers:
    """Laplace as the difference of two geometric draws; Gaussian from the table of its chances."""
    scale = float(noise.scale)
    if isinstance(noise, GaussianNoise):
        return _gaussian(chance, scale, size)
    if scale > WIDE:
        return np.rint(chance.laplace(0, scale, size)).astype(np.int64)
    stops = -np.expm1(-float(noise.rate))
    return np.asarray(chance.geometric(stops, size) - chance.geometric(stops, size), dtype=np.int64)


def _gaussian(chance: np.random.Generator, scale: float, size: int) -> Integers:
    if scale > SMALL:
        return np.rint(chance.normal(0, scale, size)).astype(np.int64)
    reach = int(12 * scale) + 1
    values = np.arange(-reach, reach + 1)
    upto = np.cumsum(np.exp(-((values / scale) ** 2) / 2))
    return values[np.searchsorted(upto, chance.random(size) * upto[-1], side="right")]
