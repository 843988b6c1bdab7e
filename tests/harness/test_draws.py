"""No test depends on luck: what is not marked ``draws`` draws the same in every run, and what is marked draws anew."""

from __future__ import annotations

import os
from fractions import Fraction

import numpy as np
import pytest

from anonymize import randomness
from anonymize.aggregates.noise import GaussianNoise, add_noise, of_scale, of_variance
from tests.draws import fixed

SOME = [of_scale(Fraction(30), "diffprivlib"), of_scale(Fraction(30), "opendp"), of_variance(Fraction(900)), of_scale(Fraction(2**50), "opendp")]


def _drawn() -> list[object]:
    zeros = np.zeros(40, dtype=np.int64)
    chance = randomness.system_random()
    return [randomness.secret_bytes(8), chance.random(), chance.getrandbits(70), chance.randbytes(3), *(add_noise(zeros, noise).tolist() for noise in SOME)]


def _drawn_as(name: str) -> list[object]:
    with fixed(name):
        return _drawn()


def test_under_one_name_everything_is_drawn_alike_and_under_another_nothing_is():
    first, again, other = _drawn_as("a"), _drawn_as("a"), _drawn_as("b")
    assert first == again
    assert all(one != another for one, another in zip(first, other, strict=True))


def test_this_test_draws_from_no_real_source():
    assert randomness._source is not os.urandom


@pytest.mark.draws
def test_one_that_is_marked_draws_from_the_operating_system_each_time_something_else():
    """Equal by chance: eight bytes, 2^-64; all else less often."""
    assert randomness._source is os.urandom
    assert all(one != another for one, another in zip(_drawn(), _drawn(), strict=True))


@pytest.mark.draws
def test_afterwards_the_real_source_is_back():
    with fixed("a"):
        assert randomness._source is not os.urandom
    assert randomness._source is os.urandom


@pytest.fixture(scope="module")
def shared() -> bytes:
    return randomness.secret_bytes(8)


def test_a_fixture_that_tests_share_draws_the_same_whoever_asks_first(shared, request):
    seed = request.config.getoption("draws_seed")
    with fixed(f"{seed} {request.node.path.relative_to(request.config.rootpath)} shared 0"):
        assert randomness.secret_bytes(8) == shared


def test_noise_that_opendp_would_refuse_is_refused_under_fixed_draws_too():
    with fixed("a"), pytest.raises(Exception, match="scale"):
        add_noise(np.zeros(1, dtype=np.int64), GaussianNoise(-1.0))


@pytest.mark.draws
def test_bits_of_the_one_source_are_even_and_a_fraction_lies_below_one(monkeypatch):
    """4,000 bits of each place as often as not, but for 10^-10 (tests/chances.py)."""
    from tests.chances import as_often

    chance = randomness.system_random()
    numbers = [chance.getrandbits(11) for _ in range(4000)]
    assert as_often([sum(number >> place & 1 for number in numbers) for place in range(11)], [0.5] * 11, 4000)
    assert chance.getrandbits(0) == 0
    with pytest.raises(ValueError, match="negative"):
        chance.getrandbits(-1)
    monkeypatch.setattr(randomness, "_source", lambda n: b"\xff" * n)
    assert chance.random() == 1 - 2**-53
