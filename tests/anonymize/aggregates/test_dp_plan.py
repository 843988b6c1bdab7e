"""What is decided before the data: shares, sensitivities, samplers, thresholds, refusals."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from anonymize.aggregates.noise import MAX_DIFFPRIVLIB_SCALE, draw_delta, of_scale
from anonymize.aggregates.plan import plan, rule_of
from anonymize.aggregates.selection import edge
from anonymize.errors import AnonymizeError, PrivacyNotMet, RecipeError
from tests.anonymize.aggregates.worlds import dp_stage

PEOPLE = {"name": "people", "kind": "persons"}
ROWS = {"name": "visits", "kind": "rows"}
SPEND = {"name": "spend", "kind": "sum", "column": "amount", "lower": "-3", "upper": "500", "unit": "0.01"}


def test_shares_of_epsilon_add_up_exactly_by_weight():
    measures = [PEOPLE | {"weight": "0.1"}, ROWS | {"weight": "0.3"}, SPEND | {"weight": "7"}]
    shares = [m.epsilon for m in plan(dp_stage(measures=measures, epsilon="0.7")).measures]
    assert sum(shares) == Fraction(7, 10)
    assert shares[1] == 3 * shares[0]
    assert shares[2] == 70 * shares[0]


def test_one_person_changes_each_measure_by_no_more_than_this():
    planned = plan(dp_stage(measures=[PEOPLE, ROWS, SPEND], max_cells_per_person=7, max_rows_per_cell=3))
    assert [m.per_cell for m in planned.measures] == [1, 3, 3 * 50_000]
    assert [m.sensitivity for m in planned.measures] == [7, 21, 7 * 3 * 50_000]


def test_the_larger_bound_counts_whatever_its_sign():
    planned = plan(dp_stage(measures=[SPEND | {"lower": "-900"}]))
    assert planned.measures[0].sensitivity == 90_000


@pytest.mark.parametrize("epsilon", ["1", "0.1", "0.7", "3.3", "64"])
@pytest.mark.parametrize("cells", ["public", "private"])
def test_no_more_epsilon_is_spent_than_asked(epsilon, cells):
    stage = dp_stage(measures=[ROWS, SPEND], epsilon=epsilon, max_cells_per_person=11, cells=cells)
    planned = plan(stage)
    spent = sum(m.sensitivity * m.noise.rate for m in planned.drawn)
    assert Fraction(stage.epsilon) * (1 - Fraction(1, 10**12)) < spent <= Fraction(stage.epsilon)


@pytest.mark.parametrize("sampler", ["diffprivlib", "opendp"])
def test_a_scale_is_never_rounded_downwards(sampler):
    for scale in (Fraction(1, 3), Fraction(10, 3), Fraction(7), Fraction(12345, 11), Fraction(10**15, 7)):
        noise = of_scale(scale, sampler)
        assert scale <= 1 / noise.rate < scale * (1 + Fraction(1, 2**50))


def test_small_scales_are_drawn_by_diffprivlib_and_large_ones_by_opendp():
    planned = plan(dp_stage(measures=[PEOPLE, SPEND]))
    assert [m.noise.sampler for m in planned.measures] == ["diffprivlib", "opendp"]
    assert 1 / planned.measures[1].noise.rate > MAX_DIFFPRIVLIB_SCALE


def test_pure_epsilon_is_never_left_to_a_sampler_that_costs_delta():
    planned = plan(dp_stage(delta="0"))
    assert planned.measures[0].noise.sampler == "opendp"
    assert planned.measures[0].delta == 0


def test_a_delta_that_the_fast_sampler_would_eat_is_left_alone():
    planned = plan(dp_stage(delta="1e-14", max_cells_per_person=100))
    assert planned.measures[0].noise.sampler == "opendp"


def test_an_epsilon_so_large_that_its_exponential_explodes_goes_to_the_exact_sampler():
    assert plan(dp_stage(epsilon="64")).measures[0].noise.sampler == "opendp"


def test_the_samplers_delta_is_that_of_all_draws_one_person_touches_and_comes_out_of_the_stages():
    planned = plan(dp_stage(measures=[PEOPLE, ROWS], max_cells_per_person=12, cells="private"))
    per_draw = [draw_delta(m.sensitivity / m.epsilon, m.epsilon / 12) for m in planned.measures]
    assert [m.delta for m in planned.measures] == [12 * delta for delta in per_draw]
    assert planned.selection_delta == Fraction(1, 10**6) - 12 * sum(per_draw)
    assert planned.selection_delta > Fraction(9, 10**7)


def test_the_samplers_delta_covers_the_distance_summed_threshold_by_threshold():
    """η again, the slow way: for each threshold what the docstring of noise.py says it can be off by."""
    import math

    for scale in (Fraction(1, 2), Fraction(3), Fraction(250), Fraction(4096)):
        s = float(scale)
        last = math.ceil(53 * math.log(2) * s) + 1
        off = sum(1 + math.exp(-j / s) * (10 * j / s + 8) for j in range(last + 1))
        eta = (2 * off + 3) / 2**53
        assert Fraction(eta) * 2 <= draw_delta(scale, Fraction(0))


def test_the_threshold_is_the_smallest_that_hides_all_cells_of_one_person():
    planned = plan(dp_stage(cells="private", max_cells_per_person=5))
    assert planned.selection is not None
    assert planned.rule is not None
    rate, chance = planned.selection.noise.rate, planned.selection_delta / 5
    assert planned.rule.rate == rate
    assert Fraction(edge(rate, planned.rule.reach)) <= chance < Fraction(edge(rate, planned.rule.reach - 1))


def test_private_cells_without_a_count_of_persons_pay_for_one():
    planned = plan(dp_stage(measures=[ROWS, SPEND | {"weight": "2"}], cells="private"))
    assert planned.selection is not None
    assert planned.selection not in planned.measures
    assert planned.selection.epsilon == Fraction(1, 4)


def test_private_cells_are_chosen_by_the_best_count_of_persons():
    better = {"name": "better", "kind": "persons", "weight": "3"}
    planned = plan(dp_stage(measures=[PEOPLE, better], cells="private"))
    assert planned.selection == planned.measures[1]


def test_no_delta_left_for_choosing_cells_is_refused():
    planned = plan(dp_stage(cells="private"))
    assert planned.selection is not None
    for left in (Fraction(0), Fraction(-1, 10**9)):
        with pytest.raises(RecipeError, match="nothing for choosing"):
            rule_of(planned.selection, left, 1)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"unit": "1.0000000001", "lower": "0", "upper": "10.000000001"}, "/measures/0/unit"),
        ({"unit": "0.000001", "lower": "0", "upper": "1000000000000000"}, "/measures/0/unit"),
    ],
)
def test_sums_that_integers_cannot_hold_are_refused(changes, pointer):
    with pytest.raises(RecipeError) as caught:
        plan(dp_stage(measures=[SPEND | changes], max_rows_per_cell=1000))
    assert caught.value.problems[0].pointer == pointer


def test_a_scale_beyond_the_integers_is_refused():
    for scale in (Fraction(2**62), Fraction(0), Fraction(-1)):
        with pytest.raises(PrivacyNotMet, match="beyond the integers"):
            of_scale(scale, "opendp")
    wide = SPEND | {"lower": "0", "upper": "1000000000000", "unit": "0.000001"}
    with pytest.raises(AnonymizeError):
        plan(dp_stage(measures=[wide], epsilon="0.000001", max_rows_per_cell=4))


def test_the_preview_is_exact_text_and_holds_every_measure():
    told = plan(dp_stage(measures=[PEOPLE, SPEND], cells="private")).as_dict()
    assert told["epsilon"] == "1"
    assert told["delta"] == "0.000001"
    assert [m["half_width"] for m in told["measures"]] == ["6", "2995.73"]
    rule = plan(dp_stage(measures=[PEOPLE, SPEND], cells="private")).rule
    assert rule is not None
    assert told["selection"]["threshold"] == rule.threshold == rule.reach
    assert Decimal(told["measures"][0]["scale"]) == 2
