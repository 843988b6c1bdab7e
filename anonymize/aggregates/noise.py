"""All noise of a table is drawn here: discrete Laplace or discrete Gaussian, on integers, by one of two samplers.

**diffprivlib's Geometric** while its sampler is sound at the scale used, **OpenDP's** exact integer sampler elsewhere.

What diffprivlib's sampler costs (read in its source, 0.6.6, mechanisms/geometric.py). It takes U, one of the 2^53
multiples of 2^-53 in [0, 1), and gives ± floor(ln|(U - ½)(1 + a)| / -rate). In exact arithmetic |X| ≥ j, with a sign,
for |U - ½| below the threshold a^j/(1 + a). Let u = 2^-53. With exp and log good to 4 ulp, the quotient is off by at
most 10u·j + 8u·s (s = 1/rate), which moves a threshold by at most e^-x(10x + 8) grid points, x = j/s; the grid itself
adds 1. |X| cannot exceed 53·ln 2·s + 1 < 37s + 1, where the ideal has a mass of less than 2u left; the draw that hits
ln 0 (u) is drawn again. The distance in total variation to the ideal is at most the sum over all thresholds of both
signs:

    η ≤ u·[2(37s + 2) + 2(18s + 8.2) + 3] ≤ u·(128s + 32) = (4s + 1)·2^-48

and a draw that is within η of an ε'-private one is (ε', (1 + e^ε')·η)-private. The draws of cells that one person
cannot touch are the same in both worlds, so a release pays for max_cells_per_person draws a measure, not for all cells.
That δ is taken out of the δ of the stage. Values are added in integers, so that none is lost beyond 2^53.

OpenDP draws from the exact rationals of the discrete Laplace, or Gaussian, of a float scale (Canonne, Kamath and Steinke
2020) and costs no δ. Gaussian noise is always OpenDP's: diffprivlib's GaussianDiscrete compares floating-point draws with
e^-γ at every step, which no bound of ours covers (docs/adr/0004-noise-samplers.md).
"""

from __future__ import annotations

import math
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from anonymize.aggregates import gaussian, laplace
from anonymize.aggregates.laplace import exp_above
from anonymize.errors import PrivacyNotMet
from anonymize.randomness import system_random

Integers: TypeAlias = npt.NDArray[np.int64]
Sampler: TypeAlias = Literal["diffprivlib", "opendp"]

MAX_DIFFPRIVLIB_SCALE = 4096  # η ≤ 6·10^-11 a draw
MAX_ABS = 2**62  # of an exact value plus its noise: one bit of room in 64
_NEVER = 70  # P[|X| > 70·scale] < 2·e^-70 < 2^-99
_CHUNK = 25_000  # draws that a thread makes at a time


@dataclass(frozen=True)
class Noise:
    """Discrete Laplace noise as a sampler really draws it: P[n] ∝ e^(-rate·|n|), with the exact rate of the sampler."""

    sampler: Sampler
    rate: Fraction

    @property
    def scale(self) -> float:
        """1/rate: the mean of |n|, nearly; the standard deviation divided by √2, nearly."""
        return float(1 / self.rate)

    @property
    def reach(self) -> int:
        """A draw beyond ±reach has a chance below 2^-99."""
        return math.ceil(_NEVER / self.rate)

    @property
    def half_width(self) -> int:
        """A draw lies within ±half_width with a chance of at least 95 %."""
        return laplace.half_width(self.rate)

    def within(self, error: float) -> int:
        """A draw lies within ±this but for a chance of at most ``error``, 0 < error < 1."""
        return laplace.half_width(self.rate, Decimal(error))

    @property
    def name(self) -> str:
        return "discrete Laplace"


@dataclass(frozen=True)
class GaussianNoise:
    """Discrete Gaussian noise: P[n] ∝ e^(-n²/2·scale²), with the exact scale (σ) that the sampler is told."""

    scale: float
    sampler: Sampler = "opendp"

    @property
    def reach(self) -> int:
        """A draw beyond ±reach has a chance below 2^-99: at most erfc(12/√2)."""
        return math.ceil(12 * self.scale)

    @property
    def half_width(self) -> int:
        """A draw lies within ±half_width with a chance of at least 95 %."""
        return gaussian.half_width(self.scale)

    def within(self, error: float) -> int:
        """A draw lies within ±this but for a chance of at most ``error``, 0 < error < 1."""
        return gaussian.half_width(self.scale, error)

    @property
    def name(self) -> str:
        return "discrete Gaussian"


AnyNoise: TypeAlias = Noise | GaussianNoise


def of_variance(variance: Fraction) -> GaussianNoise:
    """The Gaussian noise whose σ is the smallest double with σ² not below ``variance``."""
    if not 0 < variance < MAX_ABS:
        raise PrivacyNotMet("the noise would need a scale beyond the integers: raise epsilon, or the unit of the sums")
    scale = math.sqrt(variance)
    while not Fraction(scale) ** 2 >= variance:
        scale = math.nextafter(scale, math.inf)
    return GaussianNoise(scale)


