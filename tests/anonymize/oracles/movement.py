"""Flows and stays, slow and obvious: plain Python over a list of rows."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

Row = dict[str, Any]
HOUR = dt.timedelta(hours=1)


def _visits(rows: Sequence[Row], unit: Sequence[str], time: str, place: str) -> Iterator[list[Row]]:
    """The rows of each unit that have a time and a place, in the order of time, place, and then all the rest."""
    of: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row[time] is not None and row[place] is not None and row[place].strip():
            of[tuple(row[name] for name in unit)].append(row)
    for theirs in of.values():
        rest = [name for name in theirs[0] if name not in (*unit, time, place)]
        yield sorted(theirs, key=lambda row: (row[time], row[place], *[(row[name] is not None, row[name] or "") for name in rest]))


def flows(rows: Sequence[Row], unit: Sequence[str], time: str, place: str, gap: dt.timedelta, same_place: bool) -> list[Row]:
    found = []
    for visits in _visits(rows, unit, time, place):
        for here, then in pairwise(visits):
            moved = here[place] != then[place]
            waited = same_place and not moved and then[time] > here[time]
            if then[time] - here[time] <= gap and (moved or waited):
                found.append({**here, "origin": here[place], "destination": then[place]})
    return found


def presence(rows: Sequence[Row], unit: Sequence[str], time: str, place: str, gap: dt.timedelta, step: dt.timedelta) -> list[Row]:
    found = []
    for visits in _visits(rows, unit, time, place):
        found += visits
        for here, then in pairwise(visits):
            if here[place] != then[place] or then[time] - here[time] > gap:
                continue
            at = here[time] + step
            while at < then[time]:
                found.append({**here, time: at})
                at += step
    return found


def hours_between(first: dt.datetime, last: dt.datetime) -> set[dt.datetime]:
    """Every hour of a clock that some minute from ``first`` to ``last`` lies in, walked minute by minute."""
    hours, at = set(), first
    while at <= last:
        hours.add(at.replace(minute=0, second=0, microsecond=0))
        at += dt.timedelta(minutes=1)
    return hours | {last.replace(minute=0, second=0, microsecond=0)}
