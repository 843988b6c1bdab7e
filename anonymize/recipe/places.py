"""The stage locate: from coordinates to the code of a place."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from anonymize.recipe.hierarchies import PropertyName
from anonymize.recipe.values import Name, Value, inside_folder


class Layer(Value):
    """Areas of a GeoJSON layer (RFC 7946), and the property of its features that is the code of an area."""

    file: Annotated[str, AfterValidator(inside_folder)]
    code: PropertyName


class Locate(Value):
    """Row by row: a new text column with the place that a point lies in, from its latitude and longitude (WGS 84, degrees).

    The place is an area of a layer or an H3 cell of a resolution. A point on the border of areas, or in several, belongs
    to the one that comes first in the layer. Null where the point lies in none, or where there is no such point.
    """

    stage: Literal["locate"]
    name: Name
    latitude: Name
    longitude: Name
    layer: Layer | None = None
    h3: Annotated[int, Field(ge=0, le=15, strict=True)] | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.layer is None) == (self.h3 is None):
            raise ValueError("give either a layer or the resolution h3")
        if self.latitude == self.longitude:
            raise ValueError("latitude and longitude must be two columns")
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.latitude, self.longitude)

    @property
    def makes(self) -> tuple[str, ...]:
        return (self.name,)
