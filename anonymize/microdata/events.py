"""Microdata with many rows a person: how many they are, and whether a published column still says whose rows they are.

The person key is gone from the file and the rows lie in a secret order; but a receipt number that stands in five rows of
one person and in no one else's links these five as well as the key did (TRAPS.md 3, 35). Quasi-identifiers cannot do
that: each of their classes holds k persons.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from anonymize.errors import PrivacyNotMet, Problem
from anonymize.tables.base import Frame, TableEngine

MOST_LINKED = 0.5
"""A column by which more than this share of the rows can be put together with another row of their person is refused."""


def rows_per_person(engine: TableEngine, frame: Frame, person_key: str) -> dict[str, Any]:
    """Rows a person, of exact counts: ``persons``, ``average``, ``largest``, and ``with_several`` (persons with two or more)."""
    counted = frame.group_by(person_key).agg(nw.len().alias("rows_of_one"))
    several = counted.filter(nw.col("rows_of_one") > 1)
    found = engine.collect(counted.select(nw.len().alias("persons"), nw.col("rows_of_one").sum().alias("rows"), nw.col("rows_of_one").max().alias("largest")))
    persons, rows, largest = (int(found[name].iloc[0]) for name in ("persons", "rows", "largest"))
    return {"persons": persons, "average": round(rows / persons, 4), "largest": largest, "with_several": engine.rows(several)}


def linked_rows(engine: TableEngine, frame: Frame, person_key: str, columns: Sequence[str]) -> dict[str, float]:
    """Per column, the share of rows in [0, 1] whose value stands in another row of the same person, and in nobody else's.

    It is a share of the rows of persons with several rows. Whoever reads the file and suspects that equal values mean one
    person is right about these rows. Null links nothing.
    """
    counted = frame.group_by(person_key).agg(nw.len().alias("rows_of_one"))
    total = _sum(engine, counted.filter(nw.col("rows_of_one") > 1), "rows_of_one")
    return {column: round(_linked(engine, frame, person_key, column) / total, 9) for column in columns} if total else {}


def _linked(engine: TableEngine, frame: Frame, person_key: str, column: str) -> int:
    there = frame.select(nw.col(column).alias("value"), nw.col(person_key).alias("person"))
    there = there.filter(~nw.col("value").is_null())
    # one person alone has a value where the first and the last who have it are the same: cheaper than counting them
    held = there.group_by("value").agg(nw.len().alias("rows"), nw.col("person").min().alias("first"), nw.col("person").max().alias("last"))
    return _sum(engine, held.filter((nw.col("rows") > 1) & (nw.col("first") == nw.col("last"))), "rows")


def _sum(engine: TableEngine, frame: Frame, column: str) -> int:
    found = engine.collect(frame.select(nw.col(column).sum().alias(column)))[column]
    return 0 if not len(found) or found.isna().iloc[0] else int(found.iloc[0])


def refuse_linked(linked: dict[str, float]) -> None:
    """Raise :class:`PrivacyNotMet` where a column does what the person key would have done."""
    problems = tuple(
        Problem("rows_linked", f"{share:.0%} of the rows can be put together with others of their person by column {column!r}", column=column)
        for column, share in linked.items()
        if not share <= MOST_LINKED
    )
    if problems:
        raise PrivacyNotMet(
            "the table has many rows of one person, and a published column says which of them are one person's: leave the column out, "
            "or make it a quasi-identifier", problems=problems,
        )  # fmt: skip


def linking(engine: TableEngine, before: Frame, after: Frame, person_key: str, columns: Sequence[str]) -> dict[str, Any]:
    """What the officer sees of a table of events: rows a person before, and how far each other column still links those after.

    ``columns``: the published ones that are no quasi-identifiers. Raises :class:`PrivacyNotMet` when one links too much.
    A table with one row a person has nothing to link.
    """
    found = rows_per_person(engine, before, person_key)
    if not found["with_several"]:
        return {"rows_per_person": found}
    links = linked_rows(engine, after, person_key, columns)
    refuse_linked(links)
    return {"rows_per_person": found, "linked_rows": links}
