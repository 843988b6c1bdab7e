"""Risk and usefulness by class sizes, against sums done by hand and record by record."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymize import utility
from anonymize.risk.classes import class_risk

QUICK = settings(max_examples=100, deadline=None, derandomize=True)
class_sizes = st.lists(st.tuples(st.integers(1, 1500), st.integers(0, 9)), min_size=1, max_size=30)


def test_two_classes_by_hand() -> None:
    risk = class_risk(np.array([1, 4]), k=2)
    assert (risk["classes"], risk["records"], risk["smallest"], risk["average"]) == (2, 5, 1, 2.5)
    assert (risk["prosecutor_max"], risk["prosecutor_average"]) == (1.0, 0.4)
    assert (risk["uniques"], risk["records_unique"], risk["records_below_k"]) == (1, 0.2, 0.2)


def test_five_rows_of_one_person_are_at_the_risk_of_one_person() -> None:
    risk = class_risk(np.array([1, 5]), rows=np.array([5, 5]), k=5)
    assert (risk["prosecutor_max"], risk["records_unique"], risk["records_below_k"]) == (1.0, 0.5, 0.5)
    assert risk["prosecutor_average"] == 0.6


@QUICK
@given(sizes=class_sizes, k=st.integers(2, 20))
def test_the_shares_are_those_of_going_through_every_record(sizes: list[tuple[int, int]], k: int) -> None:
    persons = np.array([size for size, _ in sizes])
    rows = np.array([size + more for size, more in sizes])
    records = [size for size, more in sizes for _ in range(size + more)]
    risk = class_risk(persons, rows=rows, k=k)
    assert risk["prosecutor_average"] == pytest.approx(float(sum(Fraction(1, s) for s in records) / len(records)), abs=1e-8)
    assert risk["records_below_k"] == pytest.approx(sum(s < k for s in records) / len(records), abs=1e-8)
    assert risk["records_unique"] == pytest.approx(sum(s == 1 for s in records) / len(records), abs=1e-8)
    assert 0 < risk["prosecutor_average"] <= risk["prosecutor_max"] <= 1
    for bar in risk["histogram"]:
        inside = [s for s in records if s >= bar["from"] and (bar["to"] is None or s <= bar["to"])]
        assert bar["records"] == len(inside)
    assert sum(bar["classes"] for bar in risk["histogram"]) == len(sizes)


def test_a_table_without_classes_has_no_risk_and_no_division_by_zero() -> None:
    risk = class_risk(np.array([], dtype=np.int64), k=3)
    assert (risk["records"], risk["prosecutor_max"], risk["prosecutor_average"], risk["records_below_k"]) == (0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(("persons", "rows"), [([0, 2], [1, 2]), ([-1], [1]), ([1, 2], [1])])
def test_sizes_that_cannot_be_are_refused(persons: list[int], rows: list[int]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        class_risk(np.array(persons), rows=np.array(rows))


def test_usefulness_by_hand() -> None:
    rows = np.array([2, 4])
    assert utility.average_class_size(rows) == 3
    assert utility.normalised_class_size(rows, 2) == 1.5
    assert utility.discernibility(rows, suppressed=3, total=9) == 4 + 16 + 27
    assert utility.discernibility(np.array([3_000_000_000]), 0, 3_000_000_000) == 9 * 10**18
    assert utility.granularity(0.25) == 0.75
    assert utility.average_class_size(np.array([], dtype=np.int64)) == 0


@pytest.mark.parametrize("loss", [-0.1, 1.1, float("nan")])
def test_a_loss_outside_its_range_is_refused(loss: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        utility.granularity(loss)
