"""Who draws real noise: tests marked ``draws`` alone. All others draw from a seed, the same in every run.

A test marked ``draws`` states the chance that it fails a right program, below 10^-9. What any other test asserts holds for
every draw; that is tried with other seeds, ``--draws-seed``, which ``make steady`` changes in each of its rounds.

The bytes of :mod:`anonymize.randomness` come from a generator named after the test, so that neither the order of tests nor
their selection changes them; OpenDP, which draws from a generator of its own, is replaced by the same distribution.
Fixtures that tests share are named after themselves: they are the same whoever asks for them first.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest

DEFAULT_SEED = "1"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--draws-seed", default=DEFAULT_SEED, help="what the fixed draws of tests begin from (each test goes on from its name)")


@contextmanager
def fixed(name: str) -> Iterator[None]:
    """All that the engine draws at random, in this process, is the same for the same ``name``."""
    from anonymize import randomness
    from anonymize.aggregates import noise
    from tests.anonymize.aggregates.sampler import draws

    chance = random.Random(name)
    numbers = np.random.default_rng(chance.getrandbits(128))

    def of_opendp(values: noise.Integers, of: noise.AnyNoise) -> noise.Integers:
        noise._measurement(of)  # OpenDP still says whether it would draw such noise
        return values + draws(numbers, of, values.size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(randomness, "_source", chance.randbytes)
        patch.setattr(noise, "_with_opendp", of_opendp)
        yield


@pytest.fixture(autouse=True)
def fixed_draws(request: pytest.FixtureRequest) -> Iterator[None]:
    """The draws of a test: real where it is marked so, else fixed."""
    seed = request.config.getoption("draws_seed")
    with nullcontext() if request.node.get_closest_marker("draws") else fixed(f"{seed} {request.node.nodeid}"):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: Any) -> Iterator[Any]:
    """A fixture that several tests share has draws of its own while it is set up."""
    if fixturedef.scope == "function":
        return (yield)
    seed = request.config.getoption("draws_seed")
    with fixed(f"{seed} {fixturedef.baseid} {fixturedef.argname} {getattr(request, 'param_index', 0)}"):
        return (yield)
