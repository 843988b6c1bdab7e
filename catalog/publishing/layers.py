"""Which published columns speak of places of a layer: the recipe says it, and the publisher keeps their outlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from catalog.publishing import store


@dataclass(frozen=True, slots=True)
class Source:
    """The file of a layer, and the property of its features whose values stand in the column."""

    file: str
    prop: str


def source_of(recipe: Mapping[str, Any], column: Mapping[str, Any]) -> Source | None:
    """The layer of a group column of a table of aggregates; None where its values are not places of one."""
    if column.get("role") != "group" or column.get("bucket"):
        return None
    named = str(column.get("column", ""))
    for stage in recipe["stages"]:
        if stage["stage"] == "locate" and stage.get("name") == named and stage.get("layer"):
            return Source(stage["layer"]["file"], stage["layer"]["code"])
    places = ((recipe["columns"].get(named) or {}).get("hierarchy") or {}).get("places")
    if not places:
        return None
    ladder, level = (places["code"], *places["parents"]), int(column.get("level") or 0)
    return Source(places["file"], ladder[level]) if level < len(ladder) else None


def with_outlines(recipe: Mapping[str, Any], columns: Sequence[Mapping[str, Any]], files: Mapping[str, str]) -> list[dict[str, Any]]:
    """The columns; one that speaks of places names the outlines of them that were kept in the public store.

    ``files``: the text of each layer by its name, as the run had it.
    """
    return [{**column, **_kept(source_of(recipe, column), files)} for column in columns]


def _kept(source: Source | None, files: Mapping[str, str]) -> dict[str, Any]:
    if source is None or source.file not in files:
        return {}
    from catalog.publishing.outlines import outline  # GEOS: for the publisher alone

    found = outline(files[source.file], source.prop)
    return {} if found is None else {"layer": store.keep_outline(found)}
