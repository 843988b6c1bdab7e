"""Where people are at an hour: at home, at work, or out. Card payments and signalling share these habits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from opendata.demo import places
from opendata.demo.chance import Flags, Floats, Ints, pick
from opendata.demo.population import People

# percentages by hour, from 0 to 23
AT_HOME = np.array(
    [94, 96, 97, 98, 98, 97, 93, 84, 72, 66, 62, 60, 58, 58, 57, 57, 58, 61, 66, 72, 78, 83, 88, 92]
) / 100  # fmt: skip
AT_WORK = np.array(
    [2, 2, 1, 1, 1, 2, 8, 30, 68, 84, 87, 84, 78, 82, 86, 85, 80, 66, 38, 20, 12, 7, 4, 3]
) / 100  # fmt: skip
_OUT_WHEN_OFF = 1 - AT_HOME

ACTIVITY = np.array([3, 2, 1.5, 1, 1, 2, 6, 12, 16, 13, 12, 13, 16, 14, 13, 13, 14, 16, 18, 16, 14, 12, 9, 6])


def is_weekend(days: npt.NDArray[np.datetime64]) -> Flags:
    """Saturdays and Sundays. The first day of 1970 was a Thursday."""
    return (days.astype("datetime64[D]").astype(np.int64) + 3) % 7 >= 5


def whereabouts(
    rng: np.random.Generator, people: People, who: Ints, *, weekend: Flags, hour: Ints, roaming: float
) -> Ints:
    """Neighbourhood of each person ``who`` at each ``hour``; ``roaming`` scales how much they are out, 1 is usual."""
    at_work = people.working[who] & ~weekend & (rng.random(len(who)) < AT_WORK[hour])
    out = rng.random(len(who)) < (_OUT_WHEN_OFF[hour] * roaming).clip(0, 0.9)
    place = np.where(out, _outing(rng, people, who), people.homes[who])
    return np.where(at_work, people.works[who], place)


def _outing(rng: np.random.Generator, people: People, who: Ints) -> Ints:
    """Six outings in ten stay in the home neighbourhood's district centre, the others follow the city's pull."""
    pull: Floats = places.weights("pull")
    centres = people.homes[who] // places.DONGS_PER_GU * places.DONGS_PER_GU
    return np.where(rng.random(len(who)) < 0.6, centres, pick(rng, pull, len(who)))
