"""All attacks on how a release was made, run on every release whatever its method: one that resists shows it in its figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anonymize.recipe import KAnonymity
from anonymize.risk.coded import Coded
from anonymize.risk.downcoding import downcoding
from anonymize.risk.method import Method
from anonymize.risk.minimality import minimality, node_of
from anonymize.risk.rates import generator
from anonymize.risk.refinement import PROGRAMS, Refined, refinement
from anonymize.risk.separation import PAIRS


def attack_method(
    tables: Coded,
    quasi_identifiers: Sequence[int],
    secrets: Sequence[int],
    stage: KAnonymity,
    *,
    targets: int = 1000,
    pairs: int = PAIRS,
    programs: int = PROGRAMS,
    rng: np.random.Generator | None = None,
) -> dict[str, Any]:
    """``full_domain``: are all labels of a column on one level? ``chosen_from_data``: did the rows decide where classes were cut?

    ``pairs``, ``programs``: limits of work; see :mod:`anonymize.risk.separation`.
    ``minimality`` (``None`` unless full domain), ``refinement``, ``downcoding``: see their modules. The attacker knows the recipe.
    """
    draw = rng or generator()
    method = Method.of_stage(stage, row_is_person=tables.persons is None)
    quasi = tables.only(quasi_identifiers)
    refined = Refined(tables, quasi_identifiers, method, pairs=pairs)
    return {
        "full_domain": node_of(quasi) is not None,
        "chosen_from_data": method.chosen_from_data,
        "minimality": minimality(quasi, method),
        "refinement": refinement(tables, quasi_identifiers, secrets, method=method, refined=refined, rows=targets, targets=targets, programs=programs, rng=draw),
        "downcoding": downcoding(tables, quasi_identifiers, method=method, refined=refined, targets=targets, rng=draw),
    }
