"""Ladders that are written down, value by value: found in a file or in the features of a layer, and looked up here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Set
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

from anonymize.columns.hierarchy_values import Misfit, Step, as_text, number
from anonymize.errors import Problem, RecipeError

MAX_PROBLEMS = 20


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

    def labels(self, level: int) -> tuple[str, ...]:
        """The label of every leaf, level 0 being the first above the leaves."""
        return tuple(path[level] for path in self.steps.values())


def content(file: str, folder: Path | None, limit: int, *, kind: str = "hierarchy file") -> bytes:
    """What ``folder/file`` holds. Raises :class:`RecipeError` when it lies outside, is not there, or is over ``limit`` bytes."""
    try:
        with _inside(file, folder, kind).open("rb") as stream:
            found = stream.read(limit + 1)
    except OSError:
        raise RecipeError(f"{kind} {file}: there is no such file that can be read") from None
    if len(found) > limit:
        raise RecipeError(f"{kind} {file}: it is larger than {limit // 2**20} MB")
    return found


def _inside(file: str, folder: Path | None, kind: str) -> Path:
    if folder is None:
        raise RecipeError(f"{kind} {file}: the recipe has no folder to look in")
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise RecipeError(f"{kind} {file}: it lies outside the recipe's folder")
    return path


def refuse(file: str, problems: list[Problem]) -> None:
    """Raise :class:`RecipeError` that names up to 20 problems, when there is one."""
    if problems:
        first, more = problems[0], len(problems) - 1
        raise RecipeError(
            f"hierarchy file {file}: {first.message}" + (f" (and {more} more)" if more else ""),
            problems=tuple(problems[:MAX_PROBLEMS]),
        )


PathOf: TypeAlias = Callable[[Any], tuple[str, ...]]


def finder(column: str, paths: Paths, kinds: Set[type]) -> PathOf:
    """Finds the path of a value (or raises :class:`Misfit`); the Python types of the column's values decide how a leaf is read."""
    by_key = _by_key(column, paths, kinds)

    def path_of(value: Any) -> tuple[str, ...]:
        path = by_key.get(_value_key(value))
        if path is None:
            raise Misfit(f"{paths.file} does not list them")
        return path

    return path_of


def at(level: int, path_of: PathOf) -> Step:
    """The step to one level, 0 being the first above the leaves."""
    return lambda value: path_of(value)[level]


def _by_key(column: str, paths: Paths, kinds: Set[type]) -> dict[Hashable, tuple[str, ...]]:
    """The path of each leaf, under what the column's values are looked up by."""
    by_key: dict[Hashable, tuple[str, ...]] = {}
    for leaf, path in paths.steps.items():
        for key in {_leaf_key(leaf, kind) for kind in kinds} - {None}:
            if by_key.setdefault(key, path) is not path:
                raise RecipeError(f"hierarchy file {paths.file}: two leaves of column {column!r} are one number or date")
    return by_key


def _value_key(value: Any) -> Hashable:
    """What a value is looked up by: numbers as exact decimals (1.50 is 1.5), everything else as its text."""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return number(value)
    return as_text(value)


def _leaf_key(leaf: str, kind: type) -> Hashable:
    """What a leaf of a file is found by, when the column holds values of a type; ``None``: it cannot be such a value."""
    if issubclass(kind, bool):
        return leaf.lower()
    try:
        if issubclass(kind, (int, float, Decimal)):
            found = Decimal(leaf)
            return found if found.is_finite() else None
        if issubclass(kind, dt.datetime):
            return dt.datetime.fromisoformat(leaf).isoformat()
    except (ValueError, ArithmeticError):
        return None
    return leaf
