"""Two halves of one job side by side: the next item is made while the last is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

T = TypeVar("T")
_END: Any = object()


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The items in their order, each made by a thread while the caller works on the one before; never more than one ahead.

    What making one raises is raised here. When the caller stops early, so does the thread, and ``items`` is closed.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1) as thread:
        try:
            waiting = thread.submit(next, iterator, _END)
            while (item := waiting.result()) is not _END:
                waiting = thread.submit(next, iterator, _END)
                yield cast(T, item)
        finally:
            thread.submit(getattr(iterator, "close", lambda: None)).result()
