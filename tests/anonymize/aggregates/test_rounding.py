"""Round numbers, and a mark where the interval is wide: by what is published, exactly."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymize.aggregates.rounding import is_unreliable, rounded
from anonymize.tables import DuckEngine
from tests.anonymize.aggregates.worlds import dp_stage, release, table_of

PEOPLE = {"name": "people", "kind": "persons"}
SPEND = {"name": "spend", "kind": "sum", "column": "amount", "lower": "0", "upper": "50", "unit": "0.01"}


@settings(max_examples=100, deadline=None)
@given(st.integers(-(10**12), 10**12), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(2, 1000))
def test_the_interval_of_a_round_number_holds_the_old_one_and_the_rounding(value, below, above, to):
    near, low, high = (int(a[0]) for a in rounded(*(np.array([n]) for n in (value, value - below, value + above)), to))
    assert near % to == low % to == high % to == 0
    assert abs(near - value) * 2 <= to
    assert low <= value - below <= value + above <= high
    assert near - low >= below + Fraction(to, 2)
    assert high - near >= above + Fraction(to, 2)
    assert high - low < below + above + 3 * to


def test_sums_of_many_round_numbers_are_covered_by_the_root_of_their_squared_widths():
    """Rounding errors are errors like the noise: without the half of a step they would be missed. Seeded, 4,000 sums."""
    rng = np.random.default_rng(20261122)
    truth = rng.integers(1000, 2000, (4000, 50))
    value = truth + np.rint(rng.normal(0, 5, truth.shape)).astype(np.int64)
    near, _, high = rounded(value.ravel(), value.ravel() - 10, value.ravel() + 10, 10)
    half = (high - near).max() * np.sqrt(50)
    assert np.mean(np.abs(near.reshape(truth.shape).sum(axis=1) - truth.sum(axis=1)) <= half) >= 0.95


NUMBERS = st.integers(-(10**20), 10**20)


@settings(max_examples=100, deadline=None)
@given(NUMBERS, st.integers(0, 10**20), st.integers(1, 10**9), st.integers(0, 16))
def test_a_value_is_unreliable_just_where_half_its_interval_exceeds_the_share(value, width, share, places):
    kind = pa.decimal128(38, places)
    value, low, high = (Fraction(n, 10**places) for n in (value, value, value + width))
    above = Decimal(share).scaleb(-6)
    arrays = [pa.array([Decimal(int(n * 10**places)).scaleb(-places)], kind) for n in (value, low, high)]
    expected = (high - low) / 2 > Fraction(above) * abs(value)
    assert is_unreliable(*arrays, above).to_pylist() == [expected]


def test_a_missing_value_is_unreliable_and_a_certain_zero_is_not():
    value, low, high = (pa.array(of, pa.int64()) for of in ([None, 0, 0], [None, 0, 0], [None, 0, 1]))
    assert is_unreliable(value, low, high, Decimal("0.5")).to_pylist() == [True, False, True]


@pytest.mark.parametrize("cells", ["public", "private"])
def test_a_release_has_round_counts_and_marks_what_is_wide(cells):
    rows = table_of([{"who": f"p{i}", "place": "a", "amount": Decimal("1.25")} for i in range(400)])
    measures = [PEOPLE | {"round_to": 10, "unreliable_above": "0.5"}, SPEND | {"unreliable_above": "0.05"}]
    group_by = [{"column": "place"} | ({"values": ["a", "b"]} if cells == "public" else {})]
    stage = dp_stage(measures=measures, epsilon="2", cells=cells, group_by=group_by)
    with DuckEngine(threads=1) as engine:
        released = release(engine, rows, stage)
    described = {column["name"]: column for column in released.columns}
    assert list(described) == list(released.table.columns)
    mark = described["people_unreliable"]
    assert [mark[field] for field in ("type", "role", "measure", "above")] == ["boolean", "unreliable", "people", "0.5"]
    assert mark["description"] == "Whether half the width of the 95 % interval is more than 0.5 of people."
    assert "half_width" not in described["people"]
    found = released.table.set_index("place").loc["a"]
    assert [found[f"people{end}"] % 10 for end in ("", "_lower", "_upper")] == [0, 0, 0]
    assert 0 <= found["people_lower"] < found["people"] < found["people_upper"]
    assert [found["people_unreliable"], found["spend_unreliable"]] == [False, True]
    if cells == "public":
        assert released.table.set_index("place").loc["b"]["people_unreliable"]
