"""A budget is kept of one unit of privacy; releases about different periods add up only where they cover the same one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymize.aggregates.accounting import Loss, compose
from catalog.audit.errors import Invalid
from catalog.ledger import composition, services
from catalog.ledger.models import Population, Spending
from catalog.ledger.units import KINDS, PERSON, Unit
from tests.ledger.day_by_day import most_on_one_period

SEOUL = "Asia/Seoul"
JANUARY, FEBRUARY = (date(2026, 1, 1), date(2026, 2, 1)), (date(2026, 2, 1), date(2026, 3, 1))


def unit(kind: str) -> Unit:
    return Unit.of(kind, "" if kind == "person" else SEOUL)


@pytest.fixture
def of(city) -> Callable[..., Population]:
    def make(kind: str, epsilon: str = "1", delta: str = "0") -> Population:
        kept = unit(kind)
        return services.create_population(
            by=None, slug=kind, name="Riders", owner=city, epsilon_cap=Decimal(epsilon), delta_cap=Decimal(delta), unit=kind, time_zone=kept.time_zone
        )

    return make


def spend(population: Population, epsilon: str, covers: tuple[date, date] | None = None, **asked: object) -> Spending:
    count = Spending.objects.count()
    return services.charge(
        population_id=population.pk, epsilon=Decimal(epsilon), delta=Decimal(0), subject=("run", str(count)), by=None,
        **{"unit": population.unit_of_privacy, "covers": covers, **asked},
    )  # fmt: skip


def spent(population: Population) -> Decimal:
    population.refresh_from_db()
    return population.epsilon_spent


# --- what adds up ------------------------------------------------------------------------------------------------


def test_months_of_different_data_cost_the_month_that_costs_most(of):
    population = of("person_day")
    spend(population, "0.7", JANUARY)
    spend(population, "0.9", FEBRUARY)
    assert spent(population) == Decimal("0.9")


def test_of_a_whole_person_everything_adds_up_whatever_dates_it_covers(of):
    population = of("person")
    spend(population, "0.4", JANUARY)
    spend(population, "0.4", FEBRUARY)
    assert spent(population) == Decimal("0.8")
    assert not Spending.objects.exclude(covers_from=None).exists()


def test_releases_about_the_same_days_add_up_on_those_days(of):
    population = of("person_day")
    spend(population, "0.3", JANUARY)
    spend(population, "0.3", FEBRUARY)
    spend(population, "0.5", (date(2026, 1, 31), date(2026, 2, 2)))
    assert spent(population) == Decimal("0.8")
    with pytest.raises(services.BudgetExceeded):
        spend(population, "0.3", (date(2026, 2, 1), date(2026, 2, 2)))
    spend(population, "0.3", (date(2026, 2, 2), date(2026, 2, 3)))
    assert spent(population) == Decimal("0.8")


def test_a_release_without_a_declared_range_counts_on_every_day(of):
    population = of("person_day")
    spend(population, "0.4", JANUARY)
    spend(population, "0.4")
    spend(population, "0.4", FEBRUARY)
    assert spent(population) == Decimal("0.8")
    with pytest.raises(services.BudgetExceeded) as refused:
        spend(population, "0.7", (date(2030, 1, 1), date(2030, 1, 2)))
    assert refused.value.remaining.epsilon == Decimal("0.6")  # on that day, of which only the release without a range speaks


@pytest.mark.parametrize(
    ("kind", "covers", "whole"),
    [
        ("person", JANUARY, None),
        ("person_day", (date(2026, 1, 3), date(2026, 1, 5)), (date(2026, 1, 3), date(2026, 1, 5))),
        ("person_week", (date(2026, 1, 1), date(2026, 2, 1)), (date(2025, 12, 29), date(2026, 2, 2))),
        ("person_week", (date(2026, 1, 5), date(2026, 1, 12)), (date(2026, 1, 5), date(2026, 1, 12))),
        ("person_month", (date(2026, 1, 31), date(2026, 2, 2)), (date(2026, 1, 1), date(2026, 3, 1))),
        ("person_month", (date(2025, 12, 1), date(2026, 1, 1)), (date(2025, 12, 1), date(2026, 1, 1))),
        ("person_month", (date(9999, 12, 1), date(9999, 12, 31)), None),
        ("person_day", None, None),
    ],
)
def test_a_range_covers_the_periods_that_it_touches(kind, covers, whole):
    assert unit(kind).rounded(covers) == whole


def test_weeks_that_share_a_week_add_up(of):
    population = of("person_week")
    spend(population, "0.6", JANUARY)
    with pytest.raises(services.BudgetExceeded):
        spend(population, "0.6", FEBRUARY)  # the 1st of February 2026 is a Sunday: its week began in January
    spend(population, "0.6", (date(2026, 2, 2), date(2026, 3, 2)))
    assert list(Spending.objects.values_list("covers_from", "covers_until")) == [
        (date(2025, 12, 29), date(2026, 2, 2)), (date(2026, 2, 2), date(2026, 3, 2)),
    ]  # fmt: skip


DAYS = st.dates(min_value=date(2026, 1, 1), max_value=date(2026, 3, 31))
RANGES = st.none() | st.tuples(DAYS, DAYS).filter(lambda ends: ends[0] < ends[1])
LOSSES = st.builds(
    lambda epsilon, delta, covers: Loss(epsilon, delta, covers=covers),
    st.decimals(min_value="0.01", max_value="0.9", places=2), st.sampled_from([Decimal(0), Decimal("1e-7")]), RANGES,
)  # fmt: skip
ALLOWED = Decimal("1e-5")


def agrees_with_the_oracle(most: Callable[..., object], losses: list[Loss], kind: str) -> bool:
    found, slow = most(losses, unit(kind), ALLOWED, exact=False), most_on_one_period(losses, unit(kind), ALLOWED)
    return found is not None and (found.epsilon, found.delta) == slow


@settings(max_examples=60, deadline=None)
@given(st.lists(LOSSES, min_size=1, max_size=3), st.sampled_from(KINDS))
def test_what_is_booked_is_what_a_loop_over_all_days_finds(losses, kind):
    assert agrees_with_the_oracle(composition.most, losses, kind)


def test_many_releases_are_booked_at_least_at_what_the_worst_day_costs():
    """Beyond three releases other rules than the sum serve."""
    starts = [date(2026, 1, 1 + n % 9) for n in range(24)]
    losses = [Loss(Decimal("0.2"), Decimal("1e-8"), covers=(start, date(2026, 1, 20 - n % 7))) for n, start in enumerate(starts)]
    found, slow = composition.most(losses, unit("person_day"), ALLOWED, exact=False), most_on_one_period(losses, unit("person_day"), ALLOWED)
    assert found is not None and slow is not None
    assert found.epsilon == slow[0] < Decimal("4.8")


# --- faults, planted ---------------------------------------------------------------------------------------------


def _sum_of_everything(losses, kept_of):
    return [tuple(losses)]


def _each_alone(losses, kept_of):
    return [(loss,) for loss in losses]


def _first_days_only(losses, kept_of):
    """Forgets that a release that began earlier still goes on."""
    ranged = [(loss, kept_of.rounded(loss.covers)) for loss in losses]
    begun = sorted({covers[0] for _, covers in ranged if covers})
    return [tuple(loss for loss, covers in ranged if covers is None or covers[0] == start) for start in begun] or [tuple(losses)]


def _unranged_alone(losses, kept_of):
    """Forgets that a release without a range covers every day."""
    return [tuple(loss for loss in losses if loss.covers is None), *composition_on_one_unit([loss for loss in losses if loss.covers], kept_of)]


def _unrounded(losses, kept_of):
    return composition_on_one_unit(losses, Unit("person_day", SEOUL) if kept_of.has_periods else kept_of)


def _end_included(losses, kept_of):
    ranged = [(loss, kept_of.rounded(loss.covers)) for loss in losses]
    begun = sorted({covers[0] for _, covers in ranged if covers})
    return [tuple(loss for loss, covers in ranged if covers is None or covers[0] <= start <= covers[1]) for start in begun] or [tuple(losses)]


composition_on_one_unit = composition.on_one_unit
ROW = [
    Loss(Decimal("0.5"), covers=JANUARY), Loss(Decimal("0.4"), covers=(date(2026, 1, 20), date(2026, 2, 1))), Loss(Decimal("0.6"), covers=FEBRUARY),
]  # fmt: skip
WITH_ONE_WITHOUT_A_RANGE = [*ROW[:2], Loss(Decimal("0.1"))]


@pytest.mark.parametrize(
    ("fault", "losses", "kind"),
    [
        (_sum_of_everything, ROW, "person_day"),
        (_each_alone, ROW, "person_day"),
        (_first_days_only, ROW, "person_day"),
        (_unranged_alone, WITH_ONE_WITHOUT_A_RANGE, "person_day"),
        (_unrounded, ROW, "person_week"),
        (_end_included, ROW, "person_day"),
    ],
)
def test_a_fault_in_what_adds_up_is_caught(fault, losses, kind, monkeypatch):
    assert agrees_with_the_oracle(composition.most, losses, kind)
    monkeypatch.setattr(composition, "on_one_unit", fault)
    assert not agrees_with_the_oracle(composition.most, losses, kind)


# --- one unit a budget -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [PERSON, Unit("person_week", SEOUL), Unit("person_day", "UTC")])
def test_a_release_that_protects_another_unit_is_refused_and_both_are_named(of, asked):
    population = of("person_day")
    with pytest.raises(Invalid) as refused:
        spend(population, "0.1", unit=asked)
    assert str(asked) in refused.value.detail and "one day (Asia/Seoul)" in refused.value.detail
    assert [problem.code for problem in refused.value.problems] == ["other_unit"]
    assert not Spending.objects.exists() and spent(population) == 0


def test_a_release_that_protects_less_than_a_person_does_not_touch_a_budget_of_persons(population):
    with pytest.raises(Invalid):
        spend(population, "0.1", JANUARY, unit=unit("person_day"))
    assert spent(population) == 0


@pytest.mark.parametrize("change", [{"unit": "person_week"}, {"time_zone": "UTC"}, {"unit": "person", "time_zone": ""}])
def test_the_database_refuses_another_unit_once_something_was_spent(of, change):
    population = of("person_day")
    Population.objects.filter(pk=population.pk).update(unit="person_month")  # nothing is spent: no harm
    Population.objects.filter(pk=population.pk).update(unit="person_day")
    spend(population, "0.1")
    with pytest.raises(DatabaseError), transaction.atomic():
        Population.objects.filter(pk=population.pk).update(**change)
    Population.objects.filter(pk=population.pk).update(name="Passengers")


@pytest.mark.parametrize("wrong", [{"unit": "row"}, {"unit": "person_day", "time_zone": ""}, {"unit": "person"}])
def test_the_database_refuses_a_unit_that_is_none(of, wrong):
    population = of("person_day")
    with pytest.raises(IntegrityError), transaction.atomic():
        Population.objects.filter(pk=population.pk).update(**wrong)


@pytest.mark.parametrize(("since", "until"), [(JANUARY[0], None), (None, JANUARY[0]), (JANUARY[0], JANUARY[0]), JANUARY[::-1]])
def test_the_database_refuses_half_a_range_and_an_empty_one(of, since, until):
    with pytest.raises(IntegrityError), transaction.atomic():
        Spending.objects.create(
            population=of("person_day"), epsilon=Decimal(1), delta=Decimal(0), subject_type="run", subject_id="1", covers_from=since, covers_until=until
        )


@pytest.mark.parametrize(("kind", "zone"), [("row", ""), ("person_day", ""), ("person", SEOUL), ("person_day", "Nowhere/City")])
def test_a_population_is_kept_of_a_known_unit(city, kind, zone):
    with pytest.raises(Invalid):
        services.create_population(
            by=None, slug="p", name="P", owner=city, epsilon_cap=Decimal(1), delta_cap=Decimal(0), unit=kind, time_zone=zone
        )


def test_the_operator_says_the_unit_when_a_population_is_made(city):
    asked = ["create_population", "riders", "--name", "Riders", "--owner", "city", "--epsilon", "8", "--delta", "1e-6", "--unit", "person_day"]
    with pytest.raises(CommandError):
        call_command(*asked, stdout=StringIO())
    call_command(*asked, "--time-zone", SEOUL, stdout=StringIO())
    assert Population.objects.get(slug="riders").unit_of_privacy == Unit("person_day", SEOUL)


def test_three_releases_of_a_day_just_add_up():
    losses = [Loss(Decimal("0.1"), covers=JANUARY)] * 3
    assert composition.most(losses, unit("person_day"), Decimal(0)) == compose(losses, Decimal(0))
