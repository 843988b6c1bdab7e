"""Outlines of places, from an uploaded GeoJSON layer: what a map of a release is drawn from.

Only the codes that the release speaks of, their names and simplified borders are kept; whatever else the layer says of
its places stays behind. Used by the publisher alone: a web process draws from what was kept, and never loads GEOS.
"""

from __future__ import annotations

import json
import logging
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

log = logging.getLogger(__name__)
MOST_PLACES: Final = 3_000
MOST_VERTICES: Final = 12_000  # about 100 kB of a picture
FINEST: Final = 1 / 2_000  # of the layer's extent: less than half a pixel
GRAIN: Final = 1e-6  # of a degree: about ten centimetres
PLACES_AFTER_POINT: Final = 5  # of a degree: about a metre
_NAMED = re.compile(r"name|nm|title|이름|명$|名", re.IGNORECASE)


def outline(text: str, prop: str) -> bytes | None:
    """A FeatureCollection (RFC 7946) with one feature a code: its borders, ``code`` and ``name``. The same layer gives the same bytes.

    ``prop``: the property whose values are the codes; places that share one are united. None where the layer has no
    areas to draw, or too many.
    """
    try:
        return _outline(json.loads(text)["features"], prop)
    except (ShapelyError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("no outlines of a layer: %s", type(error).__name__)
        return None


def _outline(features: Sequence[dict[str, Any]], prop: str) -> bytes | None:
    parts: dict[str, list[BaseGeometry]] = defaultdict(list)
    for feature in features:
        if _is_area(feature):
            parts[str(feature["properties"][prop])].append(_snapped(feature["geometry"]))
    if not 2 <= len(parts) <= MOST_PLACES:
        return None
    names = _names([feature["properties"] for feature in features], prop)
    borders = _simplified(np.array([_areas(shapely.union_all(found)) for found in parts.values()], dtype=object))
    drawn = [
        {"type": "Feature", "properties": {"code": code, "name": names.get(code, code)}, "geometry": _rounded(border)}
        for code, border in zip(parts, borders, strict=True)
        if not border.is_empty
    ]
    return json.dumps({"type": "FeatureCollection", "features": drawn}, ensure_ascii=False, separators=(",", ":")).encode()


def _is_area(feature: dict[str, Any]) -> bool:
    geometry = feature.get("geometry") or {}
    return geometry.get("type") in ("Polygon", "MultiPolygon")


def _snapped(geometry: dict[str, Any]) -> BaseGeometry:
    """Borders that differ by digits that nobody measured are one border."""
    found: BaseGeometry = shapely.set_precision(shapely.make_valid(shape(geometry)), GRAIN)
    return found


def _areas(geometry: BaseGeometry) -> BaseGeometry:
    """The areas of what making it valid has given, without the lines and points beside them."""
    found: BaseGeometry = shapely.multipolygons([part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"])
    return found


def _simplified(borders: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Fewer vertices, the borders between neighbours kept common (Visvalingam & Whyatt 1993, on the coverage)."""
    left, bottom, right, top = shapely.total_bounds(borders)
    tolerance = max(right - left, top - bottom) * FINEST
    found = borders
    while shapely.get_num_coordinates(found).sum() > MOST_VERTICES or found is borders:
        found = shapely.coverage_simplify(borders, tolerance)
        tolerance *= 1.5
        if tolerance > max(right - left, top - bottom) / 8:
            break
    return found


def _rounded(border: BaseGeometry) -> dict[str, Any]:
    rings = [
        [np.round(shapely.get_coordinates(ring), PLACES_AFTER_POINT).tolist() for ring in (part.exterior, *part.interiors)]
        for part in shapely.get_parts(border)
    ]
    return {"type": "MultiPolygon", "coordinates": rings}


def _names(properties: Sequence[dict[str, Any]], prop: str) -> dict[str, str]:
    """What the layer calls its places: a property of texts that says so and tells no two codes alike."""
    for name in properties[0]:
        if name == prop or not _NAMED.search(name):
            continue
        pairs = {(str(has.get(prop)), has.get(name)) for has in properties}
        names = dict(pairs)
        if all(isinstance(called, str) and called.strip() for called in names.values()) and len(pairs) == len(names) == len(set(names.values())):
            return {code: str(called)[:100] for code, called in names.items()}
    return {}
