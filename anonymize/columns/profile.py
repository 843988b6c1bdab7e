"""The profile of a table: per column its type, nulls, distinct values, what it seems to be, and a suggested role.

A profile is for the steward who uploaded the table; it holds no value of it, not even a smallest or a largest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, TypeAlias

import narwhals as nw
import pandas as pd
import pyarrow as pa

from anonymize.columns.detect import Facts, Guess, detect, few_identifiers, is_coordinate_pair
from anonymize.recipe import Role

Frame: TypeAlias = nw.LazyFrame[Any]

SAMPLE = 10_000  # distinct values of a column that the validators see in a profile
SCANNED = 1_000_000  # ... and when a table is scanned before it is published as it is
_AT_ONCE = 50  # columns whose counts are asked for in one query
_BATCH = 50_000


class Source(Protocol):
    """What profiling asks of a table engine (anonymize.tables.base has the whole of it)."""

    def collect(self, frame: Frame) -> pd.DataFrame:
        """All rows, in memory."""
        ...

    def batches(self, frame: Frame, size: int) -> Iterator[pa.RecordBatch]:
        """The rows, at most ``size`` at a time."""
        ...


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column. ``distinct`` is exact and leaves nulls out; ``looks_like`` is a kind of anonymize.columns.detect."""

    name: str
    type: str
    rows: int
    nulls: int
    distinct: int
    looks_like: str
    confidence: float
    suggested_role: Role
    reason: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A table's rows and columns; ``about_persons``: whether a scan and a signature are too little for it."""

    rows: int
    columns: tuple[ColumnProfile, ...]
    about_persons: bool

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        columns = [asdict(column) | {"suggested_role": column.suggested_role.value} for column in self.columns]
        return {"rows": self.rows, "about_persons": self.about_persons, "columns": columns}


def profile_table(engine: Source, frame: Frame) -> Profile:
    """Profile every column. Counts are over all rows; validators see up to 10,000 distinct values, evenly spread."""
    facts = _facts(engine, frame, SAMPLE)
    guesses = _with_coordinates(facts, [detect(fact) for fact in facts])
    roles = suggest_roles(facts, guesses)
    columns = tuple(_column(fact, guess, *roles[fact.name]) for fact, guess in zip(facts, guesses, strict=True))
    return Profile(facts[0].rows if facts else 0, columns, is_about_persons(guesses))


def personal_columns(engine: Source, frame: Frame, columns: Sequence[str]) -> list[ColumnProfile]:
    """Those of the columns that hold direct identifiers, as the gate before data are published unprotected.

    Stricter than the profile: 5 % or 20 distinct values with an e-mail address, telephone, card or resident number
    anywhere in them are enough, over up to a million distinct values; so is a header that leaves no doubt.
    """
    facts = _facts(engine, frame.select([nw.col(name) for name in columns]), SCANNED)
    return [found for fact in facts if (found := _personal(fact)) is not None]


def _personal(fact: Facts) -> ColumnProfile | None:
    guess = detect(replace(fact, sample=_spread(fact.sample, SAMPLE)))
    if not guess.direct and guess.kind not in ("text_with_identifiers", *_LINKED):
        found = few_identifiers(fact.sample) if fact.type == "text" else {}
        if not found:
            return None
        guess = Guess("text_with_identifiers", 1.0, f"At least 5 % or 20 of the values hold: {', '.join(sorted(found))}")
    return _column(fact, guess, Role.DIRECT_IDENTIFIER, f"{guess.reason}: it must not be published.")


# --- counts and samples ------------------------------------------------------------------------------------------


def _facts(engine: Source, frame: Frame, sample: int) -> list[Facts]:
    schema = frame.collect_schema()
    names = schema.names()
    facts: list[Facts] = []
    for start in range(0, len(names), _AT_ONCE):
        facts += _counts(engine, frame, schema, names[start : start + _AT_ONCE])
    return [replace(fact, sample=_sample(engine, frame, fact, sample)) for fact in facts]


