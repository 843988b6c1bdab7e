"""A population written as a file: who could be in a table, by quasi-identifier. UTF-8, comma-separated, with a header.

The columns are the quasi-identifiers, with values as fine as the table's, and ``persons`` where a line stands for more
than one. Everybody stands in one line. An empty field is null. Errors name line and column, never a value: the table
may be a register of persons.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from anonymize.columns.hierarchy_paths import MAX_PROBLEMS, content
from anonymize.errors import Problem, RecipeError
from anonymize.recipe import PERSONS

MAX_BYTES = 64 * 1024 * 1024
MAX_PERSONS = 10**12  # of the whole file: counts times millionths stay in 64 bits
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")

Integers: TypeAlias = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class PopulationTable:
    """``texts``: the distinct fields of each column, null as None; ``codes``: (line, column) where they stand in them;
    ``persons``: (line,). Lines are distinct, in the order in which the file first has them."""

    file: str
    texts: dict[str, list[str | None]]
    codes: Integers
    persons: Integers

    def __len__(self) -> int:
        return len(self.persons)


def read(file: str, folder: Path | None, columns: Sequence[str]) -> PopulationTable:
    """Read ``folder/file``, whose columns must be ``columns`` in any order, and ``persons`` where it has counts.

    Raises :class:`RecipeError` that names what is wrong by line and column.
    """
    try:
        text = content(file, folder, MAX_BYTES, kind="population file").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused(file, [Problem("not_utf8", "it is not UTF-8")]) from None
    found = parse(file, text)
    missing, unknown = [c for c in columns if c not in found.texts], [c for c in found.texts if c not in columns]
    _refuse(file, [Problem("missing_column", f"it has no column {c!r}, which is a quasi-identifier", column=c) for c in missing])
    _refuse(file, [Problem("unknown_column", f"column {c!r} is neither a quasi-identifier nor {PERSONS!r}", column=c) for c in unknown])
    place = {column: i for i, column in enumerate(found.texts)}
    texts = {column: found.texts[column] for column in columns}
    return PopulationTable(file, texts, found.codes[:, [place[column] for column in columns]], found.persons)


def looks_like(text: str) -> bool:
    """Whether a text is meant as a population rather than as a hierarchy: commas and no ``;`` in its first line."""
    first = text.partition("\n")[0]
    return "," in first and ";" not in first


def parse(file: str, text: str) -> PopulationTable:
    """Check the text of a population file; ``file`` is its name, for errors. Raises :class:`RecipeError`."""
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(lines, [])
        _refuse(file, _header(header))
        known: list[dict[str, int]] = [{} for _ in header]
        codes = array("i")  # line by line; a list of lists would take ten times the memory
        ragged: list[Problem] = []
        for fields in lines:
            if len(fields) == len(header):
                codes.extend(seen.setdefault(field, len(seen)) for seen, field in zip(known, fields, strict=True))
            elif fields:
                ragged.append(Problem("ragged", f"line {lines.line_num} has {len(fields)} fields, the header {len(header)}", line=lines.line_num))
    except csv.Error:
        raise _refused(file, [Problem("unreadable", f"line {lines.line_num} cannot be read (quotes?)", line=lines.line_num)]) from None
    _refuse(file, ragged or ([] if codes else [Problem("empty", "it holds nobody")]))
    return _table(file, header, known, np.array(codes).reshape(-1, len(header)))


def _header(header: list[str]) -> list[Problem]:
    if not [name for name in header if name != PERSONS]:
        return [Problem("no_header", "its first line names no column", line=1)]
    problems = [Problem("empty_name", f"column {i + 1} has no name", line=1) for i, name in enumerate(header) if not name]
    return problems + [Problem("duplicate_name", f"column {i + 1} repeats a name", line=1) for i, name in enumerate(header) if name in header[:i]]


def _table(file: str, header: list[str], known: list[dict[str, int]], codes: Integers) -> PopulationTable:
    persons: Integers = np.ones(len(codes), dtype=np.int64)
    if PERSONS in header:
        place = header.index(PERSONS)
        persons = _counts(file, list(known[place]))[codes[:, place]]
    if not persons.sum(dtype=object) <= MAX_PERSONS:
        raise _refused(file, [Problem("too_many", f"it counts more than {MAX_PERSONS} persons")])
    places = [i for i, name in enumerate(header) if name != PERSONS]
    merged = pd.DataFrame(codes[:, places]).assign(persons=persons).groupby(list(range(len(places))), sort=False)["persons"].sum()
    texts = {header[i]: [text or None for text in known[i]] for i in places}
    distinct = np.stack([merged.index.get_level_values(i).to_numpy() for i in range(len(places))], axis=1)
    return PopulationTable(file, texts, distinct, merged.to_numpy(dtype=np.int64))


def _counts(file: str, texts: list[str]) -> Integers:
    bad = sum(not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text) >= 1) for text in texts)
    _refuse(file, [Problem("not_a_count", f"{bad} distinct field(s) of {PERSONS!r} are no whole number from 1", column=PERSONS)] if bad else [])
    return np.array([int(text) for text in texts], dtype=np.int64)


def _refuse(file: str, problems: list[Problem]) -> None:
    if problems:
        raise _refused(file, problems)


def _refused(file: str, problems: list[Problem]) -> RecipeError:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return RecipeError(f"population file {file}: {problems[0].message}{more}", problems=tuple(problems[:MAX_PROBLEMS]))


# --- as values of the table's columns ------------------------------------------------------------------------------------


def typed(table: PopulationTable, column: str, kind: nw.dtypes.DType) -> list[Any]:
    """The distinct fields of a column as Python values of the type that the table's column has; null is None.

    Raises :class:`RecipeError` that says how many fields are none, not which.
    """
    read_one = _reader(kind)
    values, bad = [], 0
    for text in table.texts[column]:
        try:
            values.append(None if text is None else read_one(text))
        except (ValueError, ArithmeticError):
            bad += 1
    if bad:
        problem = Problem("not_of_type", f"{bad} distinct value(s) of column {column!r} are not of the type of the table's column", column=column)
        raise _refused(table.file, [problem])
    return values


def _reader(kind: nw.dtypes.DType) -> Callable[[str], Any]:
    if kind == nw.Boolean:
        return _truth
    if kind.is_integer():
        return _whole
    if kind.is_float():
        return lambda text: float(_decimal(text)) + 0.0
    if kind.is_decimal():
        return _decimal
    if isinstance(kind, nw.Datetime):
        return _aware if kind.time_zone is not None else _naive
    if kind == nw.Date:
        return dt.date.fromisoformat
    return str if kind == nw.String else _none


def _truth(text: str) -> bool:
    found = {"true": True, "false": False}.get(text.lower())
    return _none(text) if found is None else found


def _none(text: str) -> Any:
    raise ValueError("not a value of this type")


def _decimal(text: str) -> Decimal:
    return Decimal(text) if _NUMBER.fullmatch(text) else _none(text)


def _whole(text: str) -> int:
    number = _decimal(text)
    return int(number) if number % 1 == 0 else _none(text)


def _naive(text: str) -> dt.datetime:
    found = dt.datetime.fromisoformat(text)
    return found if found.tzinfo is None else _none(text)


def _aware(text: str) -> dt.datetime:
    found = dt.datetime.fromisoformat(text)
    return found.astimezone(dt.UTC) if found.tzinfo is not None else _none(text)
