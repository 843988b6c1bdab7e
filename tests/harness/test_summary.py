"""The end of a run says in a few lines what was not run and what it would take; in CI its absence is a failure."""

from __future__ import annotations

import pytest

from tests.needs import ALL, CHROMIUM, JAVA, PURCHASES, PYSPARK, REAL_DATA, ROOT_RIGHTS
from tests.summary import lines


def test_skips_are_counted_by_what_was_wanting():
    reasons = [CHROMIUM.reason] * 61 + [REAL_DATA.reason] * 40 + [PYSPARK.reason] * 7
    counted, closing = lines(reasons, whole=False, on_servers=False)
    assert counted == "108 skipped: 61 for want of Chromium, 40 for want of the real data in ../shared, 7 for want of pyspark."
    assert closing.startswith("Not run here, and what it takes: what needs Chromium (the system's package chromium); ")
    assert "what needs pyspark (pip install '.[spark]')" in closing


def test_a_reason_of_another_kind_is_told_as_it_is():
    assert lines(["only on Sundays"], whole=False, on_servers=True) == ["1 skipped: 1 because: only on Sundays."]


def test_a_whole_run_says_that_servers_were_not_tried():
    (closing,) = lines([], whole=True, on_servers=False)
    assert "PostgreSQL and Redis" in closing
    assert lines([], whole=True, on_servers=True) == lines([], whole=False, on_servers=False) == []


@pytest.mark.parametrize("need", ALL, ids=lambda need: need.what)
def test_what_ci_installs_must_be_there_and_elsewhere_its_tests_are_skipped(need, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception) as skipped:
        need.missing()
    assert str(skipped.value) == need.reason
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception if need.in_ci else pytest.skip.Exception):
        need.missing()


def test_only_the_purchases_and_the_rights_of_root_may_be_missing_in_ci():
    assert [need for need in ALL if not need.in_ci] == [ROOT_RIGHTS, PURCHASES]
    assert {CHROMIUM, REAL_DATA, PYSPARK, JAVA} <= {need for need in ALL if need.in_ci}
