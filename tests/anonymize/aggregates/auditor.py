"""The auditor: a stage, neighbouring tables, many releases of each, and every statistic that could tell them apart.

The bounding is done once a table, which is no loss in worlds where it has nothing to choose at random.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from anonymize.aggregates import stage as staging
from anonymize.aggregates.noise import Noise
from anonymize.recipe import DpTable
from tests.anonymize.aggregates.worlds import exact, table_of
from tests.anonymize.oracles.violation import violated

Wide = npt.NDArray[np.int64]  # (releases, places)
Key = tuple[str, str]
HIDDEN = -(2**50)  # in the place of a cell that a release does not show
ERROR = 1e-10  # chance of accusing the innocent, in all statistics of a world together

OTHERS = [{"who": f"p{i}", "place": place, "amount": 1} for i in range(8) for place in ("a", "b")]


@dataclass(frozen=True)
class World:
    """A stage, the rows of one person (``extra``), and everybody else's. ``releases``: how many of each table."""

    stage: DpTable
    extra: list[dict[str, Any]]
    others: list[dict[str, Any]] = field(default_factory=lambda: list(OTHERS))
    places: tuple[str, ...] = ("a", "b", "c")
    releases: int = 10_000


def accused(world: World) -> bool:
    """Whether the releases with the person and those without are told apart better than (ε, δ) allows."""
    with_one, without = _released(world, world.others + world.extra), _released(world, world.others)
    statistics = list(_statistics(world, with_one, without))
    fine = {"epsilon": float(world.stage.epsilon), "delta": float(world.stage.delta), "error": ERROR / len(statistics)}
    return any(violated(one, other, **fine) for one, other in statistics)


@dataclass(frozen=True)
class _Released:
    drawn: Mapping[Key, Wide]
    exact: Mapping[Key, Wide]  # (places,)


def _released(world: World, rows: list[dict[str, Any]]) -> _Released:
    cells = exact(table_of(rows), world.stage)
    size, n = len(cells.groups["place"]), world.releases
    tiled = staging.ExactCells(
        {
            "place": pa.array(cells.groups["place"].to_pylist() * n, pa.string()),
            "release": pa.array(np.repeat(np.arange(n), size)),
        },
        {name: np.tile(values, n) for name, values in cells.values.items()},
        cells.with_data,
    )
    groups, noisy = staging.draw(tiled, staging.plan(world.stage))
    whose = groups["release"].to_numpy()
    at = [pc.equal(groups["place"], place).to_numpy(zero_copy_only=False) for place in world.places]
    true = {place: i for i, place in enumerate(cells.groups["place"].to_pylist())}
    drawn = {key: np.full((n, len(world.places)), HIDDEN, dtype=np.int64) for key in noisy}
    for key, wide in drawn.items():
        for i, there in enumerate(at):
            wide[whose[there], i] = noisy[key][there]
    exactly = {
        key: np.array([values[true[place]] if place in true else 0 for place in world.places], dtype=np.int64)
        for key, values in cells.values.items()
    }  # fmt: skip
    return _Released(drawn, exactly)


def _statistics(world: World, one: _Released, other: _Released) -> Iterator[tuple[Wide, Wide]]:
    """Each number alone; what the places add up to and differ by; pairs of measures; and the likelihood ratio of all."""
    keys = list(one.drawn)
    for key in keys:
        a, b = one.drawn[key], other.drawn[key]
        for i in range(len(world.places)):
            yield a[:, i], b[:, i]
        yield a.min(axis=1), b.min(axis=1)
        yield (a > HIDDEN).sum(axis=1), (b > HIDDEN).sum(axis=1)
        yield a[:, 0] - a[:, 1], b[:, 0] - b[:, 1]
        yield a[:, 0] - a[:, -1], b[:, 0] - b[:, -1]
        yield a.sum(axis=1), b.sum(axis=1)
    for first, second in pairwise(keys):
        yield one.drawn[first][:, 0] - one.drawn[second][:, 0], other.drawn[first][:, 0] - other.drawn[second][:, 0]
        yield one.drawn[first][:, 0] + one.drawn[second][:, 0], other.drawn[first][:, 0] + other.drawn[second][:, 0]
    if world.stage.cells == "public":
        yield _likelihood(world, one, one, other), _likelihood(world, other, one, other)


def _likelihood(world: World, drawn: _Released, one: _Released, other: _Released) -> Wide:
    """ln P[draws | with the person] - ln P[draws | without], in millionths, were the noise that of the plan (Neyman & Pearson)."""
    total = np.zeros(world.releases)
    for quantity in staging.plan(world.stage).drawn:
        x = drawn.drawn[quantity.key].astype(np.float64)
        v, w = (side.exact[quantity.key].astype(np.float64) for side in (one, other))
        scale = float(quantity.noise.scale)
        if isinstance(quantity.noise, Noise):
            total += ((np.abs(x - w) - np.abs(x - v)) / scale).sum(axis=1)
        else:
            total += (((x - w) ** 2 - (x - v) ** 2) / (2 * scale**2)).sum(axis=1)
    return np.asarray(np.rint(total * 1e6), dtype=np.int64)
