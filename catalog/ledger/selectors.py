"""Reading the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from catalog.ledger.models import Population, Spending


@dataclass(frozen=True, slots=True)
class Amount:
    """A pair (ε, δ), exact."""

    epsilon: Decimal
    delta: Decimal

    def as_dict(self) -> dict[str, str]:
        return {"epsilon": _short(self.epsilon), "delta": _short(self.delta)}


@dataclass(frozen=True, slots=True)
class Balance:
    """What a population's budget is, what was spent of it and what is left."""

    cap: Amount
    spent: Amount
    left: Amount

    def as_dict(self) -> dict[str, dict[str, str]]:
        return {"cap": self.cap.as_dict(), "spent": self.spent.as_dict(), "left": self.left.as_dict()}


def balance(population: Population) -> Balance:
    """As of when ``population`` was read from the database."""
    cap = Amount(population.epsilon_cap, population.delta_cap)
    spent = Amount(population.epsilon_spent, population.delta_spent)
    return Balance(cap, spent, Amount(cap.epsilon - spent.epsilon, cap.delta - spent.delta))


def spendings_of(population: Population) -> QuerySet[Spending]:
    """Oldest first."""
    return population.spendings.select_related("by").order_by("id")


def _short(value: Decimal) -> str:
    """Plain digits without the zeros at the end: 1, 0.25, 0.000001."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
