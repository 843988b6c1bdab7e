from __future__ import annotations

from collections.abc import Callable

import pytest
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.contrib.auth.models import Group
from django.core.cache import cache

from catalog.people import second_factor
from catalog.people.models import Organisation, User

PASSWORD = "a long sentence for tests"


@pytest.fixture(autouse=True)
def fresh():
    """No counters of other tests."""
    cache.clear()


class Clock:
    """The time of day of this process, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("time.time", made)
    return made


@pytest.fixture
def demanded(settings) -> None:
    """The second factor is demanded, as it is outside of tests."""
    settings.SECOND_FACTOR = "required"


@pytest.fixture
def with_app(make_user) -> Callable[..., tuple[User, Callable[[], str]]]:
    """Somebody with an app that shows codes, and what it shows now."""

    def make(name: str = "kim", *roles: str, **more: object) -> tuple[User, Callable[[], str]]:
        user, secret = make_user(name, *roles, **more), generate_totp_secret()
        second_factor.add_app(by=None, user=user, secret=secret)
        return user, lambda: second_factor.code_of_now(secret)

    return make


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
