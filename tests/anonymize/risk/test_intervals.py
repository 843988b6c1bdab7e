"""Intervals say what they promise: how often they hold the truth, summed over every outcome and not simulated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from anonymize.risk.rates import beyond, wilson

SHARES = np.linspace(0.005, 0.995, 100)


def coverage(trials: int, share: float, interval=wilson) -> float:
    """Chance that the interval of a rate holds its true share."""
    outcomes = np.arange(trials + 1)
    rates = [interval(int(successes), trials) for successes in outcomes]
    holds = np.array([rate.lower <= share <= rate.upper for rate in rates])
    return float(binom.pmf(outcomes, trials, share) @ holds)


@pytest.mark.parametrize("trials", [50, 300])
def test_a_rates_interval_holds_the_truth_19_times_in_20(trials):
    found = [coverage(trials, share) for share in SHARES]
    assert min(found) > 0.83  # where fewer than one success is expected, the score interval is a little short: a known dip
    assert np.mean(found) == pytest.approx(0.95, abs=0.01)
    middle = [coverage(trials, share) for share in (0.2, 0.35, 0.5, 0.65)]
    assert min(middle) > 0.93


def test_a_share_of_0_and_of_1_are_always_held():
    assert coverage(30, 0.0) == coverage(30, 1.0) == pytest.approx(1)


def coverage_beyond(trials: int, attack: float, control: float) -> float:
    """Chance that the interval of a risk beyond the control group holds the true risk, over both outcomes."""
    outcomes = np.arange(trials + 1)
    rates = [wilson(int(successes), trials) for successes in outcomes]
    truth = min(max((attack - control) / (1 - control), 0.0), 1.0)
    by_attack, by_control = binom.pmf(outcomes, trials, attack), binom.pmf(outcomes, trials, control)
    found = 0.0
    for i in np.flatnonzero(by_attack > 1e-7):
        for j in np.flatnonzero(by_control > 1e-7):
            risk = beyond(rates[i], rates[j])
            found += by_attack[i] * by_control[j] * (risk["lower"] <= truth <= risk["upper"])
    return float(found)


@pytest.mark.parametrize(("attack", "control"), [(0.3, 0.1), (0.5, 0.5), (0.9, 0.2), (0.6, 0.55), (0.15, 0.1), (0.1, 0.15)])
def test_what_is_left_beyond_a_control_group_is_held_19_times_in_20(attack, control):
    assert coverage_beyond(60, attack, control) > 0.93


def test_an_interval_of_90_percent_would_be_noticed(monkeypatch):
    monkeypatch.setattr("anonymize.risk.rates.Z95", 1.6448536269514722)
    assert np.mean([coverage(300, share) for share in SHARES]) < 0.92
