"""Random small tables beside a population that they are a part of, as rows and as the engine's arrays."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from anonymize.microdata import population
from anonymize.microdata.classes import Combinations
from anonymize.microdata.judge import Judge
from anonymize.microdata.lattice import CodedLadder
from anonymize.microdata.population_models import Register, rule_of
from anonymize.recipe import DeltaPresence, KMap, PopulationModel
from tests.anonymize.microdata.worlds import MODELS, World, arrays, random_ladder
from tests.anonymize.oracles import populations as oracle

FILE = {"file": "p.csv"}
ASKED: tuple[PopulationModel, ...] = (
    KMap(model="k_map", k=3, population=FILE),
    KMap(model="k_map", k=5, population=FILE),
    DeltaPresence(model="delta_presence", upper="0.5", population=FILE),
    DeltaPresence(model="delta_presence", upper="0.75", population=FILE),
    DeltaPresence(model="delta_presence", lower="0.25", upper="0.8", population=FILE),
    DeltaPresence(model="delta_presence", lower="0.1", upper="1", population=FILE),
)
Codes = tuple[int, ...]


@dataclass(frozen=True)
class Populated:
    """``others``: the combinations of those who could be in the table and are not."""

    world: World
    others: list[Codes]
    asked: tuple[PopulationModel, ...]

    @property
    def table(self) -> dict[int, Codes]:
        return {person: codes for codes, person, _ in self.world.rows}

    @property
    def everybody(self) -> list[Codes]:
        return [*self.table.values(), *self.others]

    def promised(self, recode: oracle.Recode, released: set[object]) -> bool:
        """Whether what is asked of the population holds of a release, by the oracle."""
        return all(self._promised(model, recode, released) for model in self.asked)

    def _promised(self, model: PopulationModel, recode: oracle.Recode, released: set[object]) -> bool:
        if isinstance(model, KMap):
            return oracle.is_k_map(self.everybody, recode, released, model.k)
        bounds = Fraction(model.lower), Fraction(model.upper)
        return oracle.is_delta_present(self.everybody, self.table, recode, released, *bounds)


@st.composite
def populated(draw: st.DrawFn, asked: tuple[PopulationModel, ...] = ASKED) -> Populated:
    width = draw(st.integers(1, 2))
    codes = st.tuples(*[st.integers(0, 3)] * width)
    people = draw(st.lists(codes, min_size=2, max_size=8))
    rows = [(held, i, draw(st.integers(0, 3))) for i, held in enumerate(people) for _ in range(draw(st.integers(1, 2)))]
    models = draw(st.lists(st.sampled_from(MODELS), max_size=1))
    others = draw(st.lists(codes, max_size=14))
    chosen = draw(st.lists(st.sampled_from(asked), min_size=1, max_size=2, unique=True))
    ladders = tuple(draw(random_ladder()) for _ in range(width))
    return Populated(World(rows, tuple(models), draw(st.integers(1, 2)), ladders), others, tuple(chosen))


def populated_arrays(case: Populated) -> tuple[Combinations, list[CodedLadder], Judge]:
    table, ladders, rules = arrays(case.world)
    wide, places = population._widened(table, {"p.csv": np.array(case.everybody)})
    persons = np.bincount(places["p.csv"], minlength=len(wide))
    register = Register("p.csv", persons, places["p.csv"])
    return wide, ladders, Judge(case.world.k, rules, tuple(rule_of(model, register) for model in case.asked))
