"""One city for a file of tests: made once, and each request to it is undone."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import transaction
from django.utils.translation import trans_real

from tests.access.world import World, world


@pytest.fixture(scope="module")
def city(django_db_setup, django_db_blocker) -> Iterator[World]:
    """Made once; each request is undone."""
    call_command("compile_translations")
    trans_real._translations.clear()
    with django_db_blocker.unblock(), transaction.atomic():
        yield world()
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def without_limits(settings, monkeypatch):
    cache.clear()
    monkeypatch.setattr(logging.getLogger("django.request"), "disabled", True)  # a line for each refusal
    rates = dict.fromkeys(("anonymous", "user", "login"), "1000000/min")
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
