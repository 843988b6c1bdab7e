from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from catalog.people.models import ApiKey, User
from catalog.people.services import hash_of


@pytest.fixture(autouse=True)
def fresh_counters():
    cache.clear()


@pytest.fixture
def rates(settings) -> Callable[..., None]:
    def set_rates(**changed: str) -> None:
        old = settings.REST_FRAMEWORK
        settings.REST_FRAMEWORK = {**old, "DEFAULT_THROTTLE_RATES": {**old["DEFAULT_THROTTLE_RATES"], **changed}}

    return set_rates


@pytest.fixture
def user(db) -> User:
    return User.objects.create(username="kim")


@pytest.fixture
def with_key(user) -> Callable[..., Client]:
    """A client that sends a key with these scopes."""

    def client(*scopes: str, owner: User = user) -> Client:
        number = ApiKey.objects.count()
        secret = f"od_{number:012x}_{'s' * 43}"
        ApiKey.objects.create(
            user=owner,
            name="k",
            prefix=f"{number:012x}",
            hash=hash_of(secret),
            scopes=list(scopes),
            expires_at=timezone.now() + timedelta(days=1),
        )
        return Client(headers={"Authorization": f"Bearer {secret}"})

    return client


@pytest.fixture
def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client