def _counts(engine: Source, frame: Frame, schema: Mapping[str, Any], names: Sequence[str]) -> list[Facts]:
    asked = [nw.len().alias("rows")]
    for i, name in enumerate(names):
        asked += [nw.col(name).is_null().cast(nw.Int64()).sum().alias(f"nulls{i}"), nw.col(name).n_unique().alias(f"distinct{i}")]
    row = {key: int(value) for key, value in engine.collect(frame.select(asked)).iloc[0].items()}
    return [
        Facts(
            name,
            column_type(schema[name]),
            rows=row["rows"],
            nulls=row[f"nulls{i}"],
            distinct=row[f"distinct{i}"] - (row[f"nulls{i}"] > 0),  # null counts as a value of its own there
            sample=(),
        )
        for i, name in enumerate(names)
    ]


def column_type(dtype: Any) -> str:
    """The platform's name of a narwhals type."""
    if dtype.is_integer():
        return "integer"
    if isinstance(dtype, nw.Datetime):
        return "timestamp" if dtype.time_zone is None else "timestamptz"
    named = {nw.Decimal: "decimal", nw.Float64: "number", nw.Float32: "number", nw.Boolean: "boolean", nw.Date: "date"}
    return next((name for kind, name in named.items() if dtype == kind), "text")


