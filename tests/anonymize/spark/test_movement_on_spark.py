"""Places, flows and stays in Spark: the same as on the other engines."""

from __future__ import annotations

import datetime as dt

from tests.anonymize.oracles import movement as oracle
from tests.anonymize.test_locating import EAST, WEST, located
from tests.anonymize.test_movement import UNIT, a_crowd, counted, flows, listed, presence, row

ROWS = [*a_crowd(), *[row("p1", minutes, place, note=None) for minutes, place in ((None, "a"), (3, None), (3, " "), (4, "a"), (4, "a"), (99, "a"))]]


def test_flows_and_stays_are_the_oracles(engine):
    gap, step = dt.timedelta(minutes=90), dt.timedelta(minutes=20)
    assert listed(engine, flows(engine, ROWS, max_gap_minutes=90)) == counted(oracle.flows(ROWS, UNIT, "at", "place", gap, False))
    made = listed(engine, presence(engine, ROWS, max_gap_minutes=90, step_minutes=20))
    assert made == counted(oracle.presence(ROWS, UNIT, "at", "place", gap, step))


def test_points_lie_in_the_same_areas(engine, tmp_path):
    latitudes, longitudes = [37.5, 37.0, None, float("nan"), 38.5, 99.0], [126.5, 127.0, 127.0, 127.0, 126.5, 127.0]
    assert located(engine, tmp_path, [WEST, EAST], latitudes, longitudes) == ["west", "west", None, None, None, None]
