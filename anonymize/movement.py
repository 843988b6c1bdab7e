"""What people do between their rows: flows from place to place, and stays. See :mod:`anonymize.recipe.movement`.

Both look at the rows of one unit of privacy and at no other's. The rows of a unit stand in the order of their times, those
of one moment in the order of their places and then of all their other columns: an order that their content alone decides,
so that no other's rows can have a say in it, not even through the place of a row in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import narwhals as nw
import pandas as pd

from anonymize.columns.missing import named
from anonymize.recipe import PERIOD, Flows, Presence, PrivacyUnit
from anonymize.tables.base import Frame, TableEngine

ROWS_A_PART = 4_000_000
MINUTE = 60_000_000  # microseconds
_AT, _NEXT_AT, _NEXT_PLACE = "__at", "__next_at", "__next_place"
_TIMES, _LATER, _OWN = "__times", "__later", "__own_period"


def flows(engine: TableEngine, frame: Frame, stage: Flows, unit: tuple[str, ...]) -> Frame:
    """A row for each two consecutive rows of a unit at different places, no more than the gap apart.

    It is the first of the two, with ``origin`` and ``destination`` beside. Two rows of one moment and one place are one
    visit, with ``same_place`` too. Rows without a time or a place are left out before. ``unit``: the columns that say
    together whose row it is.
    """
    columns = frame.collect_schema().names()
    elsewhere = nw.col(_NEXT_PLACE) != nw.col(stage.place)
    counts = elsewhere | (nw.col(_NEXT_AT) > nw.col(_AT)) if stage.same_place else elsewhere

    def made(part: Frame) -> Frame:
        ways = _consecutive(engine, part, stage, unit).filter(counts)
        ends = nw.col(stage.place).alias(stage.origin), nw.col(_NEXT_PLACE).alias(stage.destination)
        return ways.select(*columns, *ends)

    return _in_parts(engine, there(engine, frame, stage), unit, made)


def presence(engine: TableEngine, frame: Frame, stage: Presence, unit: tuple[str, ...], period: PrivacyUnit | None = None) -> Frame:
    """The rows, and where two consecutive rows of a unit are at one place, no more than the gap apart, rows between them.

    These come ``step_minutes`` after the first, and again, as long as that is before the second. So no two rows of a stay
    are further apart than a step, which is an hour at most, and whoever passes over an hour [h, h + 60 min) needs more:
    one moment before h, the next at h + 60 min or later. This holds in every time zone, and on days of 23 and 25 hours,
    since clocks change by whole hours: one is missing, or is there twice, but each lasts an hour at least. (Where they
    change by half an hour, as on Lord Howe Island, one hour a year lasts 30 minutes: take a step of 30.)

    Rows without a time or a place are left out. ``unit``: the columns that say together whose row it is; ``period``: what
    the second of them holds.
    """
    columns = frame.collect_schema().names()
    step = stage.step_minutes * MINUTE
    offsets = engine.from_pandas(_offsets(stage.max_gap_minutes * MINUTE, step))
    length = nw.col(_NEXT_AT) - nw.col(_AT)

    def made(part: Frame) -> Frame:
        stays = _consecutive(engine, part, stage, unit).filter(nw.col(_NEXT_PLACE) == nw.col(stage.place), length > step)
        between = stays.with_columns(((length - 1) // step).cast(nw.Int64()).alias(_TIMES)).join(offsets, on=_TIMES, how="inner")
        added = engine.with_moment(between.with_columns((nw.col(_AT) + nw.col(_LATER)).alias(_NEXT_AT)), _NEXT_AT, _LATER + "_time", like=stage.time)
        times = (nw.col(_LATER + "_time").alias(name) if name == stage.time else nw.col(name) for name in columns)
        return nw.concat([part, _in_their_period(engine, added.select(*times), stage, period)])

    return _in_parts(engine, there(engine, frame, stage), unit, made)


def _in_their_period(engine: TableEngine, added: Frame, stage: Presence, period: PrivacyUnit | None) -> Frame:
    """Without rows that lie in another period than the rows they were made of, which would be rows of two units.

    Where clocks go back over midnight a day ends, and comes again after the next one has begun: a stay of its two ends
    leads through the other day (St. John's, until 2011).
    """
    if period is None or period.column != stage.time:
        return added
    dated = engine.with_time_bucket(added, stage.time, _OWN, bucket=period.period, time_zone=period.time_zone)
    return dated.filter(nw.col(_OWN) == nw.col(PERIOD)).drop(_OWN)


def there(engine: TableEngine, frame: Frame, stage: Flows | Presence) -> Frame:
    """The rows that have a time and a place."""
    schema = engine.schema(frame)
    return frame.filter(~nw.col(stage.time).is_null(), named(stage.place, schema.field(stage.place).type))


def _in_parts(engine: TableEngine, frame: Frame, unit: tuple[str, ...], made: Callable[[Frame], Frame]) -> Frame:
    """A person's rows lie in one part, so that what is made of the parts is what would be made of the whole."""
    parts = max(1, -(-engine.rows(frame) // ROWS_A_PART))
    done = [engine.persist(made(part)) for part in (engine.in_parts(frame, unit[0], parts) if parts > 1 else (frame,))]
    return done[0] if parts == 1 else nw.concat(done)


def _consecutive(engine: TableEngine, frame: Frame, stage: Flows | Presence, unit: tuple[str, ...]) -> Frame:
    """Each row that has a next one in its unit, no more than the gap away, with that one's moment and place."""
    timed = engine.with_microseconds(frame, stage.time, _AT)
    order = _order(frame.collect_schema().names(), stage, unit)
    beside = timed.with_columns(
        nw.col(_AT).shift(-1).over(*unit, order_by=order).alias(_NEXT_AT),
        nw.col(stage.place).shift(-1).over(*unit, order_by=order).alias(_NEXT_PLACE),
    )
    followed = beside.filter(~nw.col(_NEXT_AT).is_null())
    return followed.filter(nw.col(_NEXT_AT) - nw.col(_AT) <= stage.max_gap_minutes * MINUTE)


def _order(columns: Sequence[str], stage: Flows | Presence, unit: tuple[str, ...]) -> list[str]:
    """Time, place, and then every other column: only rows that are equal in all of them may come in any order."""
    return [_AT, stage.place, *(name for name in columns if name not in (*unit, stage.time, stage.place))]


def _offsets(gap: int, step: int) -> pd.DataFrame:
    """(how many rows a stay gets, how much later one of them is): all of them, for stays of at most ``gap``."""
    pairs = [(times, k * step) for times in range(1, (gap - 1) // step + 1) for k in range(1, times + 1)]
    return pd.DataFrame(pairs, columns=[_TIMES, _LATER], dtype="int64[pyarrow]")
