"""Seeded chance for the simulation, and nothing else: these generators never come near the noise that protects."""

from __future__ import annotations

from typing import TypeAlias
from zlib import crc32

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]


def stream(seed: int, purpose: str) -> np.random.Generator:
    """A generator of its own for each purpose, so that a change to one file leaves the others as they were."""
    return np.random.default_rng([seed, crc32(purpose.encode())])


def pick(rng: np.random.Generator, weights: Floats, size: int) -> Ints:
    """Indices drawn in proportion to ``weights`` (any positive scale)."""
    edges = np.cumsum(weights) / np.sum(weights)
    return np.searchsorted(edges, rng.random(size), side="right").clip(max=len(edges) - 1).astype(np.int64)


def pick_by_row(rng: np.random.Generator, weights: Floats, rows: Ints) -> Ints:
    """For each entry of ``rows``, an index drawn in proportion to that row of ``weights``.

    Works row by row of the table, not draw by draw: the table is small, the draws may be millions.
    """
    drawn = np.empty(len(rows), dtype=np.int64)
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(len(weights) + 1))
    for row in np.flatnonzero(np.diff(starts)):
        entries = order[starts[row] : starts[row + 1]]
        drawn[entries] = pick(rng, weights[row], len(entries))
    return drawn


def scattered(rng: np.random.Generator, count: int, space: int) -> Ints:
    """``count`` different numbers below ``space``, in no visible order: an affine walk with a coprime step."""
    if not 0 < count <= space:
        raise ValueError(f"cannot draw {count} different numbers below {space}")
    step = int(rng.integers(space // 3, space // 2))
    while np.gcd(step, space) != 1:
        step += 1
    walk = np.arange(count, dtype=np.int64) * step + int(rng.integers(space))
    return walk % space
