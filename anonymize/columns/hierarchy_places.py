"""Places from a GeoJSON layer (RFC 7946): each feature has properties with its code and the codes of what it lies in.

Shapes are not looked at: what nests is said by the codes. Errors name a feature by its place in the layer, from 1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from anonymize.columns.hierarchy_checks import Entry, problem, problems
from anonymize.columns.hierarchy_paths import Paths, content, refuse
from anonymize.errors import Problem, RecipeError
from anonymize.recipe import Places

MAX_BYTES = 64 * 1024 * 1024
MAX_NAME, MAX_PARENTS = 200, 20  # as the recipe has them
MAX_OFFERS = 5

Properties: TypeAlias = dict[str, Any]
Made: TypeAlias = Callable[[dict[str, Any]], Any]


def read(places: Places, folder: Path | None) -> Paths:
    """Read and check a layer. Raises :class:`RecipeError` naming up to 20 problems by feature."""
    return paths(places, parse(places.file, content(places.file, folder, MAX_BYTES)))


def parse(file: str, text: str | bytes) -> list[Properties]:
    """The properties of each feature of a layer; ``file`` is its name, for errors. Raises :class:`RecipeError`."""
    # coordinates are not needed: one object for all of them saves most of the memory
    return [feature["properties"] for feature in features(file, text, number=lambda _: 0.0)]


def features(file: str, text: str | bytes, *, number: Callable[[str], float] = float, made: Made = dict) -> list[dict[str, Any]]:
    """The features of a layer, each with properties. ``made``: what becomes of an object in it once it is read, such as a
    shape, so that no more than one of them is held as lists of numbers. Raises :class:`RecipeError`."""
    layer = _json(file, text, number, made)
    found = layer.get("features") if isinstance(layer, dict) and layer.get("type") == "FeatureCollection" else None
    if not isinstance(found, list) or not found:
        raise RecipeError(f"hierarchy file {file}: it is no GeoJSON FeatureCollection with features")
    bare = [i for i, feature in enumerate(found, 1) if not (isinstance(feature, dict) and isinstance(feature.get("properties"), dict))]
    refuse(file, [problem("no_properties", "feature", i, " has no properties") for i in bare])
    return found


def _json(file: str, text: str | bytes, number: Callable[[str], float], made: Made) -> Any:
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        return json.loads(text, parse_float=number, parse_constant=_refuse, object_pairs_hook=lambda pairs: made(_once(pairs)))
    except UnicodeDecodeError:
        raise RecipeError(f"hierarchy file {file}: it is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        why = str(error) if type(error) is ValueError else "it is not JSON"
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise RecipeError(f"hierarchy file {file}: {why}{where}") from None


def _refuse(_: str) -> Any:
    raise ValueError("it is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object in it names a property twice")
    return found


def paths(places: Places, features: Sequence[Properties]) -> Paths:
    """The ladder that the features' codes make. Raises :class:`RecipeError`."""
    names = (places.code, *places.parents)
    refuse(places.file, [found for i, has in enumerate(features, 1) for found in missing(i, has, names)])
    entries: list[Entry] = [(i, tuple(str(has[name]) for name in names)) for i, has in enumerate(features, 1)]
    refuse(places.file, [_hinted(found) for found in problems(entries, "feature")])
    return Paths(places.file, {labels[0]: labels[1:] for _, labels in entries}, len(places.parents))


def _hinted(found: Problem) -> Problem:
    """With what to do where places consist of several features, each of which says which place it is a part of."""
    if found.code != "duplicate_leaf":
        return found
    said = ": if places consist of several features, let code be a property that tells all features apart, the repeated one the first of parents, and group at level 1"
    return replace(found, message=found.message + said)


def is_code(value: Any) -> bool:
    """Whether a property can be a code: text that is not empty, or a whole number."""
    return (isinstance(value, str) and value != "") or (isinstance(value, int) and not isinstance(value, bool))


def missing(position: int, has: Properties, names: Sequence[str]) -> list[Problem]:
    """What is wrong with the codes of a feature."""
    return [
        problem("no_code", "feature", position, f" has no text and no whole number as its property {name!r}")
        for name in names
        if not is_code(has.get(name))
    ]


def ladders(file: str, features: Sequence[Properties]) -> list[Places]:
    """Ladders that a layer offers: for each property that tells all features apart, the properties that nest above it.

    Parents go from many distinct codes to few; of two that say the same, and of those that are the same everywhere,
    one is enough or none. Looks at the layer alone, never at data.
    """
    named = [name for name in features[0] if 0 < len(name) <= MAX_NAME and name.isprintable() and all(is_code(has.get(name)) for has in features)]
    columns = {name: [str(has[name]) for has in features] for name in named}
    distinct = {name: len(set(column)) for name, column in columns.items()}
    parents: list[str] = []
    for name in sorted((name for name in named if 1 < distinct[name] < len(features)), key=lambda name: -distinct[name]):
        if not parents or (distinct[name] < distinct[parents[-1]] and _nests(columns[parents[-1]], columns[name])):
            parents.append(name)
    codes = [name for name in named if distinct[name] == len(features)][:MAX_OFFERS]
    return [Places(file=file, code=code, parents=tuple(parents[:MAX_PARENTS])) for code in codes] if parents else []


def _nests(fine: Sequence[str], coarse: Sequence[str]) -> bool:
    return len(set(zip(fine, coarse, strict=True))) == len(set(fine))
