"""One table out of several about the same people: rows under rows, person keys replaced by keyed pseudonyms.

The identifiers of two sources never stand in one table. Each is replaced, as it is read, by HMAC-SHA-256 under a key that
was drawn for this run and is thrown away with it; equal identifiers give equal pseudonyms, and to whoever lacks the key a
pseudonym is a random number. What follows sees a person with the rows of all tables, and protects them all together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from anonymize import reports
from anonymize.columns.keys import Keys
from anonymize.columns.missing import is_missing
from anonymize.columns.pseudonyms import Replace, pseudonyms
from anonymize.errors import InputError, Problem, RecipeError
from anonymize.recipe import Recipe
from anonymize.recipe.appending import Append, input_columns

BATCH = 500_000
DIGITS = 32  # 128 bits: two of 10^9 persons share one with a chance below 10^-20
PURPOSE = "person"  # whatever the column is called in each source


@dataclass(frozen=True, slots=True)
class Appended:
    """The table of all rows, what was done in words without counts, and the rows of each table for the officer alone."""

    source: Path
    treatment: tuple[str, ...]
    counts: dict[str, int]


def appended(recipe: Recipe, source: Path, tables: Mapping[str, Path], scratch: Path, keys: Keys) -> Appended:
    """The rows of ``source`` and of the tables that the recipe appends, as one Parquet file in ``scratch``.

    ``tables``: the typed Parquet file of each by its name. A recipe that appends nothing leaves all as it is.

    Raises:
        RecipeError: a table was not given, or one that the recipe does not append; or a column is missing or of another kind
            than the one it goes under.
        InputError: a value of one table has no place in the column that it goes under.
    """
    _refuse_others(recipe, tables)
    if not recipe.append:
        return Appended(source, (), {})
    schemas = {name: _schema(path) for name, path in tables.items()}
    target = _target(recipe, _schema(source))
    _check(recipe, target, schemas)
    hide = _hiding(keys)
    counts: dict[str, int] = {}
    path = scratch / "appended.parquet"
    schema = pa.schema([pa.field(field.name, pa.string() if field.name == recipe.person_key else field.type) for field in target])
    with ExitStack() as stack:
        sink = stack.enter_context(pq.ParquetWriter(path, schema, compression="zstd"))
        own = {name: name for name in target.names}
        for name, file, columns in [("", source, own), *((other.table, tables[other.table], other.columns) for other in recipe.append)]:
            for batch in _batches(file, columns, target, str(recipe.person_key), hide):
                sink.write_table(batch.cast(schema))
                if name:
                    counts[f"rows_of_{name}"] = counts.get(f"rows_of_{name}", 0) + batch.num_rows
    return Appended(path, tuple(_say(recipe)), counts)


def _refuse_others(recipe: Recipe, tables: Mapping[str, Path]) -> None:
    """A table that was given and would be left out unseen: its rows were meant to count."""
    others = sorted(set(tables) - {other.table for other in recipe.append})
    if others:
        problems = [Problem("table_not_appended", f"the recipe does not append the table {name!r}, which was given", pointer="/append") for name in others]
        raise RecipeError(problems[0].message, problems=tuple(problems))


def _schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowInvalid):
        raise InputError("a table that the recipe appends is no readable Parquet file") from None


def _target(recipe: Recipe, schema: pa.Schema) -> pa.Schema:
    """The columns of all rows, with the types of the first table."""
    used = input_columns(recipe)
    return pa.schema([pa.field(field.name, field.type) for field in schema if field.name in used])


def _check(recipe: Recipe, target: pa.Schema, schemas: Mapping[str, pa.Schema]) -> None:
    problems = [found for i, other in enumerate(recipe.append) for found in _problems(i, other, target, schemas.get(other.table))]
    if problems:
        raise RecipeError(problems[0].message, problems=tuple(problems))


def _problems(i: int, other: Append, target: pa.Schema, theirs: pa.Schema | None) -> Iterator[Problem]:
    if theirs is None:
        yield Problem("unknown_table", f"the recipe appends the table {other.table!r}, which was not given", pointer=f"/append/{i}/table")
        return
    for name, source in other.columns.items():
        at = f"/append/{i}/columns/{name}"
        if name not in target.names:
            yield Problem("unknown_column", f"the input has no column {name!r}", pointer=at)
        elif source not in theirs.names:
            yield Problem("unknown_column", f"the table {other.table!r} has no column {source!r}", pointer=at)
        elif (kind := reports.column_type(theirs.field(source).type)) != (ours := reports.column_type(target.field(name).type)):
            message = f"column {source!r} of {other.table!r} holds {kind} and cannot go under {name!r}, which holds {ours}"
            yield Problem("other_type", message, pointer=at)


def _hiding(keys: Keys) -> Replace:
    """From identifiers to pseudonyms, one computation for each different one in a batch; who is not named stays unnamed."""
    replace = pseudonyms(PURPOSE, keys.key("release"), DIGITS)

    def hide(values: pa.Array) -> pa.Array:
        encoded = values.dictionary_encode()
        missing = [is_missing(value) for value in encoded.dictionary.to_pylist()]
        names = pa.array([None if gone else name for gone, name in zip(missing, replace(encoded.dictionary).to_pylist(), strict=True)], pa.string())
        return names.take(encoded.indices)

    return hide


def _batches(path: Path, columns: Mapping[str, str], target: pa.Schema, person_key: str, hide: Replace) -> Iterator[pa.Table]:
    """The rows of one table under the names of the first, a batch at a time."""
    for batch in pq.ParquetFile(path).iter_batches(batch_size=BATCH, columns=sorted(set(columns.values()))):
        yield pa.table({field.name: _column(batch, columns.get(field.name), field, person_key, hide) for field in target})


def _column(batch: pa.RecordBatch, source: str | None, field: pa.Field, person_key: str, hide: Replace) -> pa.Array:
    if source is None:
        return pa.nulls(batch.num_rows, field.type)
    values = batch.column(source)
    if field.name == person_key:
        return hide(values)
    try:
        return values.cast(field.type)
    except pa.ArrowInvalid:
        raise InputError(f"a value of the appended column {source!r} has no place in column {field.name!r}") from None


def _say(recipe: Recipe) -> Sequence[str]:
    named = dict.fromkeys(other.table for other in recipe.append)
    return [
        f"Rows of {name} were put under those of this table. Who is in both is one person: identifiers of both were replaced by "
        "pseudonyms under one key, which was drawn for this run and thrown away."
        for name in named
    ]
