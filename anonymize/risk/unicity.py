"""Unicity of events: how many people does an attacker single out who knows p of their own place-time points?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from anonymize.risk.rates import Rate, generator, wilson

Integers = npt.NDArray[np.integer[Any]]


def unicity(
    persons: Integers, points: Integers, p: int, *, sample: int = 1000, rng: np.random.Generator | None = None
) -> Rate:
    """Share of sampled persons who alone have all of ``p`` random distinct points of their own; Wilson 95 % interval.

    ``persons``, ``points``: (event,) codes from 0; a point is a place and time (or shop and time) as one code. Persons
    with fewer than ``p`` points cannot be attacked so and are not sampled. Without replacement, at most ``sample``.
    de Montjoye et al., "Unique in the crowd", Scientific Reports 3 (2013).
    """
    if not p >= 1:
        raise ValueError("the attacker knows at least one point")
    draw = rng or generator()
    visits = np.unique(np.column_stack([persons, points]), axis=0) if len(persons) else np.zeros((0, 2), dtype=np.int64)
    starts, own = _lists(visits[:, 0], visits[:, 1])
    order = np.argsort(visits[:, 1], kind="stable")
    point_starts, visitors = _lists(visits[order, 1], visits[order, 0])
    able = np.flatnonzero(np.diff(starts) >= p)
    chosen = draw.choice(able, size=min(sample, len(able)), replace=False)
    alone = sum(_alone(draw.choice(own[starts[i] : starts[i + 1]], size=p, replace=False), point_starts, visitors) for i in chosen)
    return wilson(int(alone), len(chosen))


def _lists(keys: Integers, values: Integers) -> tuple[Integers, Integers]:
    """Values by key, the keys ascending: where the list of key i starts, and all lists in one."""
    sizes = np.bincount(keys, minlength=1) if len(keys) else np.zeros(0, dtype=np.int64)
    return np.concatenate([[0], np.cumsum(sizes)]), values


def _alone(known: Integers, starts: Integers, visitors: Integers) -> bool:
    rarest_first = sorted(known, key=lambda point: int(starts[point + 1] - starts[point]))
    left = visitors[starts[rarest_first[0]] : starts[rarest_first[0] + 1]]
    for point in rarest_first[1:]:
        if len(left) == 1:
            break  # the person themself is always among them
        left = np.intersect1d(left, visitors[starts[point] : starts[point + 1]], assume_unique=True)
    return len(left) == 1
