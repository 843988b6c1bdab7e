"""Places from a GeoJSON layer (RFC 7946): each feature has properties with its code and the codes of what it lies in.

Shapes are not looked at: what nests is said by the codes. Errors name a feature by its place in the layer, from 1.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
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


def read(places: Places, folder: Path | None) -> Paths:
    """Read and check a layer. Raises :class:`RecipeError` naming up to 20 problems by feature."""
    return paths(places, parse(places.file, content(places.file, folder, MAX_BYTES)))


def parse(file: str, text: str | bytes) -> list[Properties]:
    """The properties of each feature of a layer; ``file`` is its name, for errors. Raises :class:`RecipeError`."""
    layer = _json(file, text)
    features = layer.get("features") if isinstance(layer, dict) and layer.get("type") == "FeatureCollection" else None
    if not isinstance(features, list) or not features:
        raise RecipeError(f"hierarchy file {file}: it is no GeoJSON FeatureCollection with features")
    found = [feature.get("properties") if isinstance(feature, dict) else None for feature in features]
    refuse(file, [problem("no_properties", "feature", i, " has no properties") for i, has in enumerate(found, 1) if not isinstance(has, dict)])
    return [has for has in found if isinstance(has, dict)]


def _json(file: str, text: str | bytes) -> Any:
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        # coordinates are not needed: one object for all of them saves most of the memory
        return json.loads(text, parse_float=lambda _: 0.0, parse_constant=_refuse, object_pairs_hook=_once)
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
    refuse(places.file, [found for i, has in enumerate(features, 1) for found in _missing(i, has, names)])
    entries: list[Entry] = [(i, tuple(str(has[name]) for name in names)) for i, has in enumerate(features, 1)]
    refuse(places.file, problems(entries, "feature"))
    return Paths(places.file, {labels[0]: labels[1:] for _, labels in entries}, len(places.parents))


def is_code(value: Any) -> bool:
    """Whether a property can be a code: text that is not empty, or a whole number."""
    return (isinstance(value, str) and value != "") or (isinstance(value, int) and not isinstance(value, bool))


def _missing(position: int, has: Properties, names: Sequence[str]) -> list[Problem]:
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
