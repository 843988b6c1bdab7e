"""The worked examples and two real sources, from upload to an approved release over the API with real processes; and the
living population beside the truth it was made from, as a table and as maps.

``CITY_PEOPLE`` (default 5000,60000): sizes of the simulated city; ``CITY_MAPS``: a folder for the maps.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from anonymize import recipe as recipes
from anonymize.rows import prepare
from anonymize.tables.base import distinct
from anonymize.tables.duck import DuckEngine
from opendata.demo import compare, places, totals, truth, week, worked
from opendata.demo.sources import TIME_ZONE
from opendata.demo.totals import Totals
from opendata.demo.truth import Truth
from opendata.embedded import Embedded
from tests.anonymize.pipeline.test_real_data import RETAIL
from tests.bench.measure import clock, say
from tests.bench.story import release, set_roles, upload
from tests.conftest import SHARED
from tests.live.platform import Client, platform

SEED = 7
LIVING_WEEK = SHARED / "data" / "seoul_living_population"
POPULATIONS = """
import sys, django
django.setup()
from decimal import Decimal
from catalog.ledger.services import create_population
from catalog.people.models import Organisation
home = Organisation.objects.get(slug="mobility")
for slug in sys.stdin.read().split():
    create_population(by=None, slug=slug, name=slug, owner=home, epsilon_cap=Decimal(20), delta_cap=Decimal("1e-4"), unit="person_day", time_zone="%s")