def of_scale(scale: Fraction, sampler: Sampler) -> Noise:
    """The noise whose scale is the smallest that ``sampler`` can be told and is not below ``scale``."""
    if not 0 < scale < MAX_ABS:
        raise PrivacyNotMet("the noise would need a scale beyond the integers: raise epsilon, or the unit of the sums")
    if sampler == "diffprivlib":
        return Noise(sampler, Fraction(_float_below(1 / scale)))
    return Noise(sampler, 1 / Fraction(_float_above(scale)))


def draw_delta(scale: Fraction, epsilon: Fraction) -> Fraction:
    """δ of one diffprivlib draw that must be ``epsilon``-private: (1 + e^ε)(4·scale + 1)·2^-48, never rounded down."""
    return (1 + exp_above(epsilon)) * (4 * scale + 1) / 2**48


def add_noise(values: Integers, noise: AnyNoise) -> Integers:
    """A fresh draw added to each value; |value| + noise.reach stays below 2^62, or :class:`PrivacyNotMet`."""
    if values.size and not int(np.abs(values).max()) + noise.reach < MAX_ABS:
        raise PrivacyNotMet("a value and its noise could leave the 64-bit integers: raise epsilon or the unit")
    if isinstance(noise, Noise) and noise.sampler == "diffprivlib":
        return _with_diffprivlib(values, noise)
    return _with_opendp(values, noise)


def add_truncated(values: Integers, noise: Noise, reach: int) -> Integers:
    """The same, each draw kept within ±``reach``: one beyond is drawn again, whatever the value it is added to."""
    drawn = add_noise(np.zeros_like(values), noise)
    beyond = np.abs(drawn) > reach
    while beyond.any():
        drawn[beyond] = add_noise(np.zeros(int(beyond.sum()), dtype=np.int64), noise)
        beyond = np.abs(drawn) > reach
    return values + drawn


def _with_diffprivlib(values: Integers, noise: Noise) -> Integers:
    from diffprivlib.mechanisms import Geometric
    from diffprivlib.utils import DiffprivlibCompatibilityWarning, PrivacyLeakWarning

    with warnings.catch_warnings():
        warnings.simplefilter("error", PrivacyLeakWarning)
        warnings.simplefilter("error", DiffprivlibCompatibilityWarning)
        # sensitivity 1: the rate is epsilon/sensitivity already, rounded once and downwards
        mechanism = Geometric(epsilon=float(noise.rate), sensitivity=1, random_state=system_random())
        mechanism._check_all(0)
        mechanism._check_all = _checked  # every draw is for 0 by the same mechanism: once is enough, and a third quicker
        drawn = [_one(mechanism) for _ in range(values.size)]
    return values + np.array(drawn, dtype=np.int64)


def _checked(value: int) -> None:
    """In place of the mechanism's checks of itself, once they have been made."""


def _one(mechanism: Any) -> int:
    while True:
        try:
            return int(mechanism.randomise(0))
        except OverflowError:  # the logarithm of 0, once in 2^53 draws, whatever the value: draw again
            continue


def _with_opendp(values: Integers, noise: AnyNoise) -> Integers:
    """In as many threads as there are cores: the sampler draws outside of Python's lock, from the operating system."""
    measurement = _measurement(noise)
    chunks = [values[i : i + _CHUNK] for i in range(0, values.size, _CHUNK)]

    def drawn(chunk: Integers) -> Integers:
        return np.array(measurement(chunk.tolist()), dtype=np.int64)

    if len(chunks) < 2:
        return drawn(values) if values.size else values.copy()
    with ThreadPoolExecutor(min(len(chunks), os.cpu_count() or 1)) as threads:
        return np.concatenate(list(threads.map(drawn, chunks)))


def _measurement(noise: AnyNoise) -> Any:
    # not opendp.prelude: it loads scikit-learn, for a second
    from opendp import domains, measurements, metrics, mod

    mod.enable_features("contrib")
    domain = domains.vector_domain(domains.atom_domain(T="i64"))
    if isinstance(noise, GaussianNoise):
        return measurements.make_gaussian(domain, metrics.l2_distance(T="i64"), scale=noise.scale)
    return measurements.make_laplace(domain, metrics.l1_distance(T="i64"), scale=float(1 / noise.rate))


def _float_below(number: Fraction) -> float:
    nearest = float(number)
    return nearest if Fraction(nearest) <= number else math.nextafter(nearest, 0.0)


def _float_above(number: Fraction) -> float:
    nearest = float(number)
    return nearest if Fraction(nearest) >= number else math.nextafter(nearest, math.inf)
