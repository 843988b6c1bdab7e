"""What three companies would sell of a simulated week: signalling events, card payments and taxi trips.

The operator and the taxi company know people by their telephone number, the card company by a number of its own. Within
an hour, people are where the truth says from minute 6 to minute 54 and move in between, so that no event contradicts it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from opendata.demo import habits, identities, spending
from opendata.demo.chance import Flags, Floats, Ints, pick_by_row, stream
from opendata.demo.truth import Truth

TIME_ZONE: Final = "Asia/Seoul"
EVENTS_A_DAY, HEAVY = 24.0, 1.1
PAYMENTS_A_WEEK = 5.0
SWITCHED_OFF_A_DAY = 0.12
TAXI_SHARE = 0.25
TAXI_HOURS: Final = (22, 23, 0, 1, 2, 3, 4, 5)
_SETTLED, _LEAVING = 6 * 60, 54 * 60  # seconds of the hour
_CELLS = 4


def signalling(truth: Truth, seed: int, *, events_a_day: float = EVENTS_A_DAY) -> pa.Table:
    """Events by time: ``subscriber`` (telephone number), ``event_at``, ``dong_code``, ``cell``.

    Half of them are calls and messages, of which few subscribers have most; the others a telephone sends by itself, at any
    hour. About one day in eight it is off for some hours; nobody is seen while outside the city.
    """
    rng = stream(seed, "signalling of the week")
    by_itself = events_a_day / 2 / 24
    rates = events_a_day / 2 * rng.lognormal(-(HEAVY**2) / 2, HEAVY, truth.people)
    hours_of_day = truth.totals.moments().astype(np.int64) % 24
    activity = habits.ACTIVITY / habits.ACTIVITY.sum()
    who, hours = [], []
    for hour, of_day in enumerate(hours_of_day.tolist()):
        if hour == 0 or of_day == 0:
            off, back = _switched_off(rng, truth.people)
        heard = (truth.place[hour] != truth.away) & ~((off <= of_day) & (of_day < back))
        counts = rng.poisson(np.where(heard, by_itself + rates * activity[of_day], 0))
        who.append(rng.permutation(np.repeat(np.arange(truth.people, dtype=np.int32), counts)))
        hours.append(np.full(len(who[-1]), hour, dtype=np.int32))
    seconds = np.concatenate([np.sort(rng.integers(_SETTLED, _LEAVING, len(part))) for part in who])
    return _seen(truth, seed, np.concatenate(who), np.concatenate(hours), seconds)


def _switched_off(rng: np.random.Generator, people: int) -> tuple[Ints, Ints]:
    """First and last hour (exclusive) of the day at which each telephone is off; the same hour where it never is."""
    off = rng.integers(0, 22, people)
    return off, off + np.where(rng.random(people) < SWITCHED_OFF_A_DAY, rng.integers(2, 9, people), 0)


def _seen(truth: Truth, seed: int, who: npt.NDArray[np.int32], hours: npt.NDArray[np.int32], seconds: Ints) -> pa.Table:
    place = truth.place[hours, who].astype(np.int64)
    cell = place * _CELLS + (who * 7 + place) % _CELLS  # the same mast for the same person in the same place: a stay
    cells = [f"{code}-{number}" for code in truth.totals.codes for number in range(1, _CELLS + 1)]
    columns = {
        "subscriber": _texts(telephones(truth, seed), who),
        "event_at": _moments(truth, hours * np.int64(3600) + seconds),
        "dong_code": _texts(truth.totals.codes, place),
        "cell": _texts(cells, cell),
    }
    return pa.table(columns)


def cards(truth: Truth, seed: int, *, payments_a_week: float = PAYMENTS_A_WEEK) -> pa.Table:
    """Payments by time: ``customer``, ``paid_at``, ``dong_code``, ``category``, ``amount`` (whole won)."""
    rng = stream(seed, "cards of the week")
    days = truth.totals.hours // 24
    rates = rng.lognormal(-(HEAVY**2) / 2, HEAVY, truth.people) * payments_a_week * days / 7
    holds = rng.random(truth.people) < spending.HOLDER_SHARE
    who = np.repeat(np.arange(truth.people), rng.poisson(np.where(holds, rates, 0)))
    category = pick_by_row(rng, spending.tastes(rng, truth.people), who)
    hour = rng.integers(0, max(days, 1), len(who)) * 24 + spending.hours_of(rng, category) - _first_hour(truth)
    amount = spending.amounts(rng, category, rng.lognormal(0.0, 0.45, truth.people)[who])
    seconds = rng.integers(_SETTLED, _LEAVING, len(who))
    inside = (hour >= 0) & (hour < truth.totals.hours)
    inside[inside] = truth.place[hour[inside], who[inside]] != truth.away
    order = np.flatnonzero(inside)
    order = order[np.argsort((hour * 3600 + seconds)[order], kind="stable")]
    who, hour = who[order], hour[order]
    columns = {
        "customer": _texts(identities.customer_numbers(stream(seed, "customers of the week"), truth.people), who),
        "paid_at": _moments(truth, hour * 3600 + seconds[order]),
        "dong_code": _texts(truth.totals.codes, truth.place[hour, who]),
        "category": _texts([kind.name for kind in spending.CATEGORIES], category[order]),
        "amount": pa.array(amount[order]),
    }
    return pa.table(columns)


def _first_hour(truth: Truth) -> int:
    return int(truth.totals.first.astype("datetime64[h]").astype(np.int64) % 24)


def taxis(truth: Truth, seed: int, *, share: float = TAXI_SHARE) -> pa.Table:
    """Trips at night by time: ``caller`` (telephone number), ``pickup_at``, ``pickup_dong``, ``dropoff_at``, ``dropoff_dong``, ``fare``.

    A share of those who are in another place than an hour before; pick-up in the last minutes of the hour, drop-off in
    the first of the next.
    """
    rng = stream(seed, "taxis of the week")
    hours_of_day = truth.totals.moments().astype(np.int64) % 24
    night = np.flatnonzero(np.isin(hours_of_day[1:], TAXI_HOURS)) + 1
    before, after = truth.place[night - 1], truth.place[night]  # (hour at night, person)
    moved: Flags = (before != after) & (before != truth.away) & (after != truth.away) & (rng.random(before.shape) < share)
    at, who = np.nonzero(moved)
    hour = night[at]
    pickup = hour * 3600 - rng.integers(60, 3600 - _LEAVING, len(who))
    dropoff = hour * 3600 + rng.integers(0, _SETTLED, len(who))
    order = np.argsort(pickup, kind="stable")
    at, who, pickup, dropoff = at[order], who[order], pickup[order], dropoff[order]
    columns = {
        "caller": _texts(telephones(truth, seed), who),
        "pickup_at": _moments(truth, pickup),
        "pickup_dong": _texts(truth.totals.codes, before[at, who]),
        "dropoff_at": _moments(truth, dropoff),
        "dropoff_dong": _texts(truth.totals.codes, after[at, who]),
        "fare": pa.array(_fares(rng, dropoff - pickup)),
    }
    return pa.table(columns)


def _fares(rng: np.random.Generator, seconds: Ints) -> Ints:
    """Whole won, in hundreds: a base fare and so much a minute, as at night."""
    drawn: Floats = 4_800 + seconds / 60 * rng.uniform(500, 1_500, len(seconds))
    fares: Ints = np.rint(drawn / 100).astype(np.int64) * 100
    return fares


def telephones(truth: Truth, seed: int) -> list[str]:
    """The number of each person; nobody's in the real world."""
    return identities.phone_numbers(stream(seed, "telephones of the week"), truth.people)


def _texts(labels: list[str] | tuple[str, ...], chosen: npt.NDArray[np.integer]) -> pa.Array:
    return pa.array(labels).take(pa.array(chosen))


def _moments(truth: Truth, seconds: Ints) -> pa.Array:
    """Local time of so many seconds after the first hour, as instants."""
    local = truth.totals.first.astype("datetime64[s]") + seconds
    return pc.assume_timezone(pa.array(local, pa.timestamp("s")), TIME_ZONE).cast(pa.timestamp("us", "UTC"))
