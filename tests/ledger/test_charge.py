"""Budget is exact, is never overdrawn, and never comes back."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anonymize.aggregates.accounting import Loss, Part
from anonymize.errors import PrivacyNotMet
from catalog.audit import services as trail
from catalog.audit.errors import Conflict, Invalid, NotAllowed
from catalog.audit.models import TrailEntry
from catalog.ledger import composition, services
from catalog.ledger.amounts import EPSILON_PLACES, rounded_up, units
from catalog.ledger.models import Population, Reckoning, Spending
from catalog.ledger.selectors import balance
from tests.intruder import unguarded


def left(population) -> tuple[Decimal, Decimal]:
    population.refresh_from_db()
    found = balance(population).left
    return found.epsilon, found.delta


def test_a_charge_lowers_what_is_left_by_exactly_that(population, charge):
    charge("0.1", "1e-7")
    charge("0.2", "1e-15")
    assert left(population) == (Decimal("0.7"), Decimal("0.000000899999999"))


def test_the_last_crumb_can_be_spent_and_nothing_after_it(population, charge):
    for _ in range(10):
        charge("0.1")  # ten times 0.1 as floats is not 1
    assert left(population)[0] == 0
    with pytest.raises(services.BudgetExceeded):
        charge("0.000000000001")


def test_a_refusal_says_what_was_asked_and_what_is_left_and_charges_nothing(population, charge):
    charge("0.75", "5e-7")
    with pytest.raises(services.BudgetExceeded) as refused:
        charge("0.250000000001")
    error = refused.value
    assert (error.remaining.epsilon, error.remaining.delta) == (Decimal("0.25"), Decimal("5e-7"))
    assert error.asked.epsilon == Decimal("0.250000000001")
    assert error.extra == {
        "remaining": {"epsilon": "0.25", "delta": "0.0000005"},
        "asked": {"epsilon": "0.250000000001", "delta": "0"},
    }
    assert left(population) == (Decimal("0.25"), Decimal("5e-7"))
    assert Spending.objects.count() == 1


def test_delta_alone_can_exhaust_the_budget(charge):
    charge("0.1", "1e-6")
    with pytest.raises(services.BudgetExceeded):
        charge("0.1", "1e-18")


def test_what_is_finer_than_the_ledger_keeps_is_rounded_up(population, charge):
    spending = charge("1e-30", "1e-30")
    spending.refresh_from_db()
    assert (spending.epsilon, spending.delta) == (Decimal("1e-12"), Decimal("1e-18"))


BAD_EPSILON = ["NaN", "sNaN", "-NaN", "Infinity", "-Infinity", "0", "-0", "-0.1", "-1e-30", "1e308", "9223373", "1e30"]


@pytest.mark.parametrize("epsilon", BAD_EPSILON)
def test_an_epsilon_that_is_no_budget_is_refused(population, charge, epsilon):
    with pytest.raises(Invalid):
        charge(epsilon)
    assert left(population)[0] == 1


@pytest.mark.parametrize("delta", ["NaN", "sNaN", "Infinity", "-Infinity", "-1e-18", "1", "1e308"])
def test_a_delta_that_is_no_probability_is_refused(population, charge, delta):
    with pytest.raises(Invalid):
        charge("0.1", delta)
    assert left(population)[1] == Decimal("1e-6")


@pytest.mark.parametrize("epsilon", [0.1, float("nan"), "0.1", None, True])
def test_only_exact_decimals_are_taken(epsilon):
    with pytest.raises(Invalid):
        services.checked(epsilon, Decimal(0))


def test_the_same_draw_is_charged_once(population, charge):
    charge("0.1", subject=("run", "12#1"))
    with pytest.raises(services.AlreadyCharged):
        charge("0.1", subject=("run", "12#1"))
    charge("0.1", subject=("run", "12#2"))
    assert left(population)[0] == Decimal("0.8")


def test_a_charge_its_total_and_its_trail_entry_are_one_transaction(population, charge):
    before = TrailEntry.objects.count()
    outer = transaction.savepoint()
    charge("0.5")
    transaction.savepoint_rollback(outer)
    assert left(population)[0] == 1
    assert (Spending.objects.count(), TrailEntry.objects.count()) == (0, before)


def test_a_charge_whose_trail_entry_fails_is_no_charge(population, charge, monkeypatch):
    def refuse(**said: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(services.trail, "record", refuse)
    with pytest.raises(RuntimeError), transaction.atomic():
        charge("0.5")
    assert left(population)[0] == 1
    assert not Spending.objects.exists()


def test_the_trail_tells_of_a_charge(population, charge):
    charge("0.25", "1e-7", subject=("run", "7#1"))
    entry = TrailEntry.objects.latest("seq")
    assert (entry.action, entry.subject_id) == ("budget.charged", str(population.pk))
    told = {name: entry.detail[name] for name in ("population", "epsilon", "delta", "for", "spendings", "spent", "rule")}
    assert told == {
        "population": "card-holders",
        "epsilon": "0.250000000000",
        "delta": "0.000000100000000000",
        "for": "run:7#1",
        "spendings": 1,
        "spent": {"epsilon": "0.25", "delta": "0.0000001"},
        "rule": "sum",
    }
    assert trail.verify().ok


def test_a_total_that_somebody_lowered_in_the_database_stops_all_charges(population, charge):
    charge("0.9")
    with unguarded("ledger_population"):
        Population.objects.update(epsilon_spent=Decimal(0))
    with pytest.raises(services.LedgerInconsistent):
        charge("0.1")


def test_a_spend_that_somebody_took_out_of_the_database_stops_all_charges(population, charge):
    charge("0.5")
    Reckoning.objects.create(population=population, spendings=2, epsilon=Decimal("0.5"), delta=Decimal(0), rule="sum")
    with pytest.raises(services.LedgerInconsistent):
        charge("0.1")


def test_what_was_reckoned_is_never_changed(charge):
    charge("0.5")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_reckoning SET epsilon = 1")


def test_many_small_releases_cost_less_than_their_sum(city):
    population = services.create_population(
        by=None, slug="weekly", name="Weekly", owner=city, epsilon_cap=Decimal("3.2"), delta_cap=Decimal("1e-4")
    )
    noise = (Part("discrete_laplace", noise=Decimal(40), shift=1, count=4, delta=Decimal("1e-6")),)
    for week in range(6):
        services.charge(
            population_id=population.pk, epsilon=Decimal("0.1"), delta=Decimal("1e-6"), parts=noise, subject=("run", f"{week}"), by=None
        )
    population.refresh_from_db()
    assert Decimal("0.3") < population.epsilon_spent < Decimal("0.59")
    assert population.reckonings.last().rule == "pld"
    assert [r.epsilon for r in population.reckonings.all()][:3] == [Decimal("0.1"), Decimal("0.2"), Decimal("0.3")]
    year = composition.after(population, [Loss(Decimal("0.1"), Decimal("1e-6"), noise)] * 46)
    assert composition.fits(population, year)


def test_a_spend_that_cannot_be_read_stops_all_charges(population, charge):
    Spending.objects.create(
        population=population, epsilon=Decimal("0.1"), delta=Decimal(0), parts=[{"kind": "spell"}], subject_type="run", subject_id="x"
    )
    Reckoning.objects.create(population=population, spendings=1, epsilon=Decimal("0.1"), delta=Decimal(0), rule="sum")
    Population.objects.update(epsilon_spent=Decimal("0.1"))
    with pytest.raises(PrivacyNotMet):
        charge("0.1")


def test_the_compare_and_set_refuses_when_somebody_was_quicker(population, charge, monkeypatch):
    """Plants the race that a lock prevents: the total is read before another worker spends, and used after."""
    stale = services._reckoned(population)
    charge("0.6")
    monkeypatch.setattr(services, "_reckoned", lambda population: stale)
    with pytest.raises(Conflict):
        charge("0.3")
    assert left(population)[0] == Decimal("0.4")


def test_the_database_refuses_an_overdraft_even_when_all_checks_in_python_are_gone(population, charge):
    charge("0.9")
    for field, value in (("epsilon_spent", "1.000000000001"), ("delta_spent", "0.000001000000000001")):
        with pytest.raises(IntegrityError), transaction.atomic():
            Population.objects.update(**{field: Decimal(value)})


def test_the_database_refuses_negative_totals_and_empty_spends(population, charge):
    with pytest.raises(IntegrityError), transaction.atomic():
        Population.objects.update(epsilon_spent=Decimal("-0.1"))
    for epsilon, delta in (("0", "0"), ("-1", "0"), ("1", "-1")):
        with pytest.raises(IntegrityError), transaction.atomic():
            Spending.objects.create(
                population=population,
                epsilon=Decimal(epsilon),
                delta=Decimal(delta),
                subject_type="run",
                subject_id=epsilon + delta,
            )


@pytest.mark.parametrize("statement", ["UPDATE ledger_spending SET epsilon = 1", "DELETE FROM ledger_spending"])
def test_the_database_refuses_to_change_or_refund_a_spend(charge, statement):
    charge("0.5")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Spending.objects.get().epsilon == Decimal("0.5")


def test_a_population_that_spent_cannot_be_removed(population, charge):
    charge("0.5")
    with pytest.raises(IntegrityError):
        population.delete()


def test_amounts_are_integers_in_the_database(population, charge):
    charge("0.1", "1e-18")
    with connection.cursor() as cursor:
        cursor.execute("SELECT epsilon, delta FROM ledger_spending")
        assert cursor.fetchone() == (10**11, 1)


@pytest.mark.parametrize("value", ["1e-13", "NaN", "Infinity", "9223373", "-9223373"])
def test_the_field_refuses_what_it_cannot_keep_exactly(value):
    with pytest.raises(ValueError, match="privacy budget"):
        units(Decimal(value), EPSILON_PLACES)


@given(st.fractions(min_value=Fraction(1, 10**30), max_value=10**6))
def test_rounding_never_spends_less_than_was_asked_nor_a_whole_unit_more(share):
    asked = Decimal(share.numerator) / Decimal(share.denominator)
    kept = rounded_up(asked, EPSILON_PLACES)
    assert 0 <= Fraction(kept) - Fraction(asked) < Fraction(1, 10**EPSILON_PLACES)


AMOUNTS = st.decimals(min_value=Decimal("1e-12"), max_value=Decimal("0.5"), places=12)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(AMOUNTS, min_size=1, max_size=8))
def test_without_any_delta_a_row_of_charges_ends_where_a_slow_exact_sum_does(population, amounts):
    """The oracle: spend in Fractions, and refuse what would go over 1."""
    savepoint = transaction.savepoint()
    Population.objects.update(delta_cap=0)
    spent, accepted = Fraction(0), 0
    for number, amount in enumerate(amounts):
        fits = spent + Fraction(amount) <= 1
        try:
            services.charge(
                population_id=population.pk, epsilon=amount, delta=Decimal(0), subject=("run", f"{number}"), by=None
            )
        except services.BudgetExceeded:
            assert not fits
        else:
            assert fits
            spent, accepted = spent + Fraction(amount), accepted + 1
    population.refresh_from_db()
    assert (Fraction(population.epsilon_spent), Spending.objects.count()) == (spent, accepted)
    transaction.savepoint_rollback(savepoint)


def test_a_cap_is_changed_by_a_lead_officer_of_the_owner_with_a_reason(population, make_user):
    lead = make_user("lead", "lead_officer", mandate=True)
    services.set_cap(
        by=lead, population_id=population.pk, epsilon_cap=Decimal(2), delta_cap=Decimal("1e-6"), reason="new year"
    )
    entry = TrailEntry.objects.latest("seq")
    assert (entry.action, entry.actor) == ("population.cap_changed", lead)
    assert entry.detail["from"]["epsilon"] == "1"
    assert entry.detail["to"]["epsilon"] == "2"
    assert entry.detail["reason"] == "new year"


@pytest.mark.parametrize("role", ["steward", "officer", "administrator", "auditor", "developer"])
def test_nobody_else_changes_a_cap(population, make_user, role):
    user = make_user("someone", role, mandate=role == "officer")
    with pytest.raises(NotAllowed):
        services.set_cap(
            by=user, population_id=population.pk, epsilon_cap=Decimal(9), delta_cap=Decimal(0), reason="please"
        )


def test_a_lead_officer_without_the_owners_mandate_changes_no_cap(population, make_user):
    with pytest.raises(NotAllowed):
        services.set_cap(
            by=make_user("lead", "lead_officer"),
            population_id=population.pk,
            epsilon_cap=Decimal(9),
            delta_cap=Decimal(0),
            reason="please",
        )


@pytest.mark.parametrize(
    ("epsilon", "delta", "reason"),
    [("0.4", "1e-6", "below"), ("1", "0", "below"), ("2", "1e-6", "  "), ("NaN", "0", "x"), ("Infinity", "0", "x")],
)
def test_a_cap_below_what_is_spent_or_without_reason_or_number_is_refused(population, charge, epsilon, delta, reason):
    charge("0.5", "1e-7")
    with pytest.raises(Invalid):
        services.set_cap(
            by=None,
            population_id=population.pk,
            epsilon_cap=Decimal(epsilon),
            delta_cap=Decimal(delta),
            reason=reason,
        )


def test_a_population_is_made_once(population, city):
    with pytest.raises(Conflict):
        services.create_population(
            by=None, slug=population.slug, name="Again", owner=city, epsilon_cap=Decimal(1), delta_cap=Decimal(0)
        )


def test_a_population_needs_a_slug_that_is_one(city):
    with pytest.raises(Invalid) as refused:
        services.create_population(
            by=None, slug="no slug/", name="x", owner=city, epsilon_cap=Decimal(1), delta_cap=Decimal(0)
        )
    assert refused.value.problems[0].pointer == "/slug"
