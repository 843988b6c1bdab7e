"""The columns that a recipe names: what each is to privacy."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from anonymize.recipe.hierarchies import Hierarchy
from anonymize.recipe.identifiers import ReleaseAs
from anonymize.recipe.values import Value


class Role(StrEnum):
    """What a column is to privacy (DESIGN.md, "Words")."""

    DIRECT_IDENTIFIER = "direct_identifier"
    PERSON_KEY = "person_key"
    QUASI_IDENTIFIER = "quasi_identifier"
    SENSITIVE = "sensitive"
    EVENT_TIME = "event_time"
    PLACE = "place"
    PLAIN = "plain"


class Column(Value):
    """A column that the recipe names: its role and, where it is generalised, its hierarchy.

    Without a hierarchy, a quasi-identifier has two levels: as it is, and ``*``. A direct identifier is dropped unless
    ``release_as`` says what takes its place.
    """

    role: Role
    hierarchy: Hierarchy | None = None
    release_as: ReleaseAs | None = None
    title: Annotated[str, Field(max_length=200)] = ""
    description: Annotated[str, Field(max_length=2000)] = ""

    @model_validator(mode="after")
    def _identifies(self) -> Self:
        if self.release_as is not None and self.role is not Role.DIRECT_IDENTIFIER:
            raise ValueError("release_as belongs to columns with the role direct_identifier")
        if self.release_as is not None and self.hierarchy is not None:
            raise ValueError("with release_as a column has no hierarchy; for more than two levels "
                             "make it a quasi_identifier with prefixes")  # fmt: skip
        return self

    @property
    def leaves(self) -> bool:
        """Whether anything of the column may stand in microdata: identifiers only as what ``release_as`` makes of them."""
        return self.role is not Role.PERSON_KEY and (self.role is not Role.DIRECT_IDENTIFIER or self.release_as is not None)
