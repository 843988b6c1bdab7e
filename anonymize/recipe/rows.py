"""Stages that look at one row at a time."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from anonymize.recipe.values import Exact, Name, Value


class Derive(Value):
    """Row by row: a new column that is the product of numeric columns (amount = quantity × price).

    The product is exact: decimals, rounded half even to six places.
    """

    stage: Literal["derive"]
    name: Name
    product: Annotated[tuple[Name, ...], Field(min_length=2, max_length=4)]


class KeepRows(Value):
    """Row by row: keep the rows in which a column is within bounds, or one of some values. Nulls are left out."""

    stage: Literal["keep_rows"]
    column: Name
    at_least: Exact | None = None
    at_most: Exact | None = None
    values: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.at_least is None and self.at_most is None and self.values is None:
            raise ValueError("give at_least, at_most or values")
        if self.values is not None and (self.at_least is not None or self.at_most is not None):
            raise ValueError("give either bounds or values")
        return self
