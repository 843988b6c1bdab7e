from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache

from catalog.people.models import Organisation, User

PASSWORD = "a long sentence for tests"


@pytest.fixture(autouse=True)
def fresh():
    """No counters of other tests."""
    cache.clear()


@pytest.fixture
def city(db) -> Organisation:
    return Organisation.objects.create(slug="city", name="City")


@pytest.fixture
def make_user(db) -> Callable[..., User]:
    def make(name: str = "kim", *roles: str, **more: object) -> User:
        user = User(username=name, **more)
        user.set_password(PASSWORD)
        user.save()
        user.groups.set(Group.objects.filter(name__in=roles))
        return user

    return make
