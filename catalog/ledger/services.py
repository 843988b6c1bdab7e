"""Spending the privacy budget of a population. Charged when noise is drawn, never refunded, never overdrawn.

What several spends add up to is reckoned by catalog/ledger/composition.py; each reckoning is kept.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from anonymize.aggregates.accounting import Loss, Part, Total
from anonymize.errors import Problem
from anonymize.recipe.values import zone_name
from catalog.audit import services as trail
from catalog.audit.errors import Conflict, Invalid, PlatformError
from catalog.ledger import composition, policies
from catalog.ledger.amounts import DELTA_PLACES, EPSILON_PLACES, rounded_up, units
from catalog.ledger.models import Population, Reckoning, Spending
from catalog.ledger.selectors import Amount
from catalog.ledger.testimony import of_cap, of_population, of_reckoning, of_spending
from catalog.ledger.units import KINDS, PERSON, Range, Unit
from catalog.people.models import Organisation, User

INFINITY: Final = Decimal("Infinity")


class BudgetExceeded(PlatformError):
    """The population's budget does not allow this spend; nothing was charged and no noise may be drawn."""

    code, status, title = "budget_exceeded", 409, "The privacy budget does not allow this"

    def __init__(self, *, remaining: Amount, asked: Amount) -> None:
        self.remaining, self.asked = remaining, asked
        super().__init__(
            f"Asked for ε {asked.epsilon:f} and δ {asked.delta:f}; left are ε {remaining.epsilon:f} and "
            f"δ {remaining.delta:f}. Nothing was charged.",
            remaining=remaining.as_dict(),
            asked=asked.as_dict(),
        )


class AlreadyCharged(Conflict):
    """This draw of noise was paid for before; a second draw is another subject and costs again."""

    code = "already_charged"


class LedgerInconsistent(PlatformError):
    """The total kept with the population is not the one last reckoned: somebody changed the database."""

    code, status, title = "ledger_inconsistent", 503, "The ledger does not add up"
    who = "us"


@transaction.atomic
def charge(
    *,
    population_id: int,
    epsilon: Decimal,
    delta: Decimal,
    subject: tuple[str, str],
    by: User | None,
    parts: tuple[Part, ...] = (),
    unit: Unit = PERSON,
    covers: Range | None = None,
    note: str = "",
) -> Spending:
    """Charge one draw of noise, say ``("run", "12#1")``, before it is drawn.

    Args:
        epsilon: 0 < ε < ∞; rounded up to 12 digits after the point.
        delta: 0 ≤ δ < 1; rounded up to 18 digits after the point.
        parts: what the release is made of, where more is known than (ε, δ): then many releases add up to less.
        unit: what the release protects, which must be what the population's budget is kept of.
        covers: the dates, the second one excluded, of which alone rows can count; ``None`` for any date.

    Raises:
        Invalid: ε or δ is out of range or not a number, or the release protects another unit than the population's.
        BudgetExceeded: more than is left; carries what remained and what was asked.
        AlreadyCharged: this subject was charged before.
        LedgerInconsistent: the ledger was tampered with.
    """
    asked = checked(epsilon, delta)
    population = Population.objects.select_for_update().get(pk=population_id)
    refuse_other_unit(population, unit)
    before = _reckoned(population)
    loss = Loss(asked.epsilon, asked.delta, parts, unit.kind, unit.rounded(covers))
    total = composition.after(population, [loss])
    if total is None or not composition.fits(population, total):
        raise BudgetExceeded(remaining=composition.left_for(population, covers), asked=asked)
    spending = _entered(population, loss, subject, by, note)
    reckoning = _raise_total(population, before, total)
    trail.record(by=by, action="budget.charged", subject=population, detail={**of_spending(spending), **of_reckoning(reckoning)})
    return spending


def refuse_other_unit(population: Population, unit: Unit) -> None:
    """ε of one unit says nothing of ε of another: both must be the same."""
    if unit != population.unit_of_privacy:
        message = f"the release would protect {unit}, but the budget of the population “{population.name}” is kept of {population.unit_of_privacy}"
        raise Invalid(
            f"Two units of privacy: {message}. Nothing was charged and no noise was drawn.",
            problems=(Problem("other_unit", message, pointer="/privacy_unit"),),
        )


def checked(epsilon: Decimal, delta: Decimal) -> Amount:
    """ε and δ rounded up to what the ledger keeps. Raises :class:`Invalid` for NaN, infinities, zero and negatives."""
    for name, value in (("epsilon", epsilon), ("delta", delta)):
        if not isinstance(value, Decimal) or value.is_nan():
            raise Invalid(f"{name} must be an exact decimal number.", problems=_wrong(name))
    if not 0 < epsilon < INFINITY:
        raise Invalid("epsilon must lie above 0 and below infinity.", problems=_wrong("epsilon"))
    if not 0 <= delta < 1:
        raise Invalid("delta must be at least 0 and below 1.", problems=_wrong("delta"))
    return Amount(_kept("epsilon", epsilon, EPSILON_PLACES), _kept("delta", delta, DELTA_PLACES))


