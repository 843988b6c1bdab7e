"""Guessing gets slower and slower, whoever guesses; and nobody is kept out by others."""

from __future__ import annotations

import threading

import pytest
from django.core.cache import cache

from catalog.audit.errors import TooMany
from catalog.people import attempts
from catalog.people.attempts import PAIR, Meter


def tries(number: int, name: str = "kim", address: str = "10.0.0.1", device: str | None = None) -> list[int]:
    """The seconds that each of ``number`` wrong attempts was told to wait; 0 for one that went on."""
    waits = []
    for _ in range(number):
        try:
            attempts.with_password(name, address, device=device)
            waits.append(0)
        except TooMany as error:
            waits.append(error.extra["retry_after"])
    return waits


def guesses(clock, seconds: int, name: str = "kim", address: str = "10.0.0.1") -> int:
    """How many passwords somebody gets looked at in this time who tries each second."""
    looked_at = 0
    for _ in range(seconds):
        looked_at += tries(1, name, address) == [0]
        clock.pass_by(1)
    return looked_at


def test_waits_double_up_to_a_minute():
    meter = Meter("x", free=3)
    assert [meter.wait(n) for n in range(1, 12)] == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert meter.wait(10**9) == 60


def test_five_slips_cost_nothing_and_then_it_gets_slow(clock):
    assert tries(5) == [0] * 5
    assert tries(1) == [1]
    for wait in (1, 2, 4, 8, 16, 32, 60, 60):
        assert tries(2) == [wait, wait], "a refusal makes no wait longer"
        clock.pass_by(wait)
        assert tries(1) == [0]


def test_one_address_gets_a_guess_a_minute_at_one_name(clock):
    assert guesses(clock, 3600) <= 5 + 7 + 60


def test_one_address_gets_few_guesses_at_many_names(clock):
    looked_at = sum(tries(1, name=f"person-{n}") == [0] for n in range(500))
    assert looked_at == 30
    clock.pass_by(30)
    assert sum(tries(1, name=f"other-{n}") == [0] for n in range(500)) == 1


def test_strangers_from_everywhere_never_keep_the_owner_out(clock):
    for n in range(2_000):
        tries(2, address=f"172.16.{n // 250}.{n % 250}")
    assert tries(1, address="10.9.9.9") == [0], "the owner, from an address of their own"
    assert tries(1, address="10.9.9.9") == [5], "who has a slip is asked to wait a little, while the name is under attack"
    clock.pass_by(5)
    assert tries(1, address="10.9.9.9") == [0]


def test_a_name_under_attack_from_everywhere_gives_each_address_one_free_guess(clock):
    for n in range(20):
        tries(1, address=f"172.16.0.{n}")
    assert [tries(2, address=f"172.17.0.{n}") for n in range(3)] == [[0, 5]] * 3


def test_a_browser_that_the_owner_used_before_is_counted_apart_from_the_office_around_it(clock):
    while tries(1) == [0]:
        pass
    assert tries(6, device="mark") == [0] * 5 + [1]


def test_a_right_code_leads_past_a_gate_that_others_hold_shut(clock):
    while tries(1) == [0]:
        pass
    attempts.with_right_code("kim").forgive()


def test_what_was_right_is_not_counted(clock):
    for _ in range(50):
        attempts.with_password("kim", "10.0.0.1", device=None).succeed()
    assert tries(5) == [0] * 5


def test_signing_in_as_oneself_gives_no_fresh_guesses_at_others(clock):
    for n in range(30):
        tries(1, name=f"person-{n}")
        attempts.begin((PAIR, "10.0.0.1 mallory")).succeed()
    assert tries(1, name="person-31") != [0]


def test_failures_are_forgotten_after_an_hour_without_any(clock):
    tries(5)
    clock.pass_by(attempts.REMEMBERED_S - 1)
    assert tries(2) == [0, 2], "remembered as long as one is added in time"
    clock.pass_by(attempts.REMEMBERED_S + 1)
    assert tries(5) == [0] * 5


def test_a_refusal_by_one_meter_is_not_counted_by_another(clock):
    for n in range(31):
        tries(1, name=f"person-{n}")
    before = cache.get(attempts._key("failures", PAIR, "10.0.0.1 kim"))
    assert tries(3) != [0, 0, 0]
    assert cache.get(attempts._key("failures", PAIR, "10.0.0.1 kim")) in (before, 0)


def test_a_hundred_at_the_same_moment_are_a_hundred():
    """All look at an open gate before any has failed: each was counted before its password is looked at."""
    go, passed = threading.Barrier(20), []

    def guess() -> None:
        go.wait()
        if tries(1, name="crowd") == [0]:
            passed.append(1)

    crowd = [threading.Thread(target=guess) for _ in range(20)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert len(passed) == 5


def test_codes_are_slowed_down_from_everywhere(clock):
    looked_at = 0
    for n in range(200):
        try:
            attempts.with_code(7, f"172.16.0.{n}", device=None)
            looked_at += 1
        except TooMany:
            pass
    assert looked_at == 10


def test_names_and_addresses_stay_out_of_the_cache_keys(monkeypatch):
    keys: list[str] = []
    monkeypatch.setattr(cache, "add", lambda key, *rest, **more: keys.append(key) or True)
    monkeypatch.setattr(cache, "incr", lambda key: keys.append(key) or 1)
    attempts.with_password("secretive", "203.0.113.9", device=None)
    attempts.note_failure("secretive")
    assert keys
    assert not any("secretive" in key or "203.0.113.9" in key for key in keys)


def test_what_is_asked_for_without_a_password_has_a_limit(clock):
    for _ in range(5):
        attempts.check_not_too_often("reset", "10.0.0.1", most=5, seconds=600)
    with pytest.raises(TooMany) as refused:
        attempts.check_not_too_often("reset", "10.0.0.1", most=5, seconds=600)
    assert 1 <= refused.value.extra["retry_after"] <= 600
