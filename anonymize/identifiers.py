"""Direct identifiers in a release: what stands in their place, made before the file is written and checked after.

Pseudonyms and surrogates are put in while the file is written, so that no frame of the engine holds them; whether they
may be there at all is decided before the search. Truncated codes are ordinary quasi-identifiers (anonymize.rows).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from anonymize.columns.keys import Keys
from anonymize.columns.missing import named
from anonymize.columns.pseudonyms import Replace, pseudonyms
from anonymize.columns.surrogates import FORMAT_STEPS, drawing, folded, pool, surrogates
from anonymize.errors import PrivacyNotMet, Problem
from anonymize.recipe import Pseudonym, Recipe, Surrogate, Truncated
from anonymize.tables.base import Frame, TableEngine, distinct

BATCH = 100_000
FORMATS = 1000
"""At most so many formats of a column are drawn from, the commonest first."""
LOOKED_AT = 200_000
"""Rows in which formats are looked for: what k persons share among them, k persons share."""


@dataclass(frozen=True, slots=True)
class Identifiers:
    """``replace``: what is written in the place of each column. ``report``: a line a column. ``treatment``: in words."""

    replace: Mapping[str, Replace]
    report: list[dict[str, Any]]
    treatment: list[str]


def identifiers(engine: TableEngine, frame: Frame, recipe: Recipe, k: int, keys: Keys) -> Identifiers:
    """What the recipe releases in the place of direct identifiers, for the rows of ``frame``.

    Raises:
        PrivacyNotMet: a pseudonym would link rows, or no surrogate can be found that is no real value.
        RecipeError: there is no key of the kind asked for.
    """
    treated = {name: column.release_as for name, column in recipe.columns.items() if column.release_as is not None}
    _refuse_links(engine, frame, recipe.person_key, [name for name, how in treated.items() if isinstance(how, Pseudonym)])
    kept: dict[str, bytes] = {}
    replace: dict[str, Replace] = {}
    for name, how in treated.items():
        if isinstance(how, Pseudonym):
            if how.key not in kept:
                kept[how.key] = keys.key(how.key)  # one a run: the column's name is part of what is hashed
            replace[name] = pseudonyms(name, kept[how.key], how.length)
        elif isinstance(how, Surrogate):
            replace[name] = _surrogates(engine, frame, name, how, recipe.person_key, k)
    report = [{"column": name, **how.model_dump(mode="json", exclude_none=True)} for name, how in treated.items()]
    return Identifiers(replace, report, [_say(name, how) for name, how in treated.items()])


def _say(name: str, how: Pseudonym | Surrogate | Truncated) -> str:
    match how:
        case Truncated(keep=keep):
            return f"Of {name} only the first {keep} characters were used, as a quasi-identifier."
        case Surrogate():
            return f"{name} holds made-up values: drawn at random, with nothing to do with the real ones, none of which is among them."
        case Pseudonym(key="dataset"):
            return f"{name} holds pseudonyms (HMAC-SHA-256) that are the same in every release of this dataset: {how.reason.strip()}"
    return f"{name} holds pseudonyms (HMAC-SHA-256) under a key that was made for this run alone and thrown away."


# --- pseudonyms: one row a person ------------------------------------------------------------------------------------


def _refuse_links(engine: TableEngine, frame: Frame, person_key: str | None, columns: list[str]) -> None:
    """A pseudonym that stands in two rows links them, whatever it was made of."""
    if columns and person_key is not None and _repeats(engine, frame, person_key):
        raise _linked(
            columns[0], "the table has several rows of one person, and a pseudonym would link them: rows of events carry nothing "
            "that says which of them are one person's; drop the column, or give it surrogates",
        )  # fmt: skip
    for name in columns:
        if _repeats(engine, frame, name):
            raise _linked(
                name, f"column {name!r} has the same value in several rows, and a pseudonym would link them; pseudonyms are for "
                "tables in which every row has an identifier of its own",
            )  # fmt: skip


def _linked(column: str, message: str) -> PrivacyNotMet:
    return PrivacyNotMet(message, problems=(Problem("rows_linked", message, column=column, pointer=f"/columns/{column}/release_as"),))


def _repeats(engine: TableEngine, frame: Frame, name: str) -> bool:
    """Whether two rows name the same; rows that name nobody do not count."""
    there = frame.filter(named(name, engine.schema(frame).field(name).type)).select(name)
    return engine.rows(there) != engine.rows(distinct(there))


# --- surrogates ------------------------------------------------------------------------------------------------------


def _surrogates(engine: TableEngine, frame: Frame, name: str, how: Surrogate, person_key: str | None, k: int) -> Replace:
    formats = _formats(engine, frame, name, person_key, k) if how.kind == "same_format" else []
    return surrogates(pool(name, drawing(how, formats), lambda candidates: _taken(engine, frame, name, candidates)))


def _taken(engine: TableEngine, frame: Frame, name: str, candidates: set[str]) -> set[str]:
    """Which of some folded texts are values of the column; the column passes by in batches."""
    asked, found = pa.array(sorted(candidates), pa.string()), set()
    for batch in engine.batches(distinct(_texts(frame, name)), BATCH):
        values = folded(batch.column(0))
        found |= set(values.filter(pc.is_in(values, asked)).to_pylist())
    return found


def _texts(frame: Frame, name: str) -> Frame:
    return frame.filter(~nw.col(name).is_null()).select(nw.col(name).cast(nw.String()))


def _formats(engine: TableEngine, frame: Frame, name: str, person_key: str | None, k: int) -> list[str]:
    """The formats that values of at least ``k`` persons have: a rarer one would say that somebody has it."""
    form = nw.col(name).cast(nw.String())
    for pattern, sign in FORMAT_STEPS:
        form = form.str.replace_all(pattern, sign)
    there = frame.filter(named(name, engine.schema(frame).field(name).type))
    forms = there.head(LOOKED_AT).select(form.alias("form"), *([nw.col(person_key).alias("person")] if person_key is not None else []))
    counted = forms.group_by("form").agg((nw.col("person").n_unique() if person_key is not None else nw.len()).alias("persons"))
    shared = engine.collect(counted.filter(nw.col("persons") >= k).sort("persons", "form", descending=[True, False]).head(FORMATS))
    found = [str(text) for text in shared["form"] if text]
    if not found:
        message = f"column {name!r} has no format that the values of {k} persons share: choose another kind of surrogate, or drop the column"
        raise PrivacyNotMet(message, problems=(Problem("no_shared_format", message, column=name),))
    return found


# --- the file, read back ---------------------------------------------------------------------------------------------


def check(engine: TableEngine, artefact: Path, frame: Frame, recipe: Recipe) -> None:
    """Read the written file: pseudonyms are of their form and each in one row, and no real value stands in either kind.

    ``frame``: the rows that the file was made from. Raises :class:`PrivacyNotMet`.
    """
    written = engine.scan_parquet(artefact)
    for name, column in recipe.columns.items():
        how = column.release_as
        if not isinstance(how, (Pseudonym, Surrogate)):
            continue
        values, rows = written.select(name), engine.rows(written)
        if not engine.rows(values.filter(~nw.col(name).is_null())) == rows:
            raise PrivacyNotMet(f"re-check: column {name!r} of the file written has gaps, which tell whose value was missing")
        if isinstance(how, Pseudonym):
            formed = values.filter(nw.col(name).str.contains(f"^[0-9a-f]{{{how.length}}}$"))
            if not engine.rows(formed) == engine.rows(distinct(formed)) == rows:
                raise PrivacyNotMet(f"re-check: column {name!r} of the file written holds what is no pseudonym, or one in two rows")
        if _common(engine, values, frame, name):
            raise PrivacyNotMet(f"re-check: column {name!r} of the file written holds a value of the original")


def _common(engine: TableEngine, values: Frame, frame: Frame, name: str) -> bool:
    """Whether a text stands in both columns, as it is spelled."""
    return engine.rows(values.join(distinct(_texts(frame, name)), on=name, how="semi").head(1)) > 0
