"""Stages that look at one row at a time. ``reads`` and ``makes`` are the columns that a stage looks at and adds."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from anonymize.recipe.values import Exact, Name, Six, Value, between

RECODED = Decimal("1e12")  # how large a recoded number may be: exact in 64 bits with six decimals
Code: TypeAlias = Annotated[Exact, between(-RECODED, RECODED), Six]
Multiple: TypeAlias = Annotated[Exact, between(Decimal("0.001"), RECODED), Six]


class Derive(Value):
    """Row by row: a new column that is the product of numeric columns (amount = quantity × price).

    The product is exact: decimals, rounded half even to six places.
    """

    stage: Literal["derive"]
    name: Name
    product: Annotated[tuple[Name, ...], Field(min_length=2, max_length=4)]

    @property
    def reads(self) -> tuple[str, ...]:
        return self.product

    @property
    def makes(self) -> tuple[str, ...]:
        return (self.name,)


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

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def makes(self) -> tuple[str, ...]:
        return ()


class Recode(Value):
    """Row by row: bottom and top coding and rounding of a number (Hundepool et al., Statistical Disclosure Control, 2012).

    Values below ``bottom`` become it, values above ``top`` become it, the rest are rounded half even to multiples of
    ``round_to``. Nulls stay null. Bounds are part of the recipe, never taken from the data.
    """

    stage: Literal["recode"]
    column: Name
    bottom: Code | None = None
    top: Code | None = None
    round_to: Multiple | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        bounds = [bound for bound in (self.bottom, self.top) if bound is not None]
        if not bounds and self.round_to is None:
            raise ValueError("give bottom, top or round_to")
        if self.bottom is not None and self.top is not None and not self.bottom < self.top:
            raise ValueError("bottom must be below top")
        if self.round_to is not None and any(Fraction(bound) % Fraction(self.round_to) for bound in bounds):
            raise ValueError("bottom and top must be whole multiples of round_to")
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def makes(self) -> tuple[str, ...]:
        return ()
