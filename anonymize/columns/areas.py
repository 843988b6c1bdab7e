"""Areas of a GeoJSON layer (RFC 7946), and which of them a point lies in.

Longitude and latitude are plain coordinates here, as RFC 7946 has it: the border between two corners is the straight line
of the map. Whether a point lies left or right of it is decided exactly (GEOS' robust predicates), so that the answer is
the same everywhere. Errors name a feature by its place in the layer, from 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import shapely

from anonymize.columns.hierarchy_checks import problem
from anonymize.columns.hierarchy_paths import content, refuse
from anonymize.columns.hierarchy_places import MAX_BYTES, features, missing
from anonymize.errors import Problem
from anonymize.recipe import Layer

LONGITUDES, LATITUDES = (-180.0, 180.0), (-90.0, 90.0)
NOWHERE = -1

Numbers: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Areas:
    """Codes and shapes, in the order of the layer. Two areas may have one code: they are one place in two pieces."""

    codes: tuple[str, ...]
    shapes: npt.NDArray[np.object_]
    _boxes: shapely.STRtree = field(init=False)

    def __post_init__(self) -> None:
        shapely.prepare(self.shapes)
        object.__setattr__(self, "_boxes", shapely.STRtree(self.shapes))

    def of(self, longitudes: Numbers, latitudes: Numbers) -> npt.NDArray[np.int64]:
        """For each point the first area of the layer that it lies in or on the border of; :data:`NOWHERE` for none."""
        point, area = self._boxes.query(shapely.points(longitudes, latitudes))  # those whose bounding box it lies in
        inside = shapely.intersects_xy(self.shapes[area], longitudes[point], latitudes[point])
        first = np.full(len(longitudes), len(self.codes), dtype=np.int64)
        np.minimum.at(first, point[inside], area[inside])
        return np.where(first < len(self.codes), first, NOWHERE)


def read(layer: Layer, folder: Path | None) -> Areas:
    """Read and check a layer. Raises :class:`anonymize.errors.RecipeError` naming up to 20 problems by feature."""
    return parse(layer, content(layer.file, folder, MAX_BYTES, kind="layer"))


def parse(layer: Layer, text: str | bytes) -> Areas:
    """The same for the text of a layer."""
    found = features(layer.file, text, made=_shaped)
    refuse(layer.file, [wrong for i, feature in enumerate(found, 1) for wrong in missing(i, feature["properties"], [layer.code])])
    shapes = [feature.get("geometry") for feature in found]
    refuse(layer.file, list(_problems(shapes)))
    return Areas(tuple(str(feature["properties"][layer.code]) for feature in found), np.array(shapes, dtype=object))


def _shaped(made: dict[str, Any]) -> Any:
    """A polygon as a shape, as soon as it is read; what is none, as it is."""
    if made.get("type") not in ("Polygon", "MultiPolygon") or "coordinates" not in made:
        return made
    try:
        return shapely.force_2d(shapely.geometry.shape(made))
    except (shapely.errors.ShapelyError, ValueError, TypeError, LookupError, OverflowError, AttributeError):
        return made  # found below, where its place in the layer is known


def _problems(shapes: Sequence[Any]) -> Iterator[Problem]:
    for i, shape in enumerate(shapes, 1):
        if not isinstance(shape, shapely.Geometry) or shape.is_empty:
            yield problem("no_area", "feature", i, " is no Polygon or MultiPolygon whose corners are numbers")
        elif not _on_earth(shape):
            yield problem("not_on_earth", "feature", i, " has corners that are no longitudes and latitudes in degrees (WGS 84)")
        elif not shape.is_valid:
            yield problem("invalid_area", "feature", i, " has borders that cross or overlap: what is inside is not defined")


def _on_earth(shape: shapely.Geometry) -> bool:
    west, south, east, north = shape.bounds
    return bool(LONGITUDES[0] <= west and east <= LONGITUDES[1] and LATITUDES[0] <= south and north <= LATITUDES[1])
