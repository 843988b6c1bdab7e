"""The next item is made while the last is used, in order, and not after the caller has had enough."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from anonymize.ahead import ahead


def test_items_come_in_their_order() -> None:
    assert list(ahead(range(50))) == list(range(50))
    assert list(ahead([])) == []
    assert list(ahead(iter([None, 0, False]))) == [None, 0, False]


def test_the_next_item_is_made_while_the_caller_works() -> None:
    begun = [threading.Event(), threading.Event()]

    def items() -> Iterator[int]:
        for i in range(2):
            begun[i].set()
            yield i

    found = ahead(items())
    assert next(found) == 0
    assert begun[1].wait(300)  # the caller has not asked for it
    assert list(found) == [1]


def test_what_making_an_item_raises_is_raised_where_it_was_asked_for() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="no more"):
        next(found)


def test_whoever_stops_early_closes_what_makes_the_items() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            closed.set()

    found = ahead(items())
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert closed.is_set()
