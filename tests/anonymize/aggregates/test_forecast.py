"""Expected errors of a table: what adding up over every possible draw gives, and nothing is drawn for it."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

from anonymize.aggregates import forecast, noise
from anonymize.aggregates import stage as staging
from anonymize.aggregates.forecast import Exact
from anonymize.aggregates.noise import GaussianNoise, Noise
from anonymize.aggregates.plan import plan
from anonymize.aggregates.selection import intervals
from anonymize.aggregates.tails import tails, truncated
from anonymize.errors import BudgetRefused
from anonymize.tables import DuckEngine
from tests.anonymize.aggregates.worlds import dp_stage, release, table_of
from tests.anonymize.oracles import forecast as oracle

PEOPLE = {"name": "people", "kind": "persons"}
VISITS = {"name": "visits", "kind": "rows"}
SPEND = {"name": "spend", "kind": "sum", "column": "amount", "lower": -3, "upper": 5, "unit": "0.5"}
MEAN = {"name": "typical", "kind": "mean", "column": "amount", "lower": 0, "upper": 20}
CLOSE = {"rel": 2e-5}

PERSONS = np.array([1, 2, 4, 7, 9, 12, 30, 31, 55, 140, 900, 1500])
LAPLACE, GAUSSIAN = {}, {"noise": "gaussian"}


def exact_of(measures, stage):
    """Cells whose sums go both ways and are sometimes 0."""
    found = {"persons": PERSONS, "selection": PERSONS, "rows": PERSONS * 2 + 1, "sum": PERSONS * 3 * np.resize([1, -1, 0], len(PERSONS))}
    return Exact(PERSONS, {quantity.key: found[quantity.kind] for quantity in plan(stage).drawn}, 5)


@pytest.mark.parametrize("drawn", [Noise("opendp", Fraction(1, 7)), Noise("opendp", Fraction(2)), GaussianNoise(0.4), GaussianNoise(6.5)])
def test_tails_are_sums_over_all_draws(drawn):
    mass, found = oracle.mass(drawn), tails(drawn)
    for t in (-40, -3, -1, 0, 1, 2, 5, 33):
        assert found.above(np.array([t]))[0] == pytest.approx(sum(p for x, p in mass.items() if x >= t), abs=1e-9)
        assert found.distance_above(np.array([t]))[0] == pytest.approx(sum(abs(x) * p for x, p in mass.items() if x >= t), abs=1e-8)
    assert found.between(np.array([-4]), np.array([2]))[0] == pytest.approx(sum(mass.get(x, 0) for x in range(-4, 3)))
    assert found.distance_above(np.array([-np.inf]))[0] == pytest.approx(sum(abs(x) * p for x, p in mass.items()))


def test_large_gaussian_noise_is_the_normal_distribution():
    found = tails(GaussianNoise(250_000.0))
    assert found.above(np.array([250_000.0]))[0] == pytest.approx(0.158655, abs=1e-5)
    assert found.distance_above(np.array([-np.inf]))[0] == pytest.approx(250_000 * (2 / np.pi) ** 0.5, rel=1e-5)


@pytest.mark.parametrize("changes", [LAPLACE, GAUSSIAN, {"non_negative": False}], ids=["laplace", "gaussian", "not cut at zero"])
def test_errors_by_class_are_those_of_every_possible_draw(changes):
    stage = dp_stage(measures=[PEOPLE, VISITS, SPEND], epsilon="2", max_rows_per_cell=2, **changes)
    planned, exact = plan(stage), exact_of([PEOPLE, VISITS, SPEND], stage)
    found = forecast.expected(exact, stage, planned)
    assert [size["cells"] for size in found["classes"]] == [5, 4, 2, 1]
    assert found["cells"] == {"with_data": 12, "empty": 5, "median_persons": 21.0, "hidden_share": 0.0}
    for quantity, measure in zip(planned.measures, found["measures"], strict=True):
        clipped, drawn = stage.non_negative and quantity.kind != "sum", oracle.mass(quantity.noise)
        for chosen, figures in zip([slice(0, 12), slice(0, 5), slice(5, 9), slice(9, 11), slice(11, 12)], [measure["overall"], *measure["classes"]], strict=True):
            slow = oracle.expected(exact.values[quantity.key][chosen].tolist(), drawn, half=quantity.half_width, clipped=clipped)
            assert figures["absolute_error"] == pytest.approx(slow.absolute * float(quantity.unit), **CLOSE)
            assert figures["relative_error"] == (None if np.isinf(slow.relative) else pytest.approx(slow.relative, **CLOSE))
            assert figures["unreliable_share"] == pytest.approx(slow.unreliable, abs=1e-6)
            assert figures["usable_share"] == pytest.approx(1 - slow.unreliable, abs=1e-6)
            assert figures["half_width"] == pytest.approx(float(quantity.error), **CLOSE)


@pytest.mark.parametrize("changes", [LAPLACE, GAUSSIAN], ids=["laplace", "gaussian"])
def test_private_cells_count_as_often_as_they_appear(changes):
    stage = dp_stage(group_by=[{"column": "place"}], measures=[PEOPLE, VISITS], epsilon="2", delta="1e-3", cells="private", minimum_persons=3, **changes)
    planned, exact = plan(stage), exact_of([PEOPLE, VISITS], stage)
    found, rule = forecast.expected(exact, stage, planned), planned.rule
    often = [oracle.shown(n, oracle.mass(planned.selection.noise), rule) for n in PERSONS.tolist()]
    assert found["cells"]["hidden_share"] == pytest.approx(1 - np.mean(often), abs=1e-6)
    assert found["classes"][0]["hidden_share"] == pytest.approx(1 - np.mean(often[:5]), abs=1e-6)
    people, visits = (measure["overall"] for measure in found["measures"])
    count = planned.of("visits")["rows"]
    slow = oracle.expected(exact.values["visits", "rows"].tolist(), oracle.mass(count.noise), half=count.half_width, clipped=True, weights=often)
    assert visits["absolute_error"] == pytest.approx(slow.absolute, **CLOSE)
    assert visits["relative_error"] == pytest.approx(slow.relative, **CLOSE)
    assert visits["unreliable_share"] == pytest.approx(slow.unreliable, abs=1e-6)
    assert visits["usable_share"] == pytest.approx((1 - slow.unreliable) * np.mean(often), abs=1e-6)
    if planned.selection.kind == "persons":  # this very count decides which cells appear
        drawn = oracle.kept_within(oracle.mass(planned.selection.noise), rule.reach)
        slow = oracle.expected(PERSONS.tolist(), drawn, half=0, clipped=False, threshold=rule.threshold)
        assert people["absolute_error"] == pytest.approx(slow.absolute, **CLOSE)
        assert people["relative_error"] == pytest.approx(slow.relative, **CLOSE)
        wide = unreliable_by_hand(rule, drawn)
        assert people["unreliable_share"] == pytest.approx(wide, abs=1e-6)


def unreliable_by_hand(rule, drawn):
    appears = [(n + x, p) for n in PERSONS.tolist() for x, p in drawn.items() if n + x > rule.threshold]
    low, high = intervals(rule, np.array([seen for seen, _ in appears]))
    wide = [p for (seen, p), width in zip(appears, (high - low).tolist(), strict=True) if width / 2 > 0.5 * seen]
    return sum(wide) / sum(p for _, p in appears)


def test_a_class_of_which_nothing_will_appear_tells_what_noise_does_to_its_numbers_and_no_more():
    stage = dp_stage(group_by=[{"column": "place"}], epsilon="0.5", cells="private")
    planned = plan(stage)
    found = forecast.expected(exact_of([PEOPLE], stage), stage, planned)
    few = found["measures"][0]["classes"][0]
    assert found["classes"][0]["hidden_share"] > 0.9999
    assert few["unreliable_share"] is None
    assert few["usable_share"] < 1e-5
    drawn = oracle.kept_within(oracle.mass(planned.selection.noise), planned.rule.reach)
    slow = oracle.expected(PERSONS[:5].tolist(), drawn, half=0, clipped=True)
    assert few["absolute_error"] == pytest.approx(slow.absolute, **CLOSE)
    assert few["relative_error"] == pytest.approx(slow.relative, **CLOSE)
    nobody = forecast.expected(Exact(PERSONS[:3], {key: some[:3] for key, some in exact_of([PEOPLE], stage).values.items()}), stage, planned)
    assert nobody["measures"][0]["overall"] is None


def test_many_cells_are_looked_at_by_their_ranks(monkeypatch):
    draw = np.random.default_rng(3)
    persons = np.floor(draw.pareto(0.8, 30_000) * 3 + 1).astype(np.int64)
    stage = dp_stage(measures=[PEOPLE], epsilon="0.5")
    exact = Exact(persons, {("people", "persons"): persons})
    some = forecast.expected(exact, stage, plan(stage))["measures"][0]
    monkeypatch.setattr(forecast, "MOST", 10**9)
    whole = forecast.expected(exact, stage, plan(stage))["measures"][0]
    for one, other in zip([some["overall"], *some["classes"]], [whole["overall"], *whole["classes"]], strict=True):
        assert one == pytest.approx(other, rel=5e-3, abs=1e-3)


def test_a_mean_is_as_exact_as_there_are_many_values():
    stage = dp_stage(measures=[MEAN], max_rows_per_cell=2, epsilon="4")
    planned = plan(stage)
    values = {("typical", "values"): PERSONS, ("typical", "centred"): -4 * PERSONS}  # every mean is 6
    found = forecast.expected(Exact(PERSONS, values), stage, planned)["measures"][0]
    errors = [figures["relative_error"] for figures in found["classes"]]
    widths = [figures["half_width"] for figures in found["classes"]]
    assert errors == sorted(errors, reverse=True)
    assert widths == sorted(widths, reverse=True)
    assert errors[-1] < 0.01
    n, m = 1500, -4
    above, below = (planned.of("typical")[kind].noise for kind in ("centred", "values"))
    draw = np.random.default_rng(5)

    def laplace(rate):
        one, other = draw.geometric(1 - np.exp(-float(rate)), (2, 200_000))
        return one - other

    off = np.abs((m * n + laplace(above.rate)) / (n + laplace(below.rate)) - m)
    assert errors[-1] == pytest.approx(np.median(off) / 6, rel=0.05)


def test_a_kind_of_measure_that_is_not_known_is_said_not_to_be(monkeypatch):
    monkeypatch.delitem(forecast._RECKONED, "rows")
    stage = dp_stage(measures=[PEOPLE, VISITS])
    found = forecast.expected(exact_of([PEOPLE, VISITS], stage), stage, plan(stage))
    assert [measure["forecast"] for measure in found["measures"]] == [True, False]
    assert found["measures"][1]["overall"] is None


# --- in a run ------------------------------------------------------------------------------------------------------

ROWS = table_of([{"who": f"p{i}", "place": "aab"[i % 3]} for i in range(30)])



def test_a_run_tells_its_expected_errors_to_the_officer_before_it_draws(monkeypatch):
    def refuse(loss):
        raise BudgetRefused("no")

    seen = []
    kept = staging.Counted.forecast
    monkeypatch.setattr(staging.Counted, "forecast", lambda self, *given: seen.append(kept(self, *given)) or seen[-1])
    monkeypatch.setattr(noise, "add_noise", lambda *_: pytest.fail("noise was drawn"))
    with DuckEngine(threads=1) as engine, pytest.raises(BudgetRefused):
        release(engine, ROWS, dp_stage(), before_noise=refuse)
    assert seen[0]["cells"]["with_data"] == 2
    assert seen[0]["cells"]["empty"] == 1


@pytest.mark.parametrize("cells", ["public", "private"])
def test_it_stands_in_the_internal_half_alone(cells):
    grid = [{"column": "place", "values": ["a", "b", "c"]}] if cells == "public" else [{"column": "place"}]
    with DuckEngine(threads=1) as engine:
        released = release(engine, ROWS, dp_stage(cells=cells, group_by=grid))
    assert released.report_internal["forecast"]["cells"]["with_data"] == 2
    assert "forecast" not in released.report_public
    json.dumps(released.report_internal, allow_nan=False)


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_noise_of_another_scale_would_be_seen(monkeypatch, factor):
    """The check above tells a wrong scale from the right one."""
    kept = forecast.tails
    monkeypatch.setattr(forecast, "tails", lambda drawn: kept(Noise("opendp", drawn.rate * Fraction(factor))))
    with pytest.raises(AssertionError):
        test_errors_by_class_are_those_of_every_possible_draw(LAPLACE)


def test_the_rule_of_private_cells_is_within_its_reach():
    rule = plan(dp_stage(group_by=[{"column": "place"}], cells="private")).rule
    found = truncated(rule)
    assert found.above(np.array([rule.reach + 1, -rule.reach])).tolist() == pytest.approx([0.0, 1.0], abs=1e-12)
