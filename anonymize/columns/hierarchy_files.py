"""A hierarchy written as a file: ``;`` separated, UTF-8, one line a value, the leaf first and coarser labels after it.

Errors name the line and the level, never the value: leaves may be values of persons.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from anonymize.columns.hierarchy_checks import Entry, problems
from anonymize.columns.hierarchy_paths import Paths, content, refuse
from anonymize.columns.hierarchy_values import TOP
from anonymize.errors import Problem, RecipeError

MAX_BYTES = 64 * 1024 * 1024
MAX_LEVELS = 64


def read(file: str, folder: Path | None) -> Paths:
    """Read and check ``folder/file``. Raises :class:`RecipeError` naming up to 20 problems by line."""
    return parse(file, _text(file, content(file, folder, MAX_BYTES)))


def parse(file: str, text: str) -> Paths:
    """Check the text of a hierarchy file; ``file`` is its name, for errors. Raises :class:`RecipeError`."""
    lines = list(_lines(file, text))
    if not lines:
        raise RecipeError(f"hierarchy file {file}: it holds no line")
    refuse(file, _ragged(lines) or problems(lines, "line"))
    return _paths(file, lines)


def _text(file: str, found: bytes) -> str:
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = found.count(b"\n", 0, error.start) + 1
        raise RecipeError(f"hierarchy file {file}: line {line} is not UTF-8") from None


def _lines(file: str, text: str) -> Iterator[Entry]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";", strict=True)
    shared: dict[str, str] = {}  # coarse labels repeat on most lines: one string each
    try:
        for fields in reader:
            if fields:
                yield reader.line_num, tuple(shared.setdefault(field, field) for field in fields)
    except csv.Error:
        raise RecipeError(f"hierarchy file {file}: line {reader.line_num} cannot be read (quotes?)") from None


def _ragged(lines: list[Entry]) -> list[Problem]:
    width = len(lines[0][1])
    if width > MAX_LEVELS:
        return [Problem("too_many_levels", f"line 1 has more than {MAX_LEVELS} levels", line=1)]
    return [
        Problem("ragged", f"line {number} has {len(fields)} fields, line {lines[0][0]} has {width}", line=number)
        for number, fields in lines
        if len(fields) != width
    ]


def _paths(file: str, lines: list[Entry]) -> Paths:
    steps = {fields[0]: fields[1:] for _, fields in lines}
    if len(lines[0][1]) > 1 and all(path[-1] == TOP for path in steps.values()):
        steps = {leaf: path[:-1] for leaf, path in steps.items()}
    return Paths(file, steps, len(next(iter(steps.values()))))
