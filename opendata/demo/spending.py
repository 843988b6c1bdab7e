"""Card payments, as a payment company would sell them: CP949, Korean headers, one row a payment.

Three months; about sixty payments for each person who holds a card, few people with very many. Some rows lack the
customer (prepaid cards), and some are cancellations: the same card and shop a little later, with a negative amount.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from opendata.demo import habits, identities, places
from opendata.demo.chance import Floats, Ints, pick_by_row, stream
from opendata.demo.files import pieces, write_csv, write_ladder
from opendata.demo.population import People

FILE = "card_transactions.csv"
LADDER = "category.csv"
ENCODING = "cp949"
HEADER = ("고객번호", "카드번호", "고객명", "휴대폰", "업종", "행정동코드", "결제일시", "결제금액")
FIRST_DAY, DAYS = np.datetime64("2026-01-01"), 90
PAYMENTS_EACH = 60
HOLDER_SHARE, ADULT = 0.8, 19
CANCELLED_SHARE, NO_CUSTOMER_SHARE = 0.012, 0.008


@dataclass(frozen=True)
class Category:
    """Kind of shop and its group: relative weight, median and log-spread of the amount (KRW), weekend factor,
    and when it is open: first hour, last hour (exclusive), weight of each of them.
    """

    name: str
    group: str
    weight: float
    median: int
    spread: float
    weekend: float
    hours: tuple[tuple[int, int, float], ...]


CATEGORIES = (
    Category("음식점", "먹거리", 20, 13_000, 0.60, 1.1, ((7, 11, 2), (11, 14, 14), (14, 17, 4), (17, 24, 9))),
    Category("카페", "먹거리", 15, 5_500, 0.40, 1.1, ((7, 9, 8), (9, 12, 7), (12, 14, 13), (14, 18, 8), (18, 22, 4))),
    Category("편의점", "장보기와 생활", 17, 6_000, 0.55, 0.9, ((0, 6, 2), (6, 9, 6), (9, 17, 5), (17, 24, 8))),
    Category("대형마트", "장보기와 생활", 9, 42_000, 0.65, 1.9, ((10, 14, 7), (14, 18, 9), (18, 22, 10))),
    Category("전통시장", "장보기와 생활", 6, 17_000, 0.60, 1.2, ((7, 10, 5), (10, 13, 9), (13, 18, 8), (18, 20, 3))),
    Category("의류", "여가와 꾸밈", 5, 39_000, 0.75, 1.8, ((11, 14, 6), (14, 18, 9), (18, 22, 7))),
    Category("병의원", "건강과 교육", 5, 11_000, 0.90, 0.3, ((9, 12, 12), (14, 18, 9), (18, 20, 2))),
    Category("약국", "건강과 교육", 5, 8_500, 0.60, 0.5, ((9, 12, 9), (12, 14, 5), (14, 19, 9), (19, 22, 2))),
    Category("학원", "건강과 교육", 3, 180_000, 0.50, 0.4, ((10, 14, 3), (14, 20, 9), (20, 22, 3))),
    Category("주유소", "장보기와 생활", 5, 55_000, 0.35, 1.2, ((6, 9, 8), (9, 17, 6), (17, 22, 7))),
    Category("문화여가", "여가와 꾸밈", 6, 15_000, 0.70, 2.0, ((10, 14, 5), (14, 18, 8), (18, 23, 9))),
    Category("미용", "여가와 꾸밈", 4, 28_000, 0.70, 1.6, ((10, 14, 7), (14, 19, 8), (19, 21, 3))),
)


@dataclass(frozen=True)
class Payments:
    """One entry a payment: payer and kind by index, dong by index, local time in seconds, amount in KRW."""

    payer: Ints
    category: Ints
    place: Ints
    paid_at: npt.NDArray[np.datetime64]
    amount: Ints
    anonymous: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.payer)

    def take(self, rows: Ints) -> Payments:
        return Payments(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def simulate(people: People, seed: int) -> Payments:
    """Draw the payments, cancellations included, in order of time."""
    rng = stream(seed, "card payments")
    payer = _payers(rng, people)
    category = pick_by_row(rng, tastes(rng, len(people)), payer)
    day = _days(rng, category)
    hour = hours_of(rng, category)
    weekend = habits.is_weekend(FIRST_DAY + day)
    place = habits.whereabouts(rng, people, payer, weekend=weekend, hour=hour, roaming=0.8)
    seconds = day * 86_400 + hour * 3_600 + rng.integers(0, 3_600, len(payer))
    payments = Payments(
        payer=payer,
        category=category,
        place=place,
        paid_at=FIRST_DAY.astype("datetime64[s]") + seconds,
        amount=amounts(rng, category, people.means[payer]),
        anonymous=rng.random(len(payer)) < NO_CUSTOMER_SHARE,
    )
    return _with_cancellations(rng, payments)


def write(folder: Path, people: People, seed: int) -> int:
    """Write the payments below ``folder``; answers the number of rows."""
    write_ladder(folder / LADDER, [(kind.name, kind.group, "*") for kind in CATEGORIES])
    payments = simulate(people, seed)
    return write_csv(folder / FILE, HEADER, _tables(people, payments, seed), encoding=ENCODING)


def _payers(rng: np.random.Generator, people: People) -> Ints:
    """Who paid: heavy-tailed numbers of payments, mean about PAYMENTS_EACH, none for people without a card."""
    holds = (people.ages >= ADULT) & (rng.random(len(people)) < HOLDER_SHARE)
    spread = 0.9
    rates = rng.lognormal(np.log(PAYMENTS_EACH) - spread**2 / 2, spread, len(people))
    counts = np.where(holds, rng.poisson(rates), 0)
    return np.repeat(np.arange(len(people)), counts)


def tastes(rng: np.random.Generator, people: int) -> Floats:
    """Each person's own mix of categories: (person, category) → weight; most go to a few kinds of shop."""
    usual = np.array([category.weight for category in CATEGORIES])
    return usual * rng.gamma(0.6, 1.0, (people, len(CATEGORIES))) + 0.02 * usual


