"""Numbers and names that look right to a validator and belong to nobody.

Each kind is drawn where no real one can be: telephone numbers 010-0xxx and 010-1xxx are not assigned to subscribers,
card numbers lie under the test prefix 4000 00, mail goes to example.com (RFC 2606), and resident numbers carry the
century digit of people born from 1800 to 1899. All check digits are right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from faker import Faker

from opendata.demo.chance import Flags, Ints, pick, scattered

_TEST_PREFIX = 400000
_UNASSIGNED_NUMBERS = 20_000_000  # 010-0000-0000 up to 010-1999-9999
_RRN_WEIGHTS = np.array([2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5], dtype=np.int64)
_NAME_POOL = 3_000
_FOREIGN_SHARE = 0.06


def digits(numbers: Ints, width: int) -> Ints:
    """Decimal digits, most significant first: (n,) → (n, width)."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    found: Ints = (numbers[:, None] // powers) % 10
    return found


def luhn_check_digits(body: Ints) -> Ints:
    """Luhn check digit (ISO/IEC 7812-1) of each row of digits."""
    doubled = body.copy()
    doubled[:, ::-1][:, ::2] *= 2
    check: Ints = -(doubled // 10 + doubled % 10).sum(axis=1) % 10
    return check


def resident_check_digits(body: Ints) -> Ints:
    """Check digit of Korean resident numbers: (11 - Σ weight·digit mod 11) mod 10, over the first twelve digits."""
    check: Ints = (11 - (body * _RRN_WEIGHTS).sum(axis=1) % 11) % 10
    return check


def card_numbers(rng: np.random.Generator, count: int) -> list[str]:
    """Sixteen digits under a test prefix, each different, written 4000-00xx-xxxx-xxxx."""
    body = digits(_TEST_PREFIX * 10**9 + scattered(rng, count, 10**9), 15)
    text = _joined(np.column_stack([body, luhn_check_digits(body)]))
    return [f"{number[:4]}-{number[4:8]}-{number[8:12]}-{number[12:]}" for number in text]


def phone_numbers(rng: np.random.Generator, count: int) -> list[str]:
    """Mobile numbers in the blocks 010-0xxx and 010-1xxx, each different."""
    return [f"010-{n // 10_000:04d}-{n % 10_000:04d}" for n in scattered(rng, count, _UNASSIGNED_NUMBERS).tolist()]


def resident_numbers(rng: np.random.Generator, births: npt.NDArray[np.datetime64], female: Flags) -> list[str]:
    """Resident numbers with a valid check digit: YYMMDD of ``births``, century digit 9 or 0, a drawn serial number."""
    years = births.astype("datetime64[Y]").astype(np.int64) + 1970
    months = births.astype("datetime64[M]").astype(np.int64) % 12 + 1
    days = (births - births.astype("datetime64[M]")).astype(np.int64) + 1
    century = np.where(female, 0, 9)
    place, serial = rng.integers(0, 96, len(births)), rng.integers(0, 1000, len(births))
    head = ((years % 100) * 10_000 + months * 100 + days) * 10 + century
    body = digits((head * 100 + place) * 1000 + serial, 12)
    text = _joined(np.column_stack([body, resident_check_digits(body)]))
    return [f"{number[:6]}-{number[6:]}" for number in text]


def names(rng: np.random.Generator, seed: int, female: Flags) -> list[str]:
    """Korean names, and English ones for foreign residents: families and given names of Faker, put together anew."""
    korean, english = Faker("ko_KR"), Faker("en_US")
    korean.seed_instance(seed)
    english.seed_instance(seed)
    pools = (
        [korean.name_male() for _ in range(_NAME_POOL)],
        [korean.name_female() for _ in range(_NAME_POOL)],
        [f"{english.first_name_male()} {english.last_name()}" for _ in range(_NAME_POOL // 4)],
        [f"{english.first_name_female()} {english.last_name()}" for _ in range(_NAME_POOL // 4)],
    )
    foreign = rng.random(len(female)) < _FOREIGN_SHARE
    kinds = (2 * foreign + female).tolist()
    draws = rng.random(len(female)).tolist()
    return [pools[kind][int(draw * len(pools[kind]))] for kind, draw in zip(kinds, draws, strict=True)]


def mail_addresses(rng: np.random.Generator, seed: int, count: int) -> list[str]:
    """Addresses at example.com, each different."""
    faker = Faker("ko_KR")
    faker.seed_instance(seed)
    users = [faker.user_name().rstrip("0123456789") for _ in range(500)]
    chosen = pick(rng, np.ones(len(users)), count).tolist()
    return [f"{users[user]}{number}@example.com" for number, user in enumerate(chosen, start=1)]


def pseudonyms(seed: int, purpose: str, count: int) -> list[str]:
    """Sixteen hexadecimal signs each, as an operator would send them: a hash that hides nobody's movements."""
    key = f"{purpose} {seed}".encode()[:64]
    return [hashlib.blake2b(str(number).encode(), key=key, digest_size=8).hexdigest() for number in range(count)]


def customer_numbers(rng: np.random.Generator, count: int) -> list[str]:
    return [f"C{number:08d}" for number in scattered(rng, count, 10**8).tolist()]


def _joined(table: Ints) -> Sequence[str]:
    """Rows of digits as texts: (n, width) → n texts."""
    width = table.shape[1]
    return [str(text) for text in (table + ord("0")).astype(np.uint32).view(f"<U{width}").ravel()]
