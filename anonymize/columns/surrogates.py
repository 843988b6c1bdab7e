"""Surrogates: made-up values in the place of real ones, drawn at random and independent of what they stand for.

What is drawn is a pool of some hundred values, and each row gets one of them at random: a surrogate repeats, and two
rows that share one have nothing in common. It is therefore no pseudonym, and cannot be turned into one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from stdnum import luhn

from anonymize.columns.pseudonyms import Replace
from anonymize.errors import PrivacyNotMet, Problem
from anonymize.randomness import secret_bytes, system_random
from anonymize.recipe import Surrogate

POOL = 1000
FEWEST = 100
"""A pool between these sizes; one that cannot be filled so far says more about the values it may not hold than it hides."""
ROUNDS = 10

Draw = Callable[[], str]
Taken = Callable[[set[str]], set[str]]
"""Of some folded texts, those that are folded values of the column."""


def drawing(surrogate: Surrogate, formats: Sequence[str] = ()) -> Draw:
    """What draws one candidate. ``formats``: for the kind *same_format*, the formats that may appear (:func:`fill`)."""
    chance = system_random()
    if surrogate.kind == "same_format":
        return lambda: fill(chance.choice(formats), chance)
    from faker import Faker  # half a second to load, and most runs need none

    made: Any = Faker(surrogate.locale or "en_US")
    made.random = chance  # its own generator is seeded, and one for the whole process
    return lambda: " ".join(_MADE[surrogate.kind](made).split())


def _no_card(made: Any) -> str:
    """Of a card's length and issuer, but with a check digit that is wrong: nobody's card."""
    digits = str(made.credit_card_number())
    return digits[:-1] + str((int(luhn.calc_check_digit(digits[:-1])) + made.random.randint(1, 9)) % 10)


_MADE: Final[dict[str, Callable[[Any], str]]] = {
    "name": lambda made: str(made.name()),
    "phone": lambda made: str(made.phone_number()),
    "email": lambda made: str(made.safe_email()),  # below example.org and its like (RFC 2606): nobody reads it
    "address": lambda made: str(made.address()).replace("\n", ", "),
    "card_number": _no_card,
    "user_name": lambda made: str(made.user_name()),
}

# --- formats ---------------------------------------------------------------------------------------------------------

FORMAT_STEPS: Final = (
    (r"\p{M}", ""),
    (r"\p{N}", "9"),
    (r"\p{Hangul}", "가"),
    (r"\p{Han}", "漢"),
    (r"\p{Lu}", "A"),
    (r"[^\P{L}\p{Hangul}\p{Han}A]", "a"),
)
"""Regular expressions (RE2) that turn a value into its format, in this order; other signs stay as they are."""


def fill(form: str, chance: random.Random) -> str:
    """A text of a format: a random digit for 9, a random letter of its kind for A, a, 가 and 漢. Check digits do not fit."""
    return "".join(_FILLED[sign](chance) if sign in _FILLED else sign for sign in form)


_FILLED: Final[dict[str, Callable[[random.Random], str]]] = {
    "9": lambda chance: str(chance.randrange(10)),
    "A": lambda chance: chr(ord("A") + chance.randrange(26)),
    "a": lambda chance: chr(ord("a") + chance.randrange(26)),
    "가": lambda chance: chr(0xAC00 + chance.randrange(11_172)),
    "漢": lambda chance: chr(0x4E00 + chance.randrange(20_000)),
}

# --- the pool --------------------------------------------------------------------------------------------------------


def folded(texts: pa.Array) -> pa.Array:
    """Texts as they are compared: compatibility forms and case made equal, letters and digits alone (010-1 is 0101)."""
    plain = pc.utf8_lower(pc.utf8_normalize(texts.cast(pa.string()), form="NFKC"))
    return pc.replace_substring_regex(plain, pattern=r"[^\p{L}\p{N}]", replacement="")


def pool(column: str, draw: Draw, taken: Taken) -> pa.Array:
    """Up to :data:`POOL` different candidates, none of which is, or reads like, a value of the column.

    Raises :class:`PrivacyNotMet` when after :data:`ROUNDS` rounds of draws there are fewer than :data:`FEWEST`.
    """
    free: dict[str, str] = {}  # folded → as drawn
    for _ in range(ROUNDS):
        drawn = [draw() for _ in range(POOL - len(free))]
        found = dict(zip(folded(pa.array(drawn, pa.string())).to_pylist(), drawn, strict=True))
        free |= {key: found[key] for key in set(found) - taken(set(found)) - {""}}
        if len(free) >= POOL:
            break
    if not len(free) >= FEWEST:
        message = f"column {column!r}: too few surrogates could be found that are no real value of it; choose another kind, or drop the column"
        raise PrivacyNotMet(message, problems=(Problem("no_surrogates", message, column=column),))
    return pa.array(sorted(free.values()), pa.string())


def surrogates(from_pool: pa.Array) -> Replace:
    """Each row gets a value of the pool: uniform (to within one part in 10^16), and whether the row had a value or not."""

    def replace(values: pa.Array) -> pa.Array:
        drawn = np.frombuffer(secret_bytes(8 * max(len(values), 1)), dtype=np.uint64)[: len(values)]
        return from_pool.take(pa.array(drawn % np.uint64(len(from_pool))))

    return replace
