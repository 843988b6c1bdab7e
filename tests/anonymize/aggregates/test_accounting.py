"""What many releases add up to: never less than it is, and far less than the plain sum."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal

import numpy as np
import pytest

from anonymize.aggregates import accounting
from anonymize.aggregates.accounting import Loss, Part, compose, epsilon_of_rho, rho_of_epsilon
from anonymize.aggregates.plan import plan
from anonymize.errors import PrivacyNotMet
from tests.anonymize.aggregates.worlds import dp_stage

WEEKLY = Loss(Decimal("0.1"), Decimal("1e-6"))
DAILY = Loss(Decimal(5), Decimal("1e-6"), (Part("discrete_gaussian", noise=Decimal(50), shift=1, count=1),))


def laplace(scale: str, shift: int = 1, count: int = 1, delta: str = "0") -> Loss:
    part = Part("discrete_laplace", noise=Decimal(scale), shift=shift, count=count, delta=Decimal(delta))
    return Loss(part.pure or Decimal(1), part.delta, (part,))


def test_a_year_of_weekly_releases_costs_far_less_than_their_sum():
    total = compose([WEEKLY] * 52, Decimal("6e-5"))
    assert total.rule == "pld"
    assert total.epsilon <= Decimal("3.2")  # the plain sum is 5.2
    assert dict(total.by_rule)["sum"] == Decimal("5.2")


def test_a_year_of_daily_gaussian_releases():
    total = compose([DAILY] * 365, Decimal("1e-6"))
    assert total.epsilon <= Decimal("1.7")
    assert dict(total.by_rule)["zcdp"] <= Decimal("1.81")  # the independent rule is close, and above
    assert total.epsilon < dict(total.by_rule)["zcdp"]


def test_up_to_three_releases_simply_add_up():
    assert compose([WEEKLY] * 3, Decimal("1e-4")).rule == "sum"
    assert compose([WEEKLY] * 3, Decimal("1e-4")).epsilon == Decimal("0.3")
    assert compose([], Decimal(0)).epsilon == 0


def test_deltas_add_up_and_may_not_exceed_what_is_allowed():
    assert compose([WEEKLY] * 3, Decimal("2.9e-6")) is None
    assert compose([WEEKLY] * 3, Decimal("3e-6")).delta == Decimal("3e-6")


def test_without_any_delta_only_the_sum_is_left():
    assert compose([Loss(Decimal("0.1"))] * 20, Decimal(0)).rule == "sum"
    assert compose([DAILY] * 20, Decimal(0)) is None


def test_a_saving_below_a_hundredth_leaves_the_sum_that_can_be_checked_by_hand():
    total = compose([Loss(Decimal("0.5"))] * 4, Decimal("1e-9"))
    assert (total.rule, total.epsilon) == ("sum", Decimal(2))
    assert dict(total.by_rule)["pld"] < Decimal("2.00001")  # it was looked at


def exact_delta(losses: list[tuple[float, float]], epsilon: float) -> float:
    """Σ max(P - e^ε·Q, 0) over all outcomes, by going through every one of them. ``losses``: (P, Q) an outcome."""
    return sum(max(p - math.exp(epsilon) * q, 0) for p, q in losses)


def outcomes(scale: float, shift: int, times: int, reach: int = 25) -> list[tuple[float, float]]:
    a = math.exp(-1 / scale)

    def mass(n: int) -> float:
        return (1 - a) / (1 + a) * a ** abs(n)

    one = [(mass(n), mass(n - shift)) for n in range(-reach, reach + 1)]
    return [(math.prod(p for p, _ in many), math.prod(q for _, q in many)) for many in itertools.product(one, repeat=times)]


@pytest.mark.parametrize(("scale", "shift", "times"), [("2", 1, 2), ("1.5", 2, 2), ("3", 1, 3)])
def test_what_is_booked_covers_every_outcome_of_several_draws(scale, shift, times, monkeypatch):
    monkeypatch.setattr(accounting, "FEW", 0)
    allowed = Decimal("0.01")
    total = compose([laplace(scale, shift)] * times, allowed)
    truth = exact_delta(outcomes(float(scale), shift, times), float(total.epsilon))
    assert truth <= 0.01
    if total.rule == "pld":  # and hardly more than that: a thousandth less ε would not do
        assert exact_delta(outcomes(float(scale), shift, times), float(total.epsilon) - 0.02) > 0.01 - 1e-3


def test_many_numbers_of_one_release_are_composed_like_many_releases():
    wide = compose([laplace("40", count=10)] * 8, Decimal("1e-6"))
    narrow = compose([laplace("40")] * 80, Decimal("1e-6"))
    assert abs(wide.epsilon - narrow.epsilon) < Decimal("0.001")


def test_a_delta_beside_is_never_forgotten():
    with_delta = compose([laplace("10", delta="1e-6")] * 10, Decimal("1e-4"))
    without = compose([laplace("10")] * 10, Decimal("1e-4"))
    assert with_delta.epsilon > without.epsilon
    assert compose([laplace("10", delta="2e-5")] * 10, Decimal("1e-4")) is None


@pytest.mark.parametrize(("rho", "delta"), [("0.01", "1e-6"), ("0.5", "1e-9"), ("3", "1e-5")])
def test_concentrated_privacy_is_read_as_the_best_of_a_fine_grid_of_orders(rho, delta):
    r, d = float(rho), float(delta)
    alphas = 1 + np.exp(np.linspace(-8, 8, 20_001))
    grid = alphas * r + np.log(1 / (alphas * d)) / (alphas - 1) + np.log(1 - 1 / alphas)
    found = float(epsilon_of_rho(Decimal(rho), Decimal(delta)))
    assert grid.min() * (1 - 1e-6) <= found <= grid.min() * (1 + 1e-6)
    assert found < r + 2 * math.sqrt(r * math.log(1 / d))  # Bun & Steinke's simpler bound


def test_rho_for_an_epsilon_and_back():
    rho = rho_of_epsilon(Decimal(1), Decimal("1e-6"))
    assert epsilon_of_rho(rho, Decimal("1e-6")) <= 1
    assert epsilon_of_rho(rho * Decimal("1.0001"), Decimal("1e-6")) > 1


@pytest.mark.parametrize("kept", [{"kind": "discrete_laplace"}, {"kind": "spell"}, {"kind": "zcdp", "rho": "NaN"}, {}, {"kind": "approximate", "epsilon": "x"}])
def test_a_loss_that_cannot_be_read_stops_everything(kept):
    with pytest.raises(PrivacyNotMet):
        Part.from_dict(kept)


@pytest.mark.parametrize(("epsilon", "delta"), [("0", "0"), ("NaN", "0"), ("Infinity", "0"), ("-1", "0"), ("1", "1"), ("1", "NaN"), ("1", "-1e-9")])
def test_a_loss_that_is_none_is_refused(epsilon, delta):
    with pytest.raises((PrivacyNotMet, ArithmeticError)):
        Loss(Decimal(epsilon), Decimal(delta))


def test_parts_are_kept_and_read_again():
    for part in (*laplace("4.5", 3, 7, "1e-9").parts, *DAILY.parts, Part("zcdp", rho=Decimal("0.1"))):
        assert Part.from_dict(part.as_dict()) == part


@pytest.mark.parametrize("cells", ["public", "private"])
def test_the_parts_of_a_table_keep_what_its_recipe_promises(cells):
    stage = dp_stage(cells=cells)
    loss = plan(stage).loss()
    assert (loss.epsilon, loss.delta) == (stage.epsilon, stage.delta)
    whole = sum(part.pure for part in loss.parts)
    assert stage.epsilon * Decimal("0.99") < whole <= stage.epsilon * Decimal("1.000001")
    assert sum(part.delta for part in loss.parts) <= stage.delta
    if cells == "private":
        assert sum(part.delta for part in loss.parts) == stage.delta  # what choosing the cells may cost is among them


FAULTS = {
    "each release counted once": lambda parts: dict.fromkeys(parts, 1),
    "a tenth of the noise's loss": lambda parts: {Part("zcdp", rho=part.concentrated / 100): n for part, n in parts.items()},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_below_what_every_outcome_shows(fault, monkeypatch):
    monkeypatch.setattr(accounting, "FEW", 0)
    true = accounting._zcdp
    monkeypatch.setattr(accounting, "_zcdp", lambda parts, delta: true(FAULTS[fault](parts), delta))
    total = compose([laplace("3")] * 3, Decimal("0.01"), with_distributions=False)
    assert exact_delta(outcomes(3.0, 1, 3), float(total.epsilon)) > 0.01


def _hockey_stick(rate: float, shifts: tuple[int, ...], epsilon: float, reach: int = 60) -> float:
    """Σ max(P - e^ε·Q, 0) of discrete Laplace draws, one a shift, outcome by outcome."""
    x = np.arange(-reach, reach + 1)
    p, q = np.ones(1), np.ones(1)
    for shift in shifts:
        here, there = np.exp(-rate * np.abs(x)), np.exp(-rate * np.abs(x - shift))
        p, q = np.outer(p, here).ravel(), np.outer(q, there).ravel()
    mass = np.exp(-rate * np.abs(x)).sum() ** len(shifts)
    return float(np.maximum(p - math.exp(epsilon) * q, 0).sum() / mass)


@pytest.mark.parametrize("rate", [0.2, 0.7, 1.5])
def test_a_change_in_one_number_loses_no_less_than_the_same_change_spread_over_several(rate):
    for whole, spread in ((2, (1, 1)), (3, (1, 2)), (5, (2, 3)), (3, (1, 1, 1))):
        for epsilon in (0.0, 0.1, 0.4, 1.0, 1.9, 3.0):
            assert _hockey_stick(rate, (whole,), epsilon) >= _hockey_stick(rate, spread, epsilon) - 1e-9