def _kept(name: str, value: Decimal, places: int) -> Decimal:
    if not value < 2**62:
        raise Invalid(f"{name} is larger than any budget.", problems=_wrong(name))
    kept = rounded_up(value, places)
    try:
        units(kept, places)
    except ValueError:
        raise Invalid(f"{name} is larger than any budget.", problems=_wrong(name)) from None
    return kept


def _reckoned(population: Population) -> Amount:
    """What was last reckoned, which must be what is kept with the population, of as many spendings as there are."""
    last = population.reckonings.last()
    spent = Amount(last.epsilon, last.delta) if last else Amount(Decimal(0), Decimal(0))
    counted = last.spendings if last else 0
    agrees = (spent.epsilon, spent.delta) == (population.epsilon_spent, population.delta_spent)
    if not (agrees and counted == population.spendings.count()):
        raise LedgerInconsistent("The spendings do not add up to the total. Nothing is charged until this is cleared.")
    return spent


def _entered(population: Population, loss: Loss, subject: tuple[str, str], by: User | None, note: str) -> Spending:
    kind, name = subject
    since, until = loss.covers or (None, None)
    try:
        with transaction.atomic():
            return Spending.objects.create(
                population=population,
                epsilon=loss.epsilon,
                delta=loss.delta,
                parts=[part.as_dict() for part in loss.parts],
                covers_from=since,
                covers_until=until,
                subject_type=kind,
                subject_id=name,
                by=by,
                note=note,
            )
    except IntegrityError:
        raise AlreadyCharged("This was charged before; drawing noise again is a new spend.") from None


def _raise_total(population: Population, before: Amount, total: Total) -> Reckoning:
    """Compare-and-set: the total must still be the one that was looked at, or somebody else has spent meanwhile."""
    unchanged = Population.objects.filter(pk=population.pk, epsilon_spent=before.epsilon, delta_spent=before.delta)
    raised = unchanged.update(epsilon_spent=total.epsilon, delta_spent=total.delta)
    if raised != 1:
        raise Conflict("The ledger changed at the same moment. Nothing was charged; ask again.")
    return Reckoning.objects.create(
        population=population,
        spendings=population.spendings.count(),
        epsilon=total.epsilon,
        delta=total.delta,
        rule=total.rule,
    )


@transaction.atomic
def create_population(
    *,
    by: User | None,
    slug: str,
    name: str,
    owner: Organisation,
    epsilon_cap: Decimal,
    delta_cap: Decimal,
    description: str = "",
    unit: str = PERSON.kind,
    time_zone: str = "",
) -> Population:
    """The people behind some datasets, with the budget that they may cost in all.

    ``unit``: person, person_day, person_week or person_month, of which the budget is kept; for the latter three
    ``time_zone`` says where days begin. Neither changes once something was spent.
    """
    if by is not None:
        policies.check_can_set_cap(by, owner)
    caps = checked(epsilon_cap, delta_cap)
    kept_of = _unit(unit, time_zone)
    population = Population(
        slug=slug, name=name, description=description, owner=owner, epsilon_cap=caps.epsilon, delta_cap=caps.delta,
        unit=kept_of.kind, time_zone=kept_of.time_zone,
    )  # fmt: skip
    if Population.objects.filter(slug=slug).exists():
        raise Conflict("There is a population with this slug already.")
    try:
        population.full_clean()
    except ValidationError as error:
        raise Invalid("The population was not made.", problems=tuple(map(_problem, error.message_dict))) from None
    population.save()
    trail.record(by=by, action="population.created", subject=population, detail={**of_population(population), **of_cap(population)})
    return population


def _unit(kind: str, time_zone: str) -> Unit:
    try:
        return Unit.of(kind, zone_name(time_zone) if time_zone else "")
    except ValueError:
        raise Invalid(
            f"The unit is one of {', '.join(KINDS)}; a person has no time zone, and the others need one, such as Asia/Seoul.",
            problems=_wrong("unit"),
        ) from None


@transaction.atomic
def set_cap(
    *, by: User | None, population_id: int, epsilon_cap: Decimal, delta_cap: Decimal, reason: str
) -> Population:
    """Raise or lower the cap; never below what is spent. Old, new and reason go to the trail."""
    population = Population.objects.select_for_update().get(pk=population_id)
    if by is not None:
        policies.check_can_set_cap(by, population.owner)
    if not reason.strip():
        raise Invalid("Say why the cap changes.", problems=_wrong("reason"))
    new, old = checked(epsilon_cap, delta_cap), Amount(population.epsilon_cap, population.delta_cap)
    if not (population.epsilon_spent <= new.epsilon and population.delta_spent <= new.delta):
        raise Invalid("The cap cannot be below what is spent.", problems=_wrong("epsilon_cap"))
    population.epsilon_cap, population.delta_cap = new.epsilon, new.delta
    population.save(update_fields=["epsilon_cap", "delta_cap"])
    detail = {"from": old.as_dict(), "to": new.as_dict(), "reason": reason}
    trail.record(by=by, action="population.cap_changed", subject=population, detail=detail)
    return population


def _problem(member: str) -> Problem:
    return Problem(code="invalid", message="This cannot be accepted.", pointer=f"/{member}")


def _wrong(member: str) -> tuple[Problem, ...]:
    return (_problem(member),)
