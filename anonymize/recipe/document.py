"""The whole recipe."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from anonymize.errors import RecipeError
from anonymize.recipe.aggregates import PrivacyUnit
from anonymize.recipe.appending import Append
from anonymize.recipe.checks import problems_of
from anonymize.recipe.columns import Column, Role
from anonymize.recipe.hierarchies import Hierarchy, file_of
from anonymize.recipe.identifiers import Truncated
from anonymize.recipe.microdata import KAnonymity
from anonymize.recipe.places import Locate
from anonymize.recipe.stages import PROTECTING, Preparing, Protecting, Stage
from anonymize.recipe.values import Name, Value


class Recipe(Value):
    """The whole recipe. Build it with :func:`parse`, which names every problem at once.

    ``missing_person_key``: rows that name no person are refused, left out, or declared to be nobody's: these count in a
    DP table, and nothing protects whoever they were about.
    """

    recipe: Literal[1]
    title: Annotated[str, Field(min_length=1, max_length=300)]
    person_key: Name | None = None
    missing_person_key: Literal["refuse", "drop", "nobody"] = "refuse"
    privacy_unit: PrivacyUnit | None = None
    append: Annotated[tuple[Append, ...], Field(max_length=5)] = ()
    columns: Annotated[dict[Name, Column], Field(min_length=1, max_length=1000)]
    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        problems = list(problems_of(self))
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def final(self) -> Protecting:
        """The one protecting stage; always the last."""
        last = self.stages[-1]
        if not isinstance(last, PROTECTING):
            raise RecipeError("the last stage must protect: k_anonymity, dp_table or scan")
        return last

    @property
    def preparing(self) -> tuple[Preparing, ...]:
        """The stages before it: each looks at one row, or at the rows of one person, at a time, so none weakens the
        protection of the last."""
        return tuple(stage for stage in self.stages if isinstance(stage, Preparing))

    def with_role(self, role: Role) -> tuple[str, ...]:
        """Names of the columns of a role, in the recipe's order."""
        return tuple(name for name, column in self.columns.items() if column.role is role)

    def hierarchy_of(self, name: str) -> Hierarchy | None:
        """The hierarchy of a column; none where it has none, as where a stage makes it and the recipe does not name it."""
        return self.columns[name].hierarchy if name in self.columns else None

    @property
    def quasi_identifiers(self) -> dict[str, Hierarchy | None]:
        """The columns that classes are made of, with their hierarchies: those of the role, and what is left of truncated codes."""
        return {
            name: column.hierarchy
            for name, column in self.columns.items()
            if column.role is Role.QUASI_IDENTIFIER or isinstance(column.release_as, Truncated)
        }

    @property
    def files(self) -> frozenset[str]:
        """The files beside the recipe that it needs: of hierarchies, of layers, and of populations that models speak of."""
        named = {file_of(column.hierarchy) for column in self.columns.values()}
        named |= {stage.layer.file for stage in self.stages if isinstance(stage, Locate) and stage.layer is not None}
        stage = self.final
        asked = stage.population_models if isinstance(stage, KAnonymity) else ()
        return frozenset(name for name in named if name is not None) | {model.population.file for model in asked}

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces; what :meth:`sha256` is taken of."""
        return json.dumps(self.model_dump(mode="json", exclude_unset=True), ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    def sha256(self) -> str:
        """SHA-256 of the canonical JSON, hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()