def _days(rng: np.random.Generator, category: Ints) -> Ints:
    weekend = habits.is_weekend(FIRST_DAY + np.arange(DAYS))
    table = np.array([np.where(weekend, kind.weekend, 1.0) for kind in CATEGORIES])
    return pick_by_row(rng, table, category)


def hours_of(rng: np.random.Generator, category: Ints) -> Ints:
    table = np.zeros((len(CATEGORIES), 24))
    for row, kind in enumerate(CATEGORIES):
        for start, stop, weight in kind.hours:
            table[row, start:stop] = weight
    return pick_by_row(rng, table, category)


def amounts(rng: np.random.Generator, category: Ints, means: Floats) -> Ints:
    """Whole KRW, in hundreds: log-normal about the category's median, more where there are more means."""
    median = np.array([kind.median for kind in CATEGORIES])[category]
    spread = np.array([kind.spread for kind in CATEGORIES])[category]
    drawn = median * means**0.5 * np.exp(rng.normal(size=len(category)) * spread)
    hundreds: Ints = np.rint(drawn / 100).astype(np.int64)
    return (hundreds * 100).clip(500, 5_000_000)


def _with_cancellations(rng: np.random.Generator, payments: Payments) -> Payments:
    last = FIRST_DAY.astype("datetime64[s]") + DAYS * 86_400
    later = payments.paid_at + rng.integers(60, 3 * 86_400, len(payments))
    cancelled = np.flatnonzero((rng.random(len(payments)) < CANCELLED_SHARE) & (later < last))
    every = payments.take(np.concatenate([np.arange(len(payments)), cancelled]))
    paid_at, amount = every.paid_at, every.amount
    paid_at[len(payments) :] = later[cancelled]
    amount[len(payments) :] *= -1
    return every.take(np.argsort(paid_at, kind="stable"))


def _tables(people: People, payments: Payments, seed: int) -> Iterator[pa.Table]:
    rng = stream(seed, "cards")
    of_payer = (
        pa.array(identities.customer_numbers(rng, len(people))),
        pa.array(identities.card_numbers(rng, len(people))),
        pa.array(people.names),
        pa.array(people.phones),
    )
    kinds, codes = pa.array([kind.name for kind in CATEGORIES]), pa.array(places.codes())
    for part in pieces(len(payments)):
        payer = pa.array(payments.payer[part], mask=payments.anonymous[part])
        columns = [texts.take(payer) for texts in of_payer]
        columns += [kinds.take(pa.array(payments.category[part])), codes.take(pa.array(payments.place[part]))]
        columns += [pa.array(payments.paid_at[part]), pa.array(payments.amount[part])]
        yield pa.table(columns, names=list(HEADER))
