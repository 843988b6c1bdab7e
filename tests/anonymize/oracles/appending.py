"""Rows under rows, written the slow and obvious way: with the identifiers in clear, as no worker may have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def together(own: Sequence[Row], others: Sequence[tuple[Mapping[str, str], Sequence[Row]]], columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of all tables under the columns of the first; what a table does not have is None."""
    found = [{name: row[name] for name in columns} for row in own]
    for called, rows in others:
        found += [{name: row[called[name]] if name in called else None for name in columns} for row in rows]
    return found


def same_but_for_names(left: Sequence[Row], right: Sequence[Row], key: str) -> bool:
    """Whether some one-to-one renaming of the keys turns one list of rows into the other, in order; None stays None."""
    there: dict[Any, Any] = {None: None}
    back: dict[Any, Any] = {None: None}
    for a, b in zip(left, right, strict=True):
        if there.setdefault(a[key], b[key]) != b[key] or back.setdefault(b[key], a[key]) != a[key]:
            return False
        if any(a[name] != b[name] for name in a if name != key):
            return False
    return True