def _sample(engine: Source, frame: Frame, fact: Facts, limit: int) -> tuple[str, ...]:
    """Distinct values as text, the same for the same table: every n-th in the order of values."""
    if fact.type in ("boolean", "date", "timestamp", "timestamptz") or not fact.distinct:
        return ()  # the type says enough
    column = nw.col(fact.name)
    values = frame.select(column.alias("value")).filter(~nw.col("value").is_null()).group_by("value").agg(nw.len().alias("rows")).select("value")
    step = -(-fact.distinct // limit)
    if step > 1:
        values = values.with_row_index("n", order_by="value").filter(nw.col("n") % step == 0).select("value")
    texts = (str(value).strip() for batch in engine.batches(values, _BATCH) for value in batch.column(0).to_pylist())
    return tuple(sorted(text for text in texts if text))


def _spread(values: Sequence[str], limit: int) -> tuple[str, ...]:
    return tuple(values[:: -(-len(values) // limit)]) if values else ()


def _with_coordinates(facts: Sequence[Facts], guesses: list[Guess]) -> list[Guess]:
    for i in range(len(facts) - 1):
        if is_coordinate_pair(facts[i], facts[i + 1]) and guesses[i].kind == guesses[i + 1].kind == "number":
            reason = "Together with its neighbour the values are coordinates"
            guesses[i : i + 2] = [Guess("latitude", 0.7, reason), Guess("longitude", 0.7, reason)]
    return guesses


def _column(fact: Facts, guess: Guess, role: Role, reason: str) -> ColumnProfile:
    return ColumnProfile(
        fact.name, fact.type, fact.rows, fact.nulls, fact.distinct, guess.kind, guess.confidence, role, reason
    )


# --- roles -------------------------------------------------------------------------------------------------------

_DEMOGRAPHIC = frozenset(
    {"gender", "age", "birth_date", "marital_status", "education", "occupation", "nationality", "ethnicity"}
)
_SENSITIVE = frozenset({"health", "belief", "income"})
_PLACES = frozenset({"latitude", "longitude", "h3_cell", "district_code", "postal_code", "place"})
_OTHERS_KEY = frozenset({"record_id", "identifier", "uuid", "first_person", "second_person"})
_KEYS = ("customer_id", "first_person", "identifier", "uuid", "record_id")  # what can be a person key, best first
_LINKED = ("customer_id", "first_person", "second_person")


def suggest_roles(facts: Sequence[Facts], guesses: Sequence[Guess]) -> dict[str, tuple[Role, str]]:
    """A role and its reason per column, seen in the light of the whole table."""
    personal = is_about_persons(guesses)
    key = _person_key(facts, guesses) if personal else None
    one_row_each = personal and (key is None or key.nearly_unique)
    return {
        fact.name: _role(fact, guess, key, personal, one_row_each) for fact, guess in zip(facts, guesses, strict=True)
    }


def is_about_persons(guesses: Sequence[Guess]) -> bool:
    """Whether the rows seem to be about persons: a direct identifier, a person's number, or two demographic columns."""
    kinds = {guess.kind for guess in guesses}
    certain = any(guess.direct and guess.kind != "postal_address" for guess in guesses)
    return certain or bool(kinds & {"customer_id", "first_person"}) or len(kinds & (_DEMOGRAPHIC | _SENSITIVE)) >= 2


def _person_key(facts: Sequence[Facts], guesses: Sequence[Guess]) -> Facts | None:
    """The best candidate: by kind, then the one with fewest nulls, then the first."""
    ranked = [
        (_KEYS.index(guess.kind), fact.nulls, i, fact)
        for i, (fact, guess) in enumerate(zip(facts, guesses, strict=True))
        if guess.kind in _KEYS and fact.distinct > 1
    ]
    return min(ranked, key=lambda entry: entry[:3])[3] if ranked else None


def _role(fact: Facts, guess: Guess, key: Facts | None, personal: bool, one_row_each: bool) -> tuple[Role, str]:
    why = guess.reason
    if key is not None and fact.name == key.name:
        return Role.PERSON_KEY, f"{why}: it says whose row it is. It is used to protect persons and never published."
    if guess.direct or guess.kind in ("text_with_identifiers", "customer_id"):
        return Role.DIRECT_IDENTIFIER, f"{why}: it can name a person and is left out."
    if not personal:
        return _impersonal_role(guess)
    if guess.kind in _OTHERS_KEY:
        return Role.DIRECT_IDENTIFIER, f"{why}: it can link a row to another file and is left out."
    if guess.kind == "free_text":
        return Role.DIRECT_IDENTIFIER, f"{why}: nobody can tell what people wrote in it, so it is left out."
    return _personal_role(fact, guess, one_row_each)


def _impersonal_role(guess: Guess) -> tuple[Role, str]:
    if guess.kind in _PLACES:
        return Role.PLACE, f"{guess.reason}; no column seems to be about persons."
    if guess.kind == "timestamp":
        return Role.EVENT_TIME, f"{guess.reason}; no column seems to be about persons."
    return Role.PLAIN, f"{guess.reason}; no column seems to be about persons."


def _personal_role(fact: Facts, guess: Guess, one_row_each: bool) -> tuple[Role, str]:
    why = guess.reason
    if guess.kind in _SENSITIVE:
        return Role.SENSITIVE, f"{why}: nobody should learn it about a person."
    if guess.kind in _DEMOGRAPHIC:
        return Role.QUASI_IDENTIFIER, f"{why}: together with other columns it can single a person out."
    if guess.kind in _PLACES:
        return _place_role(guess, one_row_each)
    if guess.kind == "timestamp":
        return Role.EVENT_TIME, f"{why}: when something happened can single a person out."
    if guess.kind == "amount":
        return Role.SENSITIVE, f"{why}: what a person paid or earned is theirs to tell."
    if one_row_each and guess.kind != "empty" and (guess.kind in ("category", "code") or fact.type == "integer"):
        return Role.QUASI_IDENTIFIER, f"{why}: each row is a person, and what others may know of them can single them out."
    return Role.PLAIN, f"{why}; nothing about it seems to name a person."


def _place_role(guess: Guess, one_row_each: bool) -> tuple[Role, str]:
    if one_row_each and guess.kind not in ("latitude", "longitude", "h3_cell"):
        return Role.QUASI_IDENTIFIER, f"{guess.reason}: where a person lives can single them out."
    return Role.PLACE, f"{guess.reason}: where something happened can single a person out."

