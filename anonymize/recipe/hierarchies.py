"""The kinds of hierarchy that a recipe can give to a column."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, Discriminator, Field, Tag, model_validator

from anonymize.recipe.values import MAX_COUNT, Exact, Value, between, inside_folder


class FileHierarchy(Value):
    """A ladder from a file: ``;`` separated, leaf first, one line a value; relative to the recipe's folder."""

    file: Annotated[str, AfterValidator(inside_folder)]


class IntervalHierarchy(Value):
    """Numeric intervals ``[a, b)`` of growing width, each width a multiple of the one before, then ``*``."""

    intervals: Annotated[tuple[Exact, ...], Field(min_length=1, max_length=20)]
    origin: Exact = Decimal(0)

    @model_validator(mode="after")
    def _nested(self) -> Self:
        if not all(width > 0 for width in self.intervals):
            raise ValueError("every interval width must be above 0")
        for fine, coarse in zip(self.intervals, self.intervals[1:], strict=False):
            if not (coarse > fine and Fraction(coarse) % Fraction(fine) == 0):
                raise ValueError("each interval width must be a larger multiple of the one before, or the levels do not nest")
        return self


class QuantileHierarchy(Value):
    """Numeric intervals with about equally many persons: how many parts a level has, from fine to coarse, then ``*``.

    Drawn from the data. Bounds are whole ``unit``\\ s, the outermost intervals are open, so that no end point is the
    value of one person. Each number of parts divides the one before, so levels nest.
    """

    quantiles: Annotated[tuple[Annotated[int, Field(ge=2, le=1000, strict=True)], ...], Field(min_length=1, max_length=20)]
    unit: Annotated[Exact, between(Decimal("1e-9"), Decimal("1e15"))]

    @model_validator(mode="after")
    def _nested(self) -> Self:
        if any(not (coarse < fine and fine % coarse == 0) for fine, coarse in pairwise(self.quantiles)):
            raise ValueError("each number of parts must be smaller than the one before and divide it, or the levels do not nest")
        return self


class CountsHierarchy(Value):
    """Categories by how many persons have them: at level i a value of at least ``counts[i]`` persons stays itself, rarer
    ones are ``other``; then ``*``. Drawn from the data.
    """

    counts: Annotated[tuple[Annotated[int, Field(ge=2, le=MAX_COUNT, strict=True)], ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(not low < high for low, high in pairwise(self.counts)):
            raise ValueError("counts must rise, or the levels do not nest")
        return self


DateLevel = Literal["hour", "day", "week", "month", "quarter", "year"]
_DATE_LEVELS: tuple[DateLevel, ...] = ("hour", "day", "week", "month", "quarter", "year")


class DateHierarchy(Value):
    """Dates and times, from fine to coarse, then ``*``. Only time stamps have hours.

    Where ``week`` is among the levels, the levels above it are those of the week's Thursday (ISO 8601), since a
    calendar month does not hold whole weeks and levels must nest.
    """

    dates: Annotated[tuple[DateLevel, ...], Field(min_length=1)] = _DATE_LEVELS[1:]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if list(self.dates) != [level for level in _DATE_LEVELS if level in self.dates]:
            raise ValueError("date levels must go from fine to coarse, each once: " + ", ".join(_DATE_LEVELS))
        return self


class PrefixHierarchy(Value):
    """Prefixes of a code, longest first: ``[8, 5, 2]`` keeps 8, then 5, then 2 characters, then ``*``."""

    prefix: Annotated[tuple[Annotated[int, Field(ge=1, le=64)], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _falling(self) -> Self:
        if any(b >= a for a, b in zip(self.prefix, self.prefix[1:], strict=False)):
            raise ValueError("prefix lengths must fall")
        return self


class H3Hierarchy(Value):
    """H3 cells: resolutions from fine to coarse, ``[9, 7, 5]``, then ``*``."""

    h3: Annotated[tuple[Annotated[int, Field(ge=0, le=15)], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _falling(self) -> Self:
        if any(b >= a for a, b in zip(self.h3, self.h3[1:], strict=False)):
            raise ValueError("H3 resolutions must fall")
        return self


PropertyName: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]


class Places(Value):
    """Which properties of the features of a GeoJSON layer are a place's own code and the codes of what it lies in."""

    file: Annotated[str, AfterValidator(inside_folder)]
    code: PropertyName
    parents: Annotated[tuple[PropertyName, ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({self.code, *self.parents}) != 1 + len(self.parents):
            raise ValueError("code and parents must be different properties")
        return self


class PlaceHierarchy(Value):
    """Places from a GeoJSON layer: a feature's code, then its parents' codes from near to far, then ``*``."""

    places: Places


_HIERARCHIES = ("file", "intervals", "quantiles", "counts", "dates", "prefix", "h3", "places")


def _hierarchy_kind(value: Any) -> str | None:
    """The field that says which kind of hierarchy it is, so that errors speak of that kind alone."""
    if isinstance(value, BaseModel):
        return next((kind for kind in _HIERARCHIES if kind in type(value).model_fields), None)
    return next((kind for kind in _HIERARCHIES if isinstance(value, dict) and kind in value), None)


Hierarchy: TypeAlias = Annotated[
    Annotated[FileHierarchy, Tag("file")]
    | Annotated[IntervalHierarchy, Tag("intervals")]
    | Annotated[QuantileHierarchy, Tag("quantiles")]
    | Annotated[CountsHierarchy, Tag("counts")]
    | Annotated[DateHierarchy, Tag("dates")]
    | Annotated[PrefixHierarchy, Tag("prefix")]
    | Annotated[H3Hierarchy, Tag("h3")]
    | Annotated[PlaceHierarchy, Tag("places")],
    Discriminator(
        _hierarchy_kind,
        custom_error_type="unknown_hierarchy",
        custom_error_message="a hierarchy is one of " + ", ".join(_HIERARCHIES[:-1]) + " or " + _HIERARCHIES[-1],
    ),
]


DRAWN_FROM_DATA = (QuantileHierarchy, CountsHierarchy)
"""Kinds whose labels depend on the table that they are used on; all others are public knowledge."""

LISTED = (FileHierarchy, PlaceHierarchy)
"""Kinds that list every value there can be."""


def file_of(hierarchy: Hierarchy | None) -> str | None:
    """The file that a hierarchy is read from, relative to the recipe's folder; ``None`` where it needs none."""
    match hierarchy:
        case FileHierarchy(file=name):
            return name
        case PlaceHierarchy(places=layer):
            return layer.file
    return None
