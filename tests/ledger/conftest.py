from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group

from catalog.ledger import services
from catalog.ledger.models import Population
from catalog.people.models import OfficerMandate, Organisation, User
from catalog.people.services import create_organisation


@pytest.fixture
def city(db) -> Organisation:
    return create_organisation(by=None, slug="city", name="City")


@pytest.fixture
def make_user(city) -> Callable[..., User]:
    def make(name: str, *roles: str, organisation: Organisation | None = city, mandate: bool = False) -> User:
        user = User.objects.create(username=name, organisation=organisation)
        user.groups.set(Group.objects.filter(name__in=roles))
        if mandate:
            OfficerMandate.objects.create(user=user, organisation=organisation)
        return user

    return make


@pytest.fixture
def population(city) -> Population:
    return services.create_population(
        by=None, slug="card-holders", name="Card holders", owner=city, epsilon_cap=Decimal(1), delta_cap=Decimal("1e-6")
    )


@pytest.fixture
def charge(population) -> Callable[..., object]:
    count = iter(range(10**6))

    def spend(epsilon: str, delta: str = "0", subject: tuple[str, str] | None = None) -> object:
        return services.charge(
            population_id=population.pk,
            epsilon=Decimal(epsilon),
            delta=Decimal(delta),
            subject=subject or ("run", f"{next(count)}#1"),
            by=None,
        )

    return spend
