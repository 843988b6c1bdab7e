"""The people of the city: who they are, where they live and work. Everything else is built from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opendata.demo import identities, places
from opendata.demo.chance import Flags, Floats, Ints, pick, pick_by_row, stream

TODAY = np.datetime64("2026-01-01")
FEWEST, MOST = 100, 1_000_000

_AGE_BANDS = np.array([0, 10, 20, 30, 40, 50, 60, 70, 80, 95])
_AGE_WEIGHTS = np.array([6.5, 9, 12, 13, 15, 16.5, 15, 8.5, 4.5])


@dataclass(frozen=True)
class People:
    """One entry a person in every field. Places are indices into :func:`places.dongs`; ``means`` is relative wealth."""

    names: list[str]
    phones: list[str]
    resident_numbers: list[str]
    mails: list[str]
    births: npt.NDArray[np.datetime64]
    ages: Ints
    female: Flags
    homes: Ints
    works: Ints
    working: Flags
    means: Floats

    def __len__(self) -> int:
        return len(self.names)


def settle(people: int, seed: int) -> People:
    """Draw the people of the city. Raises ValueError for a size the simulation is not made for."""
    if not FEWEST <= people <= MOST:
        raise ValueError(f"the city holds from {FEWEST:,} to {MOST:,} people")
    rng = stream(seed, "people")
    births = _births(rng, people)
    ages = _whole_years(births)
    female = rng.random(people) < 0.505
    homes = pick(rng, places.weights("homes"), people)
    working = (ages >= 20) & (ages < 68) & (rng.random(people) < 0.72)
    return People(
        names=identities.names(rng, seed, female),
        phones=identities.phone_numbers(rng, people),
        resident_numbers=identities.resident_numbers(rng, births, female),
        mails=identities.mail_addresses(rng, seed, people),
        births=births,
        ages=ages,
        female=female,
        homes=homes,
        works=_works(rng, homes),
        working=working,
        means=rng.lognormal(0.0, 0.45, people) * (1 + 0.25 * working),
    )


def _births(rng: np.random.Generator, people: int) -> npt.NDArray[np.datetime64]:
    band = pick(rng, _AGE_WEIGHTS, people)
    low, high = _AGE_BANDS[band], _AGE_BANDS[band + 1]
    days = ((low + rng.random(people) * (high - low)) * 365.25).astype(np.int64)
    births = TODAY - 1 - days.astype("timedelta64[D]")
    # no 29 February: a year of the 1800s may lack the day where that of the 1900s or 2000s has it
    leap = np.char.endswith(np.datetime_as_string(births), "-02-29")
    found: npt.NDArray[np.datetime64] = np.where(leap, births - 1, births)
    return found


def _whole_years(births: npt.NDArray[np.datetime64]) -> Ints:
    """Completed years on TODAY: years between, less one where this year's birthday is still to come."""
    days = (births - births.astype("datetime64[Y]")).astype(np.int64)
    years = (TODAY.astype("datetime64[Y]") - births.astype("datetime64[Y]")).astype(np.int64)
    ages: Ints = years - (days > 0)
    return ages


def _works(rng: np.random.Generator, homes: Ints) -> Ints:
    """Places of work: half in one's own district, the rest wherever the jobs are."""
    gu, jobs = places.gu_of(), places.weights("jobs")
    within = np.where(gu[None, :] == np.unique(gu)[:, None], jobs[None, :], 0.0)  # (gu, dong) → weight
    near = pick_by_row(rng, within, gu[homes])
    far = pick(rng, jobs, len(homes))
    return np.where(rng.random(len(homes)) < 0.5, near, far)
