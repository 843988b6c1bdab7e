"""The columns that a recipe names: what each is to privacy."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from anonymize.recipe.hierarchies import Hierarchy
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

    Without a hierarchy, a quasi-identifier has two levels: as it is, and ``*``.
    """

    role: Role
    hierarchy: Hierarchy | None = None
    title: Annotated[str, Field(max_length=200)] = ""
    description: Annotated[str, Field(max_length=2000)] = ""
