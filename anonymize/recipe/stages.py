"""The stages of a recipe, and which of them protect."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from anonymize.recipe.aggregates import DpTable
from anonymize.recipe.microdata import KAnonymity
from anonymize.recipe.rows import Derive, KeepRows, Recode
from anonymize.recipe.values import Value


class Scan(Value):
    """For data that are not about persons: publish the named columns as they are, if no column looks personal."""

    stage: Literal["scan"]


RowStage: TypeAlias = Derive | KeepRows | Recode
Protecting: TypeAlias = KAnonymity | DpTable | Scan
Stage: TypeAlias = Annotated[RowStage | Protecting, Field(discriminator="stage")]

ROW_STAGES = (Derive, KeepRows, Recode)
PROTECTING = (KAnonymity, DpTable, Scan)
