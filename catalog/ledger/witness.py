"""Populations, caps, totals and spendings, as the trail tells them and as the tables have them now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

from catalog.audit.witnesses import Discrepancy, Finding, Said, differing, missing, register, shown, unrecorded
from catalog.ledger.models import Population, Reckoning, Spending
from catalog.ledger.selectors import Amount
from catalog.ledger.testimony import of_cap, of_population, of_reckoning, of_spending

ACTIONS: Final = ("population.created", "population.cap_changed", "budget.charged")
TOTAL: Final = ("spendings", "spent", "rule")


def compare(entries: Iterable[Said]) -> Iterator[Finding]:
    """Every spending has its entry and every entry its spending; caps and totals are the last that were told."""
    populations: dict[str, dict[str, Any]] = {}
    charges: dict[str, dict[str, Any]] = {}
    totals: dict[tuple[str, int], dict[str, Any]] = {}
    for entry in entries:
        told = populations.setdefault(entry.subject_id, {"charged": []})
        if entry.action == "population.created":
            told.update(entry.detail)
        elif entry.action == "population.cap_changed":
            told.update(entry.detail["to"])
        else:
            told["charged"].append(Decimal(entry.detail["epsilon"]))
            charges[entry.detail["for"]] = {**entry.detail, "by": entry.actor_id}
            totals[entry.subject_id, len(told["charged"])] = {name: entry.detail[name] for name in TOTAL if name in entry.detail}
    yield from _populations(populations, totals)
    yield from _spendings(charges)
    yield from _reckonings(totals)


def _populations(told: dict[str, dict[str, Any]], totals: dict[tuple[str, int], dict[str, Any]]) -> Iterator[Finding]:
    for population in Population.objects.select_related("owner").order_by("pk").iterator(chunk_size=500):
        subject = ("population", str(population.pk))
        known = told.pop(subject[1], None)
        if known is None or "slug" not in known:
            yield unrecorded(subject, population.slug)
            continue
        yield from differing(subject, known, {**of_population(population), **of_cap(population)})
        last = totals.get((subject[1], len(known["charged"])), {})
        yield from _total(subject, population, known["charged"], last.get("spent"))
    for gone, known in told.items():
        yield missing(("population", gone), known.get("slug", ""))


def _total(subject: tuple[str, str], population: Population, charged: list[Decimal], spent: dict[str, str] | None) -> Iterator[Finding]:
    """The total as the last charge told it; earlier charges did not, and then it lies between the largest of them and their sum."""
    there = Amount(population.epsilon_spent, population.delta_spent).as_dict()
    if not charged:
        spent = Amount(Decimal(0), Decimal(0)).as_dict()
    if spent is not None:
        if there != spent:
            yield Discrepancy(subject, "spent", shown(spent), shown(there))
    elif not max(charged) <= population.epsilon_spent <= sum(charged):
        yield Discrepancy(subject, "spent", f"ε between {max(charged)} and {sum(charged)}", shown(there))


def _spendings(told: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    for spending in Spending.objects.select_related("population").order_by("pk").iterator(chunk_size=500):
        row = of_spending(spending)
        subject = ("spending", row["for"])
        known = told.pop(row["for"], None)
        if known is None:
            yield unrecorded(subject, {"population": row["population"], "epsilon": row["epsilon"]})
            continue
        dates = {name: known.get(name) for name in ("from", "until")}  # an entry without them tells that it is of any date
        yield from differing(subject, {**known, **dates}, {"from": None, "until": None, **row, "by": spending.by_id})
    for gone, known in told.items():
        yield missing(("spending", gone), {"population": known.get("population"), "epsilon": known.get("epsilon")})


def _reckonings(told: dict[tuple[str, int], dict[str, Any]]) -> Iterator[Finding]:
    for reckoning in Reckoning.objects.order_by("pk").iterator(chunk_size=2000):
        key = (str(reckoning.population_id), reckoning.spendings)
        subject = ("reckoning", f"{key[0]}#{key[1]}")
        known = told.pop(key, None)
        if known is None:
            yield unrecorded(subject, of_reckoning(reckoning)["spent"])
        else:
            yield from differing(subject, known, of_reckoning(reckoning))
    for population, count in told:
        yield missing(("reckoning", f"{population}#{count}"), told[population, count].get("spent", "a charge"))


register(ACTIONS, compare)
