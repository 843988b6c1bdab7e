"""Stages that look at all rows of one unit of privacy at once, and at no other's: what people do between their rows.

What they make of a unit depends on its rows alone, so that one unit more or less changes no row of another. Bounding
comes after them, and its proof holds as if the rows had come in like this. They belong before a ``dp_table`` and
nowhere else: a class of k persons is no protection for rows that say how one of them moved.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from anonymize.recipe.values import Name, Value

DAY = 24 * 60
Gap = Annotated[int, Field(ge=1, le=DAY, strict=True)]
"""Minutes; a day at most."""


class OfPersons(Value):
    """Base: rows of a person have a time and a place."""

    time: Name
    place: Name
    max_gap_minutes: Gap

    @model_validator(mode="after")
    def _time_is_no_place(self) -> Self:
        if self.time == self.place:
            raise ValueError("time and place must be two columns")
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.time, self.place)


class Flows(OfPersons):
    """One row for each way from a person's place to the next one: two consecutive rows at most so many minutes apart.

    The row is the one that was left, with its columns and time, and ``origin`` and ``destination`` beside. With
    ``same_place`` a person who is found again at the same place makes a flow too.
    """

    stage: Literal["flows"]
    origin: Name = "origin"
    destination: Name = "destination"
    same_place: bool = False

    @model_validator(mode="after")
    def _names(self) -> Self:
        if len({name.casefold() for name in (self.time, self.place, self.origin, self.destination)}) != 4:
            raise ValueError("origin and destination must be new names, and different ones")
        return self

    @property
    def makes(self) -> tuple[str, ...]:
        return (self.origin, self.destination)


class Presence(OfPersons):
    """Rows added where a person stayed: between two consecutive rows at one place, one every ``step_minutes``.

    The person is taken to have stayed when the two lie at most ``max_gap_minutes`` apart. Added rows repeat the columns
    of the row before them, with a time of their own.
    """

    stage: Literal["presence"]
    step_minutes: Annotated[int, Field(ge=15, le=60, strict=True)] = 60

    @model_validator(mode="after")
    def _adds(self) -> Self:
        if not self.max_gap_minutes > self.step_minutes:
            raise ValueError("max_gap_minutes must be above step_minutes, or no row would be added")
        return self

    @property
    def makes(self) -> tuple[str, ...]:
        return ()
