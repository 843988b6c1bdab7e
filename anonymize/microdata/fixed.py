"""A scheme that was chosen without looking at the data: the levels are given, and only suppression depends on the rows.

Minimality and downcoding attacks (Wong et al. 2007; Cohen 2022) argue back from "a finer scheme would have been taken if
the data allowed it", combinatorial refinement (arXiv 2509.03350) from where classes were cut. Here neither says anything:
the levels come from the recipe, that is from hierarchies and public figures. What the data still decide is which classes
are missing: that a class of the scheme does not appear says that it does not hold what was asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anonymize.errors import PrivacyNotMet, RecipeError
from anonymize.microdata.classes import Combinations
from anonymize.microdata.full_domain import Outcome, Search
from anonymize.microdata.judge import Judge
from anonymize.microdata.lattice import CodedLadder, Node


def node_of(levels: Mapping[str, int], ladders: Sequence[CodedLadder]) -> Node:
    """The node that a recipe gives. Raises :class:`RecipeError` for a level that a ladder does not have."""
    for ladder in ladders:
        if ladder.column not in levels:
            raise RecipeError(f"the fixed scheme gives no level for column {ladder.column!r}")
        if not 0 <= levels[ladder.column] < ladder.levels:
            raise RecipeError(f"column {ladder.column!r} has levels 0 to {ladder.levels - 1}: the scheme gives another")
    return tuple(levels[ladder.column] for ladder in ladders)


def apply(table: Combinations, ladders: Sequence[CodedLadder], judge: Judge, node: Node, max_suppressed_rows: int) -> Outcome:
    """The loss of the scheme, with every class left out that does not hold.

    Raises :class:`PrivacyNotMet` when more rows than allowed, or all, would have to go.
    """
    outcome = Search(table, ladders, judge, max_suppressed_rows, work=1).evaluate(node)
    if outcome is None:
        raise PrivacyNotMet("with the levels given, more rows would have to be left out than the recipe allows")
    return outcome
