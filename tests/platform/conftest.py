"""A steward, an officer, a dataset with a checked version, and a review of a run, for tests of what is decided on them."""

from __future__ import annotations

import pytest

from catalog.datasets.models import Dataset
from catalog.people.models import User
from catalog.review.models import Review
from tests import factories
from tests.platform import makers


@pytest.fixture
def steward(db) -> User:
    return makers.steward()


@pytest.fixture
def officer(db) -> User:
    return makers.officer()


@pytest.fixture
def dataset(steward: User) -> Dataset:
    """About people of a population, with a version that a worker has checked."""
    made = makers.dataset(steward, population=makers.population())
    makers.ready_version(steward, made)
    return made


@pytest.fixture
def review(steward: User, dataset: Dataset) -> Review:
    """A DP run is submitted: its outcome is put in place, since these tests are not about the engine."""
    run = factories.run(dataset.versions.get(), by=steward, recipe=makers.DP_RECIPE)
    return factories.review(run, by=steward, context="For the bus planners.")
