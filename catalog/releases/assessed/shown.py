"""One thing that was measured, as a page shows it: what it is in plain words, a picture, and the same numbers as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from catalog.display.numbers import percent
from catalog.display.pictures import Asked

WIDTHS: Final = {"wide": 560, "narrow": 342}
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """``rows``: cells as they are to be read, the first of each is its header. ``asked``: the picture; None where there is none."""

    name: str
    title: str
    said: str
    headers: Row
    rows: tuple[Row, ...]
    asked: Asked | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A group of things under one question."""

    title: str
    shown: tuple[Shown, ...]


def at(document: Any, path: str) -> Any:
    """What is at a dotted path of a report, or None: reports of another version may lack a part."""
    for name in path.split("."):
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def between(rate: Mapping[str, Any] | None) -> str:
    """A share with its 95 % interval; a dash where nothing was tried."""
    if not rate or not rate.get("trials", 1):
        return "–"
    return f"{percent(rate['value'])} ({percent(rate['lower'])} – {percent(rate['upper'])})"


def track(label: str, a: float | None = None, b: float | None = None, **more: Any) -> dict[str, Any]:
    """A row of a tracks picture: shares, with their numbers in per cent."""
    said = {"said_a": "" if a is None else percent(a), "said_b": "" if b is None else percent(b)}
    return {"label": label, "a": a, "b": b, **said, **more}


def tracks(name: str, label: str, rows: Sequence[Mapping[str, Any]], names: Mapping[str, str] | None = None, **more: Any) -> Asked:
    """A picture of shares in [0, 1], all on the same scale."""
    document = {"kind": "tracks", "rows": list(rows), "names": dict(names or {}), "between": "→", "most": 1.0, "widths": WIDTHS, **more}
    return Asked(name, label, document)
