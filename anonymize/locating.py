"""From coordinates to the place that they lie in: an area of a layer, or an H3 cell. Row by row.

Each distinct point is looked up once, a part of the points at a time, and its label joined back.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import h3  # type: ignore[import-untyped, unused-ignore]
import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from anonymize.recipe import Layer, Locate
from anonymize.tables.base import Frame, TableEngine, distinct

ROWS_A_PART = 2_000_000
POINTS_AT_ONCE = 100_000  # that are held as shapes
NANO = Decimal("1e-9")  # of a degree, a tenth of a millimetre: finer than any map
_LATITUDE, _LONGITUDE = "__latitude", "__longitude"

Degrees: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = Callable[[Degrees, Degrees], pa.Array]
"""Latitudes and longitudes of points on Earth → their places, text or null."""


def locate(engine: TableEngine, frame: Frame, stage: Locate, folder: Path | None) -> Frame:
    """``frame`` with the column ``stage.name``: text, null where there is no place.

    ``folder``: where the layer is. Coordinates are numbers, taken at nine decimals. Raises
    :class:`anonymize.errors.RecipeError` for a layer that cannot be used.
    """
    places = _areas(stage.layer, folder) if stage.layer is not None else _cells(stage.h3 or 0)
    order = frame.collect_schema().names()
    # as whole numbers, which are equal exactly when they are; one step beyond the ends stands for what lies beyond
    frame = engine.with_whole_units(frame, stage.latitude, _LATITUDE, lower=-_reach(90), upper=_reach(90), unit=NANO)
    frame = engine.with_whole_units(frame, stage.longitude, _LONGITUDE, lower=-_reach(180), upper=_reach(180), unit=NANO)
    parts = max(1, -(-engine.rows(frame) // ROWS_A_PART))
    if parts == 1:
        return _labelled(engine, frame, places, stage.name).select(*order, stage.name)
    some = engine.in_parts(frame, _LATITUDE, parts)
    return nw.concat([engine.persist(_labelled(engine, part, places, stage.name).select(*order, stage.name)) for part in some])


def _reach(degrees: int) -> int:
    return degrees * 10**9 + 1


def _labelled(engine: TableEngine, frame: Frame, places: Places, name: str) -> Frame:
    on_earth = (nw.col(_LATITUDE).is_between(1 - _reach(90), _reach(90) - 1)) & (nw.col(_LONGITUDE).is_between(1 - _reach(180), _reach(180) - 1))
    points = engine.collect(distinct(frame.select(_LATITUDE, _LONGITUDE).filter(on_earth)))
    latitudes, longitudes = (points[column].to_numpy(dtype=np.int64) / 1e9 for column in (_LATITUDE, _LONGITUDE))
    some = [slice(start, start + POINTS_AT_ONCE) for start in range(0, len(points), POINTS_AT_ONCE)]
    found = pa.chunked_array([places(latitudes[these], longitudes[these]) for these in some], pa.string())
    labels: pd.Series[str] = found.to_pandas(types_mapper=pd.ArrowDtype)
    return frame.join(engine.from_pandas(points.assign(**{name: labels})), on=[_LATITUDE, _LONGITUDE], how="left")


def _areas(layer: Layer, folder: Path | None) -> Places:
    from anonymize.columns import areas  # a tenth of a second that most runs need not wait

    found = areas.read(layer, folder)
    codes = pa.array(found.codes, pa.string())

    def places(latitudes: Degrees, longitudes: Degrees) -> pa.Array:
        which = found.of(longitudes, latitudes)
        return codes.take(pa.array(which, mask=which == areas.NOWHERE))

    return places


def _cells(resolution: int) -> Places:
    def places(latitudes: Degrees, longitudes: Degrees) -> pa.Array:
        points = zip(latitudes.tolist(), longitudes.tolist(), strict=True)
        return pa.array([h3.latlng_to_cell(latitude, longitude, resolution) for latitude, longitude in points], pa.string())

    return places