"""  # fmt: skip
CALLS: dict[str, Any] = {
    "recipe": 1, "title": "Calls by hour of the day", "person_key": "from",
    "columns": {"from": {"role": "person_key"}, "called_at": {"role": "event_time"}},
    "stages": [
        {
            "stage": "dp_table", "group_by": [{"column": "called_at", "bucket": "hour_of_day"}],
            "measures": [{"name": "callers", "kind": "persons"}, {"name": "calls", "kind": "rows"}],
            "epsilon": "1", "max_cells_per_person": 6, "max_rows_per_cell": 3, "cells": "public",
        }
    ],
}  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as name, platform(Path(name) / "platform") as made:
        folder = Path(name)
        made.python("-c", POPULATIONS % worked.NOON_ZONE, stdin=" ".join(f"city-{people}" for people in _sizes()))
        made.start()
        steward = Client(made.url, "stella")
        _real(made, steward, folder)
        for i, people in enumerate(_sizes()):
            _city(made, steward, folder / f"city-{people}", people, others=i == len(_sizes()) - 1)


def _sizes() -> list[int]:
    return [int(people) for people in os.environ.get("CITY_PEOPLE", "5000,60000").split(",")]


# --- real sources ------------------------------------------------------------------------------------------------


def _real(made: Embedded, steward: Client, folder: Path) -> None:
    retail, calls = (SHARED / "data" / name for name in ("online_retail/online_retail.parquet", "copenhagen_networks/calls.csv"))
    if not (retail.is_file() and calls.is_file()):
        return say("online_retail, copenhagen_networks", "skipped: ../shared is not here")
    with clock() as took:
        seen = release(made, steward, "online-retail", upload(steward, "online-retail", retail), RETAIL)
    _told("online_retail: country × month", seen, took)
    with clock() as took:
        seen = release(made, steward, "calls", upload(steward, "calls", _timed(calls, folder)), CALLS)
    _told("copenhagen_networks: calls per hour", seen, took)


def _timed(calls: Path, folder: Path) -> Path:
    """The calls with a time stamp in place of seconds; the study does not tell its first day, so one is made up."""
    frame = pd.read_csv(calls)
    frame.insert(0, "called_at", pd.Timestamp("2026-01-05") + pd.to_timedelta(frame.pop("timestamp"), unit="s"))
    path = folder / "calls.parquet"
    frame.to_parquet(path, index=False)
    return path


def _told(name: str, seen: dict[str, Any], took: list[float]) -> None:
    say(name, f"released: {seen['latest_release']['rows']:,} rows; upload to publication {took[0]:.1f} s")


# --- the simulated city ------------------------------------------------------------------------------------------


def _city(made: Embedded, steward: Client, folder: Path, people: int, *, others: bool) -> None:
    table, layer = _week()
    with clock() as took:
        lived = truth.follow(table, people, SEED)
        rows = week.write(folder, lived, SEED)
    off = truth.error(lived)
    say(f"city of {people:,}", f"{sum(rows.values()):,} rows in {took[0]:.1f} s; totals: r = {off.correlation:.6f}, median error {off.median:.2f} %")
    at = {"population": f"city-{people}"}
    with clock() as took:
        slug = f"living-{people}"
        version = upload(steward, slug, folder / week.SIGNALLING, layers={worked.LAYER: layer}, **at)
        seen = release(made, steward, slug, version, worked.living_population(table, layer=True))
    _told("living population: place × hour", seen, took)
    _beside_truth(made, slug, lived, folder)
    if not others:
        return
    with clock() as took:
        cards = release(made, steward, "cards", upload(steward, "cards", folder / week.CARDS, **at), worked.card_spending(table))
    _told("card spending: district × kind × hour", cards, took)
    with clock() as took:
        trips = upload(steward, worked.TAXIS, folder / week.TAXIS, **at)
        named = {"caller": "person_key", "pickup_at": "event_time", "dropoff_at": "event_time", "pickup_dong": "place", "dropoff_dong": "place", "fare": "plain"}
        set_roles(steward, worked.TAXIS, trips, named)
        bus = release(made, steward, slug, version, worked.night_bus(table))
    _told("night bus: district × district × hour", bus, took)


def _week() -> tuple[Totals, bytes]:
    """The real week and its districts, or the made-up ones; districts as a layer of ``code``, ``name`` and ``gu``."""
    if not LIVING_WEEK.is_dir():
        return totals.made_up(), json.dumps(places.layer()).encode()
    table = totals.published(LIVING_WEEK / "living_population_20190304.parquet")
    geo = json.loads((SHARED / "data" / "seoul_geo" / "dong_2021.geojson").read_text(encoding="utf-8"))
    areas = {feature["properties"]["adm_cd2"][:8]: feature["geometry"] for feature in geo["features"]}
    walk = csv.DictReader(io.StringIO((LIVING_WEEK / "dong_code_crosswalk.csv").read_text(encoding="utf-8-sig")))
    features = [
        {"type": "Feature", "properties": {"code": line["living_code8"], "name": line["living_name"], "gu": line["gu"]}, "geometry": areas[line["geo2021_code8"]]}
        for line in walk
        if line["geo2021_code8"] in areas
    ]
    return table, json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


def _beside_truth(made: Embedded, slug: str, lived: Truth, folder: Path) -> None:
    path = Path(made.folder) / f"{slug}.parquet"
    visitor = Client(made.url, "dora")
    path.write_bytes(visitor.call("GET", f"/datasets/{slug}/exports/parquet", follow_redirects=True).content)
    released, known = pd.read_parquet(path), week.present(lived).to_pandas()
    print("beside what signalling saw, so that the noise is all of the error:", flush=True)
    print(compare.table(compare.compared(released, seen(folder / week.SIGNALLING, worked.living_population(lived.totals)))), flush=True)
    print("beside the truth, with what signalling missed:", flush=True)
    print(compare.table(compare.compared(released, known)), flush=True)
    kept = os.environ.get("CITY_MAPS")
    if kept:
        _maps(Path(kept), slug, compare.joined(released, known))
    with clock() as first:
        page = visitor.http.get(f"/datasets/{slug}")
    again = []
    for _ in range(5):
        with clock() as took:
            visitor.http.get(f"/datasets/{slug}")
        again.append(took[0])
    has = 'class="chart map"' in page.text
    say("its page with the map", f"{'drawn' if has else 'NO MAP'}; first {first[0]:.2f} s, then {np.median(again):.3f} s, {len(page.content) / 1e3:.0f} kB")


def seen(path: Path, document: dict[str, Any]) -> pd.DataFrame:
    """What the release would be without noise and limits: distinct persons by place and hour, as ``truth.parquet`` has them."""
    with DuckEngine(temp_directory=path.parent) as engine:
        prepared = prepare(engine, engine.scan_parquet(path), recipes.parse(document))
        hourly = engine.with_time_bucket(prepared.frame, "event_at", "hour", bucket="hour", time_zone=TIME_ZONE)
        persons = distinct(hourly.select("subscriber", "dong_code", "hour")).group_by("dong_code", "hour").agg(nw.len().alias("persons"))
        found: pd.DataFrame = engine.collect(persons)
    return found.assign(hour=pd.to_datetime(found["hour"]).astype("datetime64[s]"))


def _maps(folder: Path, slug: str, both: pd.DataFrame) -> None:
    """Release, truth and error side by side: means over the hours, classes of the truth for both, error in per cent."""
    from catalog.display.maps import Place, choropleth, places_of
    from catalog.publishing.mapped import classed
    from catalog.publishing.outlines import outline

    means = both.groupby("dong_code")[["people", "persons"]].mean()
    means["off"] = (means["people"] - means["persons"]).abs() / means["persons"] * 100
    edges = np.quantile(means["persons"], [0.2, 0.4, 0.6, 0.8])
    shade = {"people": np.searchsorted(edges, means["people"]), "persons": np.searchsorted(edges, means["persons"]), "off": np.array(classed(means["off"].tolist())[0])}
    shapes = places_of(json.loads(outline(_week()[1].decode(), "code") or b"{}"))
    parts = ["<!doctype html><meta charset=utf-8><title>Living population beside the truth</title>"]
    for name, title in (("people", "Released, mean over the hours"), ("persons", "Truth, mean over the hours"), ("off", "Error in per cent of the truth")):
        known = dict(zip(means.index, zip(means[name], shade[name], strict=True), strict=True))
        drawn = [
            Place(rings, f"{called}: {known[code][0]:.1f}" if code in known else called, int(known[code][1]) if code in known else None)
            for code, (called, rings) in shapes.items()
        ]
        parts.append(f"<h2>{title}</h2>" + choropleth(drawn, name=name, label=title, classes=5, width=760, north="N"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{slug}.html").write_text("\n".join(parts), encoding="utf-8")
