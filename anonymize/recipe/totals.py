"""The totals of a DP table: coarser groupings above its own, all of which nest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

from pydantic import Field

from anonymize.recipe.values import Name

if TYPE_CHECKING:
    from anonymize.recipe.aggregates import GroupBy

ALL: Final = "all"
Coarseness: TypeAlias = Literal["all", "day", "week", "month", "quarter", "year"] | Annotated[int, Field(ge=1, le=20, strict=True)]
Total: TypeAlias = Annotated[dict[Name, Coarseness], Field(min_length=1, max_length=8)]
Totals: TypeAlias = Annotated[tuple[Total, ...], Field(max_length=6)]

ADDED_UP: Final = ("persons", "rows", "sum")
"""Kinds of measure whose value of a whole is the sum of those of its parts."""

_ABOVE: Final[Mapping[str, tuple[str, ...]]] = {  # a calendar month does not hold whole weeks
    "hour": ("day", "week", "month", "quarter", "year"),
    "day": ("week", "month", "quarter", "year"),
    "month": ("quarter", "year"),
    "quarter": ("year",),
}


def own(group: GroupBy) -> str | int:
    """How coarse a dimension is in the table itself: its bucket, or its level."""
    return group.bucket or group.level or 0


def coarseness(total: Mapping[str, str | int], group: GroupBy) -> str | int:
    """How coarse a dimension is in a total."""
    return total.get(group.output_name, own(group))


def nests(fine: str | int, coarse: str | int) -> bool:
    """Whether every group of ``fine`` lies in one group of ``coarse``."""
    if fine == coarse or coarse == ALL:
        return True
    if isinstance(fine, int) or isinstance(coarse, int):
        return isinstance(fine, int) and isinstance(coarse, int) and fine < coarse
    return coarse in _ABOVE.get(fine, ())


def refuse(groups: Sequence[GroupBy], totals: Sequence[Mapping[str, str | int]]) -> None:
    """Raise ValueError unless every total is coarser than the next one, and the last than the table."""
    known = {group.output_name: group for group in groups}
    for total in totals:
        for name, wanted in total.items():
            if name not in known:
                raise ValueError(f"totals name {name!r}, which is no dimension of the table")
            if wanted == own(known[name]) or not nests(own(known[name]), wanted):
                raise ValueError(f"totals cannot take {name!r} at {wanted!r}: it must be coarser than {own(known[name])!r}, and hold it whole")
    for coarse, fine in pairwise([*totals, {}]):
        pairs = [(coarseness(fine, group), coarseness(coarse, group)) for group in groups]
        if not all(nests(*pair) for pair in pairs) or all(one == other for one, other in pairs):
            raise ValueError("totals go from the coarsest to the finest: each must be coarser than the next, which it holds whole")
