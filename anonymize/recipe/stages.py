"""The stages of a recipe, and which of them protect."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from anonymize.recipe.aggregates import DpTable
from anonymize.recipe.microdata import KAnonymity
from anonymize.recipe.movement import Flows, Presence
from anonymize.recipe.places import Locate
from anonymize.recipe.rows import Derive, KeepRows, Recode
from anonymize.recipe.values import Value


class Scan(Value):
    """For data that are not about persons: publish the named columns as they are, if no column looks personal."""

    stage: Literal["scan"]


RowStage: TypeAlias = Derive | KeepRows | Recode | Locate
PersonStage: TypeAlias = Flows | Presence
Preparing: TypeAlias = RowStage | PersonStage
Protecting: TypeAlias = KAnonymity | DpTable | Scan
Stage: TypeAlias = Annotated[Preparing | Protecting, Field(discriminator="stage")]

ROW_STAGES = (Derive, KeepRows, Recode, Locate)
PERSON_STAGES = (Flows, Presence)
PROTECTING = (KAnonymity, DpTable, Scan)
