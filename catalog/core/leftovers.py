"""Files in the stores that nothing in the database speaks of: what a killed process left there, or a refused request.

Each room says which names of which store it knows of, and which it has declared gone. A file that no room knows, and
that is older than a day, is removed: a day is longer than any request or run takes between keeping a file and committing
the row that names it. One that was declared gone (its process died between saying so and removing it) goes at once.

A database that is not this store's (a wrong address, a fresh one, an old backup) knows of few of its files: where most of
a store would go, nothing is removed, and the operator is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.core.files.storage import Storage
from django.utils import timezone

from catalog.core.stores import names_in, store

KEPT_FOR: Final = timedelta(days=1)
FEW: Final = 20
"""So many files may go whatever their share: a new platform has few of anything."""

Names = Callable[[], Iterable[str]]
_known_by: dict[str, list[Names]] = {"vault": [], "artefacts": [], "public": []}
_gone_by: dict[str, list[Names]] = {"vault": [], "artefacts": [], "public": []}


def know(store_name: str, names: Names, *, gone: Names | None = None) -> None:
    """Register a room's names of one store, and those that are to be gone. Called when the apps are ready, once."""
    _known_by[store_name].append(names)
    if gone is not None:
        _gone_by[store_name].append(gone)


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What was looked at in one store. ``refused``: most of it is unknown, so nothing was removed."""

    store: str
    files: int
    unknown: tuple[str, ...]
    refused: bool = False


def leftovers(store_name: str) -> Leftovers:
    """The files of a store that should not be there. Nothing is removed."""
    files = store(store_name)
    names = list(names_in(files))  # before the rows are asked: what is kept meanwhile has a row, or is young
    known = {name for room in _known_by[store_name] for name in room()}
    gone = {name for room in _gone_by[store_name] for name in room()} - known
    unknown = tuple(name for name in names if name in gone or (name not in known and _is_old(files, name)))
    return Leftovers(store_name, len(names), unknown, refused=len(unknown) > FEW and 2 * len(unknown) > len(names))


def remove(unknown: Leftovers) -> None:
    for name in unknown.unknown:
        store(unknown.store).delete(name)


def _is_old(files: Storage, name: str) -> bool:
    try:
        return files.get_modified_time(name) < timezone.now() - KEPT_FOR
    except FileNotFoundError:  # gone by now
        return False
