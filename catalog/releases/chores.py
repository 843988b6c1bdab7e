"""What upper rooms want swept: they register it here, so that this room need not know them."""

from __future__ import annotations

from collections.abc import Callable

_registered: list[Callable[[], object]] = []


def register(chore: Callable[[], object]) -> None:
    """Have ``chore`` called at every sweep; it must be safe to call at any time, by several workers at once."""
    if chore not in _registered:
        _registered.append(chore)


def registered() -> tuple[Callable[[], object], ...]:
    return tuple(_registered)
