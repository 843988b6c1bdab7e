"""Random small tables with sensitive values, as rows and as the engine's arrays."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import product

import numpy as np
from hypothesis import strategies as st

from anonymize.microdata.classes import Combinations, from_incidence
from anonymize.microdata.judge import Rules
from anonymize.microdata.lattice import CodedLadder
from anonymize.microdata.models import model_of
from anonymize.microdata.sensitive import of_pairs
from anonymize.recipe import Alpha, BetaLikeness, LDiversity, SensitiveModel, TCloseness
from tests.anonymize.oracles import models as oracle

SECRET_LEVELS = (np.array([0, 1, 2, 3]), np.array([0, 0, 1, 1]), np.zeros(4, dtype=int))
RANKS = np.array([0, 1, 2, 3])
GROUND = {
    "equal": {(a, b): Fraction(int(a != b)) for a in range(4) for b in range(4)},
    "ordered": {(a, b): Fraction(abs(a - b), 3) for a in range(4) for b in range(4)},
    "hierarchical": {(a, b): Fraction(0 if a == b else 1 if a // 2 == b // 2 else 2, 2) for a in range(4) for b in range(4)},
}
Codes = tuple[int, ...]
Ladder = tuple[Codes, ...]
"""Of four leaves, the label of each at level 0, 1, … up to the top, where all have one."""
LADDER: Ladder = ((0, 1, 2, 3), (0, 0, 1, 1), (0, 0, 0, 0))
MODELS: tuple[SensitiveModel, ...] = (
    LDiversity(model="l_diversity", column="s", kind="distinct", l="2"),
    LDiversity(model="l_diversity", column="s", kind="entropy", l="1.7"),
    LDiversity(model="l_diversity", column="s", kind="recursive", l="2", c="1.5"),
    TCloseness(model="t_closeness", column="s", t="0.3", distance="equal"),
    TCloseness(model="t_closeness", column="s", t="0.25", distance="ordered"),
    TCloseness(model="t_closeness", column="s", t="0.25", distance="hierarchical"),
    Alpha(model="alpha", column="s", alpha="0.6"),
    BetaLikeness(model="beta_likeness", column="s", beta="0.8"),
)


@dataclass(frozen=True)
class World:
    """``rows``: (codes of the quasi-identifiers, person, code of the secret). ``given``: a ladder a column, if not the usual."""

    rows: list[tuple[Codes, int, int]]
    models: tuple[SensitiveModel, ...]
    k: int
    given: tuple[Ladder, ...] = ()

    @property
    def ladders(self) -> tuple[Ladder, ...]:
        return self.given or (LADDER,) * len(self.rows[0][0])

    @property
    def nodes(self) -> list[Codes]:
        """Every node of the lattice: a level a column."""
        return list(product(*(range(len(ladder)) for ladder in self.ladders)))

    def labels(self, codes: Codes, node: Codes) -> Codes:
        """What stands in a row at a node."""
        return tuple(ladder[level][code] for ladder, level, code in zip(self.ladders, node, codes, strict=True))

    def penalties(self, codes: Codes, node: Codes) -> list[float]:
        """(leaves with the label - 1) / 3 of every cell; 1 at the top."""
        cells = zip(self.ladders, node, codes, strict=True)
        return [1.0 if level == len(ladder) - 1 else (ladder[level].count(ladder[level][code]) - 1) / 3 for ladder, level, code in cells]

    @property
    def pairs(self) -> list[oracle.Pair]:
        return [(person, secret) for _, person, secret in self.rows]


@st.composite
def random_ladder(draw: st.DrawFn) -> Ladder:
    """Up to two levels between the leaves and the top, each a function of the one below."""
    levels: list[Codes] = [(0, 1, 2, 3)]
    for _ in range(draw(st.integers(0, 2))):
        parent = [draw(st.integers(0, 2)) for _ in range(4)]
        known: dict[int, int] = {}
        levels.append(tuple(known.setdefault(parent[label], len(known)) for label in levels[-1]))
    return (*levels, (0, 0, 0, 0))


@st.composite
def worlds(draw: st.DrawFn, *, models: tuple[SensitiveModel, ...] = MODELS, most: int = 2) -> World:
    size, width = draw(st.integers(2, 16)), draw(st.integers(1, 2))
    one_row_each = draw(st.booleans())
    rows = [
        (
            tuple(draw(st.integers(0, 3)) for _ in range(width)),
            i if one_row_each else draw(st.integers(0, 7)),
            draw(st.integers(0, 3)),
        )
        for i in range(size)
    ]
    asked = draw(st.lists(st.sampled_from(models), max_size=most, unique=True))
    return World(rows, tuple(asked), draw(st.integers(1, 3)), tuple(draw(random_ladder()) for _ in range(width)))


def arrays(world: World) -> tuple[Combinations, list[CodedLadder], Rules]:
    table = _combinations([(codes, person) for codes, person, _ in world.rows])
    pairs = _combinations([((*codes, secret), person) for codes, person, secret in world.rows])
    sensitive = of_pairs(table, pairs, 4)
    rules = tuple((model_of(model, SECRET_LEVELS, RANKS), sensitive) for model in world.models)
    return table, [_coded(ladder) for ladder in world.ladders], rules


def _coded(ladder: Ladder) -> CodedLadder:
    groups = tuple(np.array(labels) for labels in ladder)
    below = [np.array([(labels.count(label) - 1) / 3 for label in range(max(labels) + 1)]) for labels in ladder[:-1]]
    return CodedLadder("q", groups, tuple(max(labels) + 1 for labels in ladder), (*below, np.ones(1)))


def _combinations(rows: list[tuple[tuple[int, ...], int]]) -> Combinations:
    distinct = list(dict.fromkeys(codes for codes, _ in rows))
    counts = np.array([sum(codes == other for other, _ in rows) for codes in distinct])
    combination, person = np.array(sorted({(distinct.index(codes), person) for codes, person in rows})).T
    return from_incidence([f"c{i}" for i in range(len(distinct[0]))], np.array(distinct), counts, combination, person)


def keeps(pairs: list[oracle.Pair], world: World) -> bool:
    """Whether a class of these (person, secret) keeps k and all models, by the oracle."""
    return oracle.persons(pairs) >= world.k and all(_holds(model, pairs, world.pairs) for model in world.models)


def _holds(model: SensitiveModel, pairs: list[oracle.Pair], table: list[oracle.Pair]) -> bool:
    match model:
        case LDiversity(kind="distinct", l=least):
            return oracle.distinct(pairs) >= least
        case LDiversity(kind="entropy", l=least):
            return oracle.entropy(pairs) >= float(least) - 1e-9
        case LDiversity(l=least, c=ratio):
            return oracle.recursive(pairs, int(least), Fraction(ratio or Decimal(0)))
        case TCloseness(t=limit, distance=distance):
            return oracle.closeness(pairs, table, GROUND[distance]) <= Fraction(limit)
        case Alpha(alpha=limit):
            return oracle.alpha(pairs) <= Fraction(limit)
        case BetaLikeness(beta=limit):
            return oracle.beta(pairs, table) <= Fraction(limit)
