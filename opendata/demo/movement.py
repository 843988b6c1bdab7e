"""Signalling events, as a mobile operator would sell them: one week, about forty events a subscriber, no names.

A subscriber number that stays the same all week singles people out as surely as a name would; the recipe treats it so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from opendata.demo import habits, identities, places
from opendata.demo.chance import Ints, pick, stream
from opendata.demo.files import pieces, write_csv
from opendata.demo.population import People

FILE = "signalling_events.csv"
HEADER = ("subscriber_id", "dong_code", "cell_h3", "event_at")
FIRST_DAY, DAYS = np.datetime64("2026-03-02"), 7  # Monday to Sunday
EVENTS_EACH = 40
YOUNGEST = 7
OFFSET = "+09:00"


@dataclass(frozen=True)
class Events:
    """One entry an event: subscriber and mast by index, local time in seconds."""

    who: Ints
    mast: Ints
    seen_at: npt.NDArray[np.datetime64]

    def __len__(self) -> int:
        return len(self.who)


def simulate(people: People, seed: int) -> Events:
    """Draw a week of events, in order of time."""
    rng = stream(seed, "signalling")
    rates = np.where(people.ages >= YOUNGEST, EVENTS_EACH * rng.gamma(6, 1 / 6, len(people)), 0)
    who = np.repeat(np.arange(len(people)), rng.poisson(rates))
    day = rng.integers(0, DAYS, len(who))
    hour = pick(rng, habits.ACTIVITY, len(who))
    weekend = habits.is_weekend(FIRST_DAY + day)
    place = habits.whereabouts(rng, people, who, weekend=weekend, hour=hour, roaming=0.35)
    seconds = day * 86_400 + hour * 3_600 + rng.integers(0, 3_600, len(who))
    seen_at = FIRST_DAY.astype("datetime64[s]") + seconds
    order = np.argsort(seen_at, kind="stable")
    mast = place * places.MASTS_PER_DONG + rng.integers(0, places.MASTS_PER_DONG, len(who))
    return Events(who=who[order], mast=mast[order], seen_at=seen_at[order])


def write(folder: Path, people: People, seed: int) -> int:
    """Write the events below ``folder``; answers the number of rows."""
    return write_csv(folder / FILE, HEADER, _tables(people, simulate(people, seed), seed))


def _tables(people: People, events: Events, seed: int) -> Iterator[pa.Table]:
    subscribers = pa.array(identities.pseudonyms(seed, "subscriber", len(people)))
    cells = pa.array(places.mast_cells())
    codes = pa.array(np.repeat(places.codes(), places.MASTS_PER_DONG).tolist())
    for part in pieces(len(events)):
        mast = pa.array(events.mast[part])
        local = pa.array(np.datetime_as_string(events.seen_at[part]).tolist())
        seen_at = pc.binary_join_element_wise(local, OFFSET, "")
        who = subscribers.take(pa.array(events.who[part]))
        yield pa.table([who, codes.take(mast), cells.take(mast), seen_at], names=list(HEADER))
