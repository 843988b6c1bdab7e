"""Byte ranges of a file (RFC 9110 §14): one range a request; a request for several gets the whole, as the RFC allows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from catalog.audit.errors import PlatformError

_ONE = re.compile(r"bytes=\s*([0-9]{0,19})-([0-9]{0,19})\s*", re.ASCII | re.IGNORECASE)
_CHUNK = 2**18


class RangeNotSatisfiable(PlatformError):
    """The range lies beyond the end of the file."""

    code, status, title = "range_not_satisfiable", 416, "There is no such range"


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes ``first`` to ``last``, both included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


def wanted(header: str | None, size: int) -> Range | None:
    """The range that a Range header asks of a file of ``size`` bytes; None: all of it.

    A header that cannot be read is ignored, as the RFC wants it. Raises RangeNotSatisfiable.
    """
    found = _ONE.fullmatch(header) if header else None
    if found is None or found.groups() == ("", ""):
        return None
    first_text, last_text = found.groups()
    if not first_text:
        first, last = max(0, size - int(last_text)), size - 1
    else:
        first, last = int(first_text), min(int(last_text), size - 1) if last_text else size - 1
        if last_text and int(last_text) < first:
            return None
    if not first < size:
        raise RangeNotSatisfiable(f"The file has {size} bytes.", size=size)
    return Range(first, last)


def pieces(path: Path, part: Range) -> Iterator[bytes]:
    """The bytes of ``part``, piece by piece."""
    with path.open("rb") as file:
        file.seek(part.first)
        left = len(part)
        while left > 0 and (piece := file.read(min(_CHUNK, left))):
            left -= len(piece)
            yield piece
