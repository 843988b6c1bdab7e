"""The attacks that are carried out on the release."""

from __future__ import annotations

from typing import Any

import numpy as np

from anonymize.assess.effort import Effort
from anonymize.assess.reading import World
from anonymize.risk.attacks import inference, linkability
from anonymize.risk.linkage import linkage
from anonymize.risk.method_attacks import attack_method
from anonymize.risk.singling_out import singling_out
from anonymize.risk.unicity import unicity_of_release


def attacks(world: World, effort: Effort, rng: np.random.Generator) -> dict[str, Any]:
    """Singling out, linkability, inference of every sensitive column, and linkage by 1, 3 and all quasi-identifiers."""
    coded, known, half = world.coded, world.quasi, len(world.quasi) // 2
    apart = linkability(coded, known[:half], known[half:], targets=effort.targets, rng=rng).as_dict() if half else None
    return {
        "singling_out": singling_out(coded, queries=effort.queries, rng=rng).as_dict(),
        "linkability": apart,
        "inference": {world.names[i]: inference(coded, known, i, targets=effort.targets, rng=rng).as_dict() for i in world.secrets},
        "linkage": {
            str(q): linkage(coded, q, columns=known, targets=effort.targets, rng=rng).as_dict()
            for q in sorted({1, min(3, len(known)), len(known)})
        },
    }


def on_method(world: World, effort: Effort, rng: np.random.Generator) -> dict[str, Any]:
    """Attacks on how the release was made."""
    return attack_method(
        world.coded, world.quasi, world.secrets, world.stage, targets=effort.targets, pairs=effort.pairs, programs=effort.programs, rng=rng
    )


def events(world: World, effort: Effort, rng: np.random.Generator) -> dict[str, Any] | None:
    """For many rows a person: unicity before and after; else ``None``."""
    return unicity_of_release(world.coded, world.quasi, sample=effort.targets, rng=rng)
