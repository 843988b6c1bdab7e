"""The contract that every table engine keeps, asked of Spark: the tests of DuckDB and pandas, with this folder's engine."""

from __future__ import annotations

import inspect

from tests.anonymize.tables import test_engines, test_times_and_units

# A query is slow to start in Spark: these ask the same of one query in test_spark_engine.py.
DEAR = {
    "test_every_order_of_three_values_is_equally_likely",
    "test_whole_units_are_those_of_exact_decimals",
    "test_amounts_near_and_far_are_counted_exactly_in_every_type",
}

globals().update(
    (name, each)
    for room in (test_engines, test_times_and_units)
    for name, each in inspect.getmembers(room, inspect.isfunction)
    if name.startswith("test_") and "engine" in inspect.signature(each).parameters and name not in DEAR
)
