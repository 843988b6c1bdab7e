"""A small published city, made once a test through the services."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils.translation import trans_real

from tests import factories


@pytest.fixture(autouse=True)
def fresh_cache():
    """Attempts to log in are counted in the cache."""
    cache.clear()


@pytest.fixture
def people(db):
    """One of each role, in one organisation."""
    home = factories.organisation()
    return SimpleNamespace(
        home=home,
        steward=factories.steward(of=home),
        officer=factories.officer(of=home),
        auditor=factories.user("auditor", "auditor"),
        developer=factories.user("developer", "developer"),
        stranger=factories.steward("stranger", of=factories.organisation("elsewhere", "Elsewhere")),
    )


@pytest.fixture
def signed_in():
    """``signed_in(user)``: a client of theirs."""

    def make(user, **options):
        client = Client(**options)
        client.force_login(user)
        return client

    return make


@pytest.fixture
def counted(people):
    """A published DP table."""
    return factories.publication("people-counted", by=people.steward, officer_=people.officer, recipe=factories.DP_TABLE)


@pytest.fixture
def survey(people):
    """Published k-anonymous rows."""
    return factories.publication("survey", by=people.steward, officer_=people.officer)


@pytest.fixture
def under_review(people):
    """A submitted review."""
    made = factories.dataset(people.steward, "waiting", population=factories.population(people.home, "waiting"))
    return factories.review(factories.run(factories.version(made), recipe=factories.DP_TABLE))


@pytest.fixture(scope="session", autouse=True)
def compiled_words():
    """The .mo files are not in the repository; what was loaded before they were made is forgotten."""
    call_command("compile_translations")
    trans_real._translations.clear()
