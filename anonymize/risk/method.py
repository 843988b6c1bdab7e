"""What an attacker knows of how classes were made: the code is public, and so is the recipe of a release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from anonymize.recipe import KAnonymity


@dataclass(frozen=True)
class Method:
    """``name``: the recipe's method. ``k``: persons a class.

    ``only_k``: k alone, counted in rows, decided what could be published finer: no model had a say, and nobody has two rows.
    ``fitted``: labels fell to the lowest that hold a class's rows; not where a class holds people of a population who have none.
    """

    name: Literal["full_domain", "local_recoding", "fixed"]
    k: int
    only_k: bool = True
    fitted: bool = True

    @staticmethod
    def of_stage(stage: KAnonymity, *, row_is_person: bool) -> Method:
        return Method(stage.method, stage.k, only_k=row_is_person and not stage.models, fitted=not stage.population_models)

    @property
    def chosen_from_data(self) -> bool:
        """Did the rows decide where classes were cut? If not, how they were cut tells nothing about the rows."""
        return self.name != "fixed"
