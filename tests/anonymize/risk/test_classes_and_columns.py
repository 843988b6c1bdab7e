"""Homogeneity, columns that make people stand out, rates: each against a slow count in plain Python."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymize.risk.columns import standing_out
from anonymize.risk.homogeneity import homogeneity
from anonymize.risk.rates import beyond, wilson

QUICK = settings(max_examples=60, deadline=None, derandomize=True)
rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=25)


@QUICK
@given(rows=rows)
def test_homogeneity_is_that_of_going_through_every_class(rows):
    found = homogeneity(*(np.array(column) for column in zip(*rows, strict=True)))
    persons = set(rows)  # a person counts once for a value in a class
    whole = Counter(value for _, value, _ in persons)
    everyone = sum(whole.values())
    skews, gains, distinct, guessed, alike = [], [], [], 0, 0
    for class_ in {c for c, *_ in rows}:
        inside = Counter(value for c, value, _ in persons if c == class_)
        size = sum(inside.values())
        skews.append(sum(abs(inside[v] / size - whole[v] / everyone) for v in whole) / 2)
        gains.append(max(inside[v] / size / (whole[v] / everyone) - 1 for v in inside))
        distinct.append(len(inside))
        guessed += max(inside.values())
        alike += size if len(inside) == 1 else 0
    assert found["least_distinct"] == min(distinct)
    assert found["likeliest"] == pytest.approx(guessed / everyone, abs=1e-8)
    assert found["records_homogeneous"] == pytest.approx(alike / everyone, abs=1e-8)
    assert found["skew_max"] == pytest.approx(max(skews), abs=1e-8)
    assert found["gain_max"] == pytest.approx(max(gains), abs=1e-8)
    assert 1 <= found["least_entropy"] <= found["least_distinct"] + 1e-8


def test_five_rows_of_one_person_do_not_make_a_value_common():
    classes, sensitive = np.zeros(7, dtype=int), np.array([1, 1, 1, 1, 1, 2, 3])
    assert homogeneity(classes, sensitive, np.array([0, 0, 0, 0, 0, 1, 2]))["likeliest"] == pytest.approx(1 / 3)
    assert homogeneity(classes, sensitive)["likeliest"] == pytest.approx(5 / 7)


@QUICK
@given(rows=rows)
def test_shares_of_unique_rows_are_those_of_counting_rows(rows):
    found = standing_out(np.array(rows), ["a", "b", "c"])

    def unique(columns):
        counted = Counter(tuple(row[i] for i in columns) for row in rows)
        return pytest.approx(sum(n == 1 for n in counted.values()) / len(rows), abs=1e-8)

    assert found["unique"] == unique([0, 1, 2])
    for i, column in enumerate(found["columns"]):
        assert column["unique_alone"] == unique([i])
        assert column["unique_without"] == unique([j for j in range(3) if j != i])
        assert column["distinct"] == len({row[i] for row in rows})
    pairs = {tuple(pair["columns"]): pair["unique_alone"] for pair in found["pairs"]}
    for i, j in combinations(range(3), 2):
        assert pairs[("abc"[i], "abc"[j])] == unique([i, j])
    shares = [pair["unique_alone"] for pair in found["pairs"]]
    assert shares == sorted(shares, reverse=True)


@QUICK
@given(rows=rows)
def test_a_row_that_occurs_several_times_is_that_row_so_often(rows):
    distinct, times = np.unique(np.array(rows), axis=0, return_counts=True)
    assert standing_out(distinct, ["a", "b", "c"], times=times) == standing_out(np.array(rows), ["a", "b", "c"])


def test_wilson_covers_by_the_book():
    rate = wilson(10, 100)
    assert (round(rate.lower, 4), round(rate.upper, 4)) == (0.0552, 0.1744)
    assert wilson(0, 0).as_dict() == {"successes": 0.0, "trials": 0, "value": 0.0, "lower": 0.0, "upper": 1.0}
    assert (wilson(0, 50).lower, wilson(50, 50).upper) == pytest.approx((0.0, 1.0))
    with pytest.raises(ValueError, match="between 0"):
        wilson(3, 2)


def test_what_control_people_suffer_too_is_not_the_releases_doing():
    assert beyond(wilson(50, 100), wilson(50, 100))["value"] == 0
    assert beyond(wilson(75, 100), wilson(50, 100))["value"] == 0.5
    assert beyond(wilson(10, 100), wilson(50, 100))["value"] == 0
    assert beyond(wilson(100, 100), wilson(100, 100)) == {"value": 0.0, "lower": 0.0, "upper": 1.0}
