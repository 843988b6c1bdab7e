"""Haneul (하늘시): an invented city of 12 districts (gu) and 60 neighbourhoods (dong), on open water in the Yellow Sea.

Its codes start with 99, which no Korean province uses, so that no figure can be mistaken for one of a real place.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from math import cos, pi, sin
from typing import Any

import h3
import numpy as np
import shapely

from opendata.demo.chance import Floats, Ints

CITY = "하늘시"
LAYER = "dong.geojson"
PROVINCE = "99"
LATITUDE, LONGITUDE = 36.0, 124.6  # about 150 km from the nearest coast
DONGS_PER_GU = 5
MASTS_PER_DONG = 4
H3_RESOLUTION = 8

# name, in Latin letters, homes, jobs, pull on an evening out (relative weights)
_GU: tuple[tuple[str, str, float, float, float], ...] = (
    ("가람구", "Garam", 8, 20, 18),
    ("나래구", "Narae", 9, 16, 12),
    ("다온구", "Daon", 10, 12, 14),
    ("라온구", "Raon", 9, 7, 9),
    ("마루구", "Maru", 10, 6, 6),
    ("바람구", "Baram", 8, 8, 10),
    ("새론구", "Saeron", 9, 5, 5),
    ("아라구", "Ara", 7, 9, 11),
    ("윤슬구", "Yunseul", 8, 4, 5),
    ("초롱구", "Chorong", 8, 4, 4),
    ("파란구", "Paran", 7, 5, 3),
    ("해솔구", "Haesol", 7, 4, 3),
)
_AREAS = ("남부권", "중부권", "북부권")
_DONG_SHARE = (30, 24, 20, 15, 11)  # the first neighbourhood of a district is its centre


@dataclass(frozen=True)
class Dong:
    """A neighbourhood: 8-digit code (province 2, gu 3, dong 3), centre in degrees (WGS 84), relative weights."""

    code: str
    name: str
    gu: int
    gu_name: str
    latitude: float
    longitude: float
    homes: float
    jobs: float
    pull: float


@cache
def dongs() -> tuple[Dong, ...]:
    """The 60 neighbourhoods, by code."""
    return tuple(_dong(gu, number) for gu in range(len(_GU)) for number in range(DONGS_PER_GU))


def _dong(gu: int, number: int) -> Dong:
    name, _, homes, jobs, pull = _GU[gu]
    angle = 2 * pi * number / DONGS_PER_GU
    share = _DONG_SHARE[number] / 100
    return Dong(
        code=f"{PROVINCE}{(gu + 1) * 10:03d}{510 + 10 * number}",
        name=f"{name.removesuffix('구')}{number + 1}동",
        gu=gu,
        gu_name=name,
        latitude=round(LATITUDE + 0.045 * (gu // 4 - 1) + 0.013 * sin(angle), 6),
        longitude=round(LONGITUDE + 0.055 * (gu % 4 - 1.5) + 0.016 * cos(angle), 6),
        homes=homes / DONGS_PER_GU,  # people live everywhere in a district, jobs and bars gather in its centre
        jobs=jobs * share,
        pull=pull * share,
    )


def codes() -> list[str]:
    """The 60 codes; their first five digits are the district's."""
    return [dong.code for dong in dongs()]


def gu_names() -> list[str]:
    return [gu[0] for gu in _GU]


def gu_of() -> Ints:
    """Index of the district of each neighbourhood."""
    return np.array([dong.gu for dong in dongs()], dtype=np.int64)


def weights(kind: str) -> Floats:
    """Relative weight of each neighbourhood: ``homes``, ``jobs`` or ``pull``."""
    return np.array([getattr(dong, kind) for dong in dongs()], dtype=np.float64)


@cache
def mast_cells() -> tuple[str, ...]:
    """H3 cell of each mast; mast ``m`` stands in neighbourhood ``m // MASTS_PER_DONG``."""
    return tuple(_mast_cell(dong, mast) for dong in dongs() for mast in range(MASTS_PER_DONG))


def _mast_cell(dong: Dong, mast: int) -> str:
    angle = 2 * pi * mast / MASTS_PER_DONG
    latitude, longitude = dong.latitude + 0.004 * sin(angle), dong.longitude + 0.005 * cos(angle)
    return str(h3.latlng_to_cell(latitude, longitude, H3_RESOLUTION))


def hierarchy() -> list[tuple[str, ...]]:
    """The ladder of places, leaf first: dong code; gu; area of four gu; city; ``*``."""
    return [(dong.code, dong.gu_name, _AREAS[dong.gu // 4], CITY, "*") for dong in dongs()]


def layer() -> dict[str, Any]:
    """The neighbourhoods as a GeoJSON layer (RFC 7946): each the part of its islands that lies nearest to its centre."""
    centres = shapely.points([(dong.longitude, dong.latitude) for dong in dongs()])
    islands = shapely.union_all(shapely.buffer(centres, 0.015, quad_segs=6))
    nearest = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(centres), extend_to=islands))
    tree = shapely.STRtree(nearest)
    found = tree.query(centres, predicate="within")  # (centre, cell), one of each
    features = []
    for dong, cell in zip(dongs(), found[1][np.argsort(found[0])], strict=True):
        border = shapely.set_precision(shapely.intersection(nearest[cell], islands), 1e-5)
        properties = {"code": dong.code, "name": dong.name, "gu": dong.gu_name, "area": _AREAS[dong.gu // 4]}
        geometry = json.loads(shapely.to_geojson(border))
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    return {"type": "FeatureCollection", "features": features}
