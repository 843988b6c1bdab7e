"""A hierarchy written as a file: ``;`` separated, UTF-8, one line a value, the leaf first and coarser labels after it.

Errors name the line and the level, never the value: leaves may be values of persons.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anonymize.errors import Problem, RecipeError

TOP = "*"
MAX_BYTES = 64 * 1024 * 1024
MAX_LEVELS = 64
MAX_PROBLEMS = 20

Line = tuple[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Paths:
    """The checked content of a hierarchy file.

    ``steps`` maps a leaf to its labels at level 1, 2, … below the top; the top, ``*``, is not among them.
    """

    file: str
    steps: dict[str, tuple[str, ...]]
    depth: int

    @property
    def leaves(self) -> list[str]:
        """The leaves, in the order of the file."""
        return list(self.steps)


def read(file: str, folder: Path | None) -> Paths:
    """Read and check ``folder/file``. Raises :class:`RecipeError` naming up to 20 problems by line."""
    return parse(file, _text(file, _inside(file, folder)))


def parse(file: str, text: str) -> Paths:
    """Check the text of a hierarchy file; ``file`` is its name, for errors. Raises :class:`RecipeError`."""
    lines = list(_lines(file, text))
    if not lines:
        raise RecipeError(f"hierarchy file {file}: it holds no line")
    problems = _ragged(lines) or [*_empty(lines), *_duplicates(lines), *_not_nested(lines)]
    if problems:
        first, more = problems[0], len(problems) - 1
        raise RecipeError(
            f"hierarchy file {file}: {first.message}" + (f" (and {more} more)" if more else ""),
            problems=tuple(problems[:MAX_PROBLEMS]),
        )
    return _paths(file, lines)


def _inside(file: str, folder: Path | None) -> Path:
    if folder is None:
        raise RecipeError(f"hierarchy file {file}: the recipe has no folder to look in")
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise RecipeError(f"hierarchy file {file}: it lies outside the recipe's folder")
    return path


def _text(file: str, path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError:
        raise RecipeError(f"hierarchy file {file}: there is no such file that can be read") from None
    if len(content) > MAX_BYTES:
        raise RecipeError(f"hierarchy file {file}: it is larger than {MAX_BYTES // 2**20} MB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RecipeError(f"hierarchy file {file}: line {line} is not UTF-8") from None


def _lines(file: str, text: str) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";", strict=True)
    shared: dict[str, str] = {}  # coarse labels repeat on most lines: one string each
    try:
        for fields in reader:
            if fields:
                yield reader.line_num, tuple(shared.setdefault(field, field) for field in fields)
    except csv.Error:
        raise RecipeError(f"hierarchy file {file}: line {reader.line_num} cannot be read (quotes?)") from None


def _ragged(lines: list[Line]) -> list[Problem]:
    width = len(lines[0][1])
    if width > MAX_LEVELS:
        return [Problem("too_many_levels", f"line 1 has more than {MAX_LEVELS} levels", line=1)]
    return [
        Problem("ragged", f"line {number} has {len(fields)} fields, line {lines[0][0]} has {width}", line=number)
        for number, fields in lines
        if len(fields) != width
    ]


def _empty(lines: list[Line]) -> Iterator[Problem]:
    for number, fields in lines:
        for level, label in enumerate(fields):
            if not label:
                yield Problem("empty_label", f"line {number}, level {level} is empty", line=number)


def _duplicates(lines: list[Line]) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for number, fields in lines:
        first = seen.setdefault(fields[0], number)
        if first != number:
            yield Problem("duplicate_leaf", f"line {number} repeats the leaf of line {first}", line=number)


def _not_nested(lines: list[Line]) -> Iterator[Problem]:
    width = len(lines[0][1])
    for level in range(1, width - 1):
        parents: dict[str, tuple[str, int]] = {}
        for number, fields in lines:
            parent, first = parents.setdefault(fields[level], (fields[level + 1], number))
            if parent != fields[level + 1]:
                message = (
                    f"line {number}: its label at level {level} lies under another label of level {level + 1} "
                    f"than on line {first}: levels must nest"
                )
                yield Problem("not_nested", message, line=number)


def _paths(file: str, lines: list[Line]) -> Paths:
    steps = {fields[0]: fields[1:] for _, fields in lines}
    if len(lines[0][1]) > 1 and all(path[-1] == TOP for path in steps.values()):
        steps = {leaf: path[:-1] for leaf, path in steps.items()}
    return Paths(file, steps, len(next(iter(steps.values()))))
