"""What a column seems to be: its header's word and its values' own proof, weighed. Pure: facts in, a guess out.

The values seen here are a sample of distinct ones and stay here: a guess holds kinds, shares and words, never a value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from anonymize.columns.schema import Cue, cue_of
from anonymize.value_kinds import (
    DIRECT,
    WHOLE,
    has_name_form,
    inside,
    is_compact_date,
    is_h3_cell,
    is_postal_address,
)

MATCHING = 0.8  # share of distinct values that must pass a test for the values alone to decide
FEW_SHARE = 0.05  # share, or ...
FEW = 20  # ... number of distinct values that hold an identifier from which a column must not be published as it is
NEARLY_UNIQUE = 0.95  # distinct values over values from which a column tells rows apart
MIN_UNIQUE = 20  # values below which "nearly unique" says nothing
CATEGORIES = 100  # distinct values up to which a column is a category
LONG_WORDS, LONG_SIGNS = 5.0, 40.0  # mean words, or signs, from which text is free text

_TIMES = ("date", "timestamp", "timestamptz")
_NUMBERS = ("integer", "decimal", "number")


@dataclass(frozen=True, slots=True)
class Facts:
    """A column as detection sees it. ``sample``: distinct values as text, trimmed, without nulls."""

    name: str
    type: str
    rows: int
    nulls: int
    distinct: int
    sample: Sequence[str]

    @property
    def values(self) -> int:
        """Values that are not null."""
        return self.rows - self.nulls

    @property
    def nearly_unique(self) -> bool:
        """Whether almost every row has a value of its own."""
        return self.values >= MIN_UNIQUE and self.distinct >= NEARLY_UNIQUE * self.values

    def share(self, test: Callable[[str], bool]) -> float:
        """Share of the sample that passes a test, in [0, 1]."""
        return sum(map(test, self.sample)) / len(self.sample) if self.sample else 0.0


@dataclass(frozen=True, slots=True)
class Guess:
    """``kind`` of column, ``confidence`` in [0, 1], and the reason as the beginning of a sentence."""

    kind: str
    confidence: float
    reason: str

    @property
    def direct(self) -> bool:
        """Whether the kind names a person by itself."""
        return self.kind in DIRECT


def detect(facts: Facts) -> Guess:
    """The best guess: proof by values, then the header, then the bare type."""
    if facts.values == 0:
        return Guess("empty", 1.0, "There are no values")
    cue = cue_of(facts.name)
    return _by_proof(facts, cue) or _by_header(facts, cue) or _hidden(facts) or _by_type(facts)


# --- values that prove themselves --------------------------------------------------------------------------------


def _by_proof(facts: Facts, cue: Cue | None) -> Guess | None:
    if facts.type not in ("text", "integer") or (cue is not None and cue.kind == "count"):
        return None
    for kind, test in WHOLE.items():
        share = facts.share(test)
        if share >= MATCHING and not _doubtful(kind, facts, cue):
            return Guess(kind, round(share, 2), f"{share:.0%} of the distinct values are {_TITLES[kind]}")
    return None


def _doubtful(kind: str, facts: Facts, cue: Cue | None) -> bool:
    """Names and numbers without punctuation look like other things: the header may contradict, a few values may not do."""
    few = len(facts.sample) < FEW
    if kind == "gender":
        return facts.distinct > 6
    if kind == "person_name":
        return few or (cue is not None and cue.kind != "person_name")
    return facts.type == "integer" and few


# --- what the header says ----------------------------------------------------------------------------------------


def _digits_of_one_length(facts: Facts) -> bool:
    lengths = {len(value) for value in facts.sample if value.isdigit()}
    return facts.share(str.isdigit) >= MATCHING and len(lengths) <= 2


def _numeric_within(bound: float) -> Callable[[Facts], bool]:
    def check(facts: Facts) -> bool:
        return facts.type in _NUMBERS and all(abs(float(value)) <= bound for value in facts.sample)

    return check


def _numeric(facts: Facts) -> bool:
    return facts.type in _NUMBERS


def _textual(facts: Facts) -> bool:
    return facts.type == "text"


def _time_like(facts: Facts) -> bool:
    return facts.type in _TIMES or facts.type == "integer"


def _whole_number_id(facts: Facts) -> bool:
    return facts.type == "integer" and facts.distinct > CATEGORIES


def _could_be_id(facts: Facts) -> bool:
    return facts.type in ("text", "integer", "number") and facts.distinct > 2


# What the values must be like for a header that is not certain.
_SUPPORT: Mapping[str, Callable[[Facts], bool]] = {
    "count": _numeric,
    "amount": _numeric,
    "person_name": lambda facts: facts.share(has_name_form) >= 0.5,
    "postal_address": lambda facts: facts.share(is_postal_address) >= 0.5,
    "latitude": _numeric_within(90),
    "longitude": _numeric_within(180),
    "h3_cell": lambda facts: facts.share(is_h3_cell) >= 0.5,
    "district_code": _digits_of_one_length,
    "timestamp": _time_like,
    "free_text": _textual,
    "belief": lambda facts: facts.distinct <= CATEGORIES,
    "record_id": lambda facts: _could_be_id(facts) and facts.nearly_unique,
    "first_person": _whole_number_id,
    "second_person": _whole_number_id,
    "place": _textual,
    "category": lambda facts: facts.distinct <= CATEGORIES,
    "url": _textual,
}


def _by_header(facts: Facts, cue: Cue | None) -> Guess | None:
    if cue is None or (cue.kind == "free_text" and not _long(facts)):
        return None
    if facts.type in _TIMES and cue.kind != "birth_date":
        return None  # an invoice's date is a date
    if cue.certain:
        share = facts.share(WHOLE[cue.kind]) if cue.kind in WHOLE else 0.0
        proof = f", and {share:.0%} of the distinct values are" if share >= FEW_SHARE else ""
        return Guess(cue.kind, round(max(share, 0.7), 2), f"The header says that it holds {_TITLES[cue.kind]}{proof}")
    if not _SUPPORT[cue.kind](facts):
        return None
    hidden = _hidden(facts)
    return hidden or Guess(cue.kind, 0.6, f"The header says {_TITLES[cue.kind]}, and the values allow it")


# --- identifiers inside other text -------------------------------------------------------------------------------


def _hidden(facts: Facts) -> Guess | None:
    if facts.type != "text" or not facts.sample:
        return None
    found = few_identifiers(facts.sample)
    if not found:
        return None
    kind, share = max(found.items(), key=lambda item: item[1])
    return Guess("text_with_identifiers", round(share, 2), f"Some of the values hold {_TITLES[kind]}")


def few_identifiers(values: Iterable[str]) -> dict[str, float]:
    """Kinds of identifiers held by at least 5 % or 20 of the values, in full or within, with the share of each.

    Only kinds that show what they are by form or check digits; names are not among them.
    """
    counts: Counter[str] = Counter()
    total = 0
    for value in values:
        total += 1
        counts.update(inside(value))
    return {kind: count / total for kind, count in counts.items() if count >= min(FEW, max(FEW_SHARE * total, 1))}


# --- the bare type -----------------------------------------------------------------------------------------------


def _by_type(facts: Facts) -> Guess:
    if facts.type in _TIMES:
        return Guess("timestamp", 0.9, f"The type is {facts.type}")
    if facts.type == "boolean" or (facts.distinct <= CATEGORIES and not facts.nearly_unique and _textual(facts)):
        return Guess("category", 0.6, f"There are only {facts.distinct:,} different values")
    if facts.type == "integer" and facts.share(is_compact_date) >= MATCHING and len(facts.sample) >= FEW:
        return Guess("timestamp", 0.7, "The values are days written as eight digits")
    if facts.type in ("decimal", "number"):
        return Guess("number", 0.6, "The values are numbers with fractions")
    if _textual(facts) and _long(facts):
        return Guess("free_text", 0.7, "The values are longer text")
    if facts.nearly_unique:
        return Guess("identifier", 0.7, "Nearly every row has a value of its own")
    if facts.type == "integer":
        return Guess("number", 0.5, "The values are whole numbers")
    return Guess("code", 0.5, f"There are {facts.distinct:,} different short texts")


def _long(facts: Facts) -> bool:
    if not facts.sample:
        return False
    words = sum(len(value.split()) for value in facts.sample) / len(facts.sample)
    signs = sum(map(len, facts.sample)) / len(facts.sample)
    return words >= LONG_WORDS or signs >= LONG_SIGNS


# --- coordinates come in pairs -----------------------------------------------------------------------------------

_BOXES = ((33.0, 39.0, 124.0, 132.0), (18.0, 54.0, 73.0, 135.0))  # Korea, China: south, north, west, east
_FINE_SIGNS = 3  # digits behind the point


def is_coordinate_pair(first: Facts, second: Facts) -> bool:
    """Two neighbouring columns with fractions that lie in Korea or China, latitude first."""
    if not {first.type, second.type} <= {"decimal", "number"}:
        return False
    if not (first.share(_fine) >= MATCHING and second.share(_fine) >= MATCHING):
        return False
    north = [float(value) for value in first.sample]
    east = [float(value) for value in second.sample]
    return any(
        all(s <= value <= n for value in north) and all(w <= value <= e for value in east) for s, n, w, e in _BOXES
    )


def _fine(value: str) -> bool:
    return len(value.partition(".")[2]) >= _FINE_SIGNS


_TITLES: Mapping[str, str] = {
    "email": "e-mail addresses",
    "resident_number": "Korean resident registration numbers",
    "chinese_resident_number": "Chinese resident identity numbers",
    "social_security_number": "social security numbers",
    "business_number": "Korean business registration numbers",
    "passport": "passport numbers",
    "driving_licence": "driving licence numbers",
    "payment_card": "payment card numbers",
    "bank_account": "bank account numbers",
    "phone": "telephone numbers",
    "ip_address": "network addresses",
    "device": "device numbers",
    "vehicle_plate": "number plates of vehicles",
    "person_name": "names of persons",
    "postal_address": "postal addresses",
    "h3_cell": "H3 cells",
    "uuid": "random identifiers or digests",
    "url": "web addresses",
    "gender": "sex or gender",
    "count": "a count",
    "amount": "an amount",
    "latitude": "a latitude",
    "longitude": "a longitude",
    "birth_date": "dates of birth",
    "age": "ages",
    "marital_status": "marital status",
    "education": "education",
    "occupation": "occupations",
    "nationality": "nationalities",
    "ethnicity": "ethnicity or race",
    "health": "facts about health",
    "belief": "beliefs or opinions",
    "income": "incomes",
    "record_id": "numbers of records",
    "first_person": "who was at one end",
    "second_person": "who was at the other end",
    "customer_id": "the number of a person",
    "postal_code": "postal codes",
    "district_code": "district codes",
    "place": "places",
    "timestamp": "points in time",
    "free_text": "free text",
    "category": "categories",
}
