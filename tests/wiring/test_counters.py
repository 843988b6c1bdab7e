"""Rate limits of the embedded set-up: the web processes share one count, whichever of them is asked."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import caches

from catalog.people import attempts
from opendata import counters, env
from opendata.counters import SharedCounters


@pytest.fixture
def place(tmp_path):
    return str(tmp_path / "counters" / "counters.sqlite3")


def cache(place: str) -> SharedCounters:
    """As another process has it: the same file, nothing else in common."""
    return SharedCounters(place, {})


def two_at_once(place: str, many: int, count) -> None:
    """``count(cache)`` so many times in each of two processes, which begin together."""
    fork = multiprocessing.get_context("fork")
    begin = fork.Barrier(2)

    def go() -> None:
        here = cache(place)
        begin.wait()
        for _ in range(many):
            count(here)

    processes = [fork.Process(target=go) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]


def test_the_embedded_set_up_counts_in_a_file_and_production_in_what_it_is_given(monkeypatch):
    assert isinstance(caches["default"], SharedCounters)
    assert Path(settings.CACHES["default"]["LOCATION"]).is_relative_to(env.DATA_DIR)
    monkeypatch.setattr(env, "EMBEDDED", False)
    assert env.counters()["BACKEND"].endswith("LocMemCache")
    monkeypatch.setenv("CACHE_URL", "redis://127.0.0.1:1/1")
    assert env.counters()["LOCATION"] == "redis://127.0.0.1:1/1"


def test_what_one_process_counts_the_other_knows(place, monkeypatch):
    for expected in range(1, 7):
        monkeypatch.setattr(attempts, "cache", cache(place))
        assert attempts.count("anonymous", "198.51.100.7", now=1000.0, seconds=60) == expected
    assert attempts.count("anonymous", "198.51.100.8", now=1000.0, seconds=60) == 1


def test_two_processes_at_once_lose_no_count(place):
    def count(here: SharedCounters) -> None:
        here.add("n", 0)
        here.incr("n")

    two_at_once(place, 300, count)
    assert cache(place).get("n") == 600


def test_only_one_of_two_processes_adds(place):
    def add(here: SharedCounters) -> None:
        for key in range(200):
            if here.add(f"key{key}", 0):
                here.add("added", 0)
                here.incr("added")

    two_at_once(place, 1, add)
    assert cache(place).get("added") == 200


def test_a_counter_lives_as_long_as_it_was_given_however_often_it_counts(place, monkeypatch):
    here, now = cache(place), time.time()
    here.set("n", 0, timeout=100)
    here.set("always", 0, timeout=None)
    monkeypatch.setattr(counters.time, "time", lambda: now + 99)
    assert here.incr("n") == 1
    monkeypatch.setattr(counters.time, "time", lambda: now + 101)
    assert here.get("n") is None and here.incr("always") == 1
    assert here.touch("always", 50) and not here.touch("n", 50)


def test_a_counter_that_is_not_there_or_has_expired_cannot_count(place):
    here = cache(place)
    here.set("expired", 0, timeout=0)
    for key in ("nothing", "expired"):
        with pytest.raises(ValueError, match="no such counter"):
            here.incr(key)
    assert here.add("expired", 5) and here.get("expired") == 5


def test_what_has_expired_goes_when_something_is_added(place, monkeypatch):
    here, now = cache(place), time.time()
    here.set("soon", 1, timeout=10)
    here.set("late", 1, timeout=1000)
    monkeypatch.setattr(counters.time, "time", lambda: now + 100)
    here.add("new", 1)
    assert {key for (key,) in here._file.execute("SELECT key FROM kept")} == {":1:late", ":1:new"}


def test_it_keeps_forgets_and_empties_like_any_cache_of_django(place):
    here = cache(place)
    here.set("a", {"words": ["말", 1, None]})
    assert here.get("a") == {"words": ["말", 1, None]} and here.get("b", "nothing") == "nothing" and "a" in here
    assert here.delete("a") and not here.delete("a")
    here.set("a", 1)
    here.clear()
    assert here.get("a") is None


def test_nobody_else_on_the_machine_may_read_them(place):
    cache(place).set("n", 1)
    assert os.stat(Path(place).parent).st_mode & 0o077 == 0
