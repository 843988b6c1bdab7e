"""A red flag: the value that pages and the API show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flag:
    """Something an officer should look at first: its word and the figure behind it. ``stop`` or ``warning``."""

    level: str
    code: str
    figure: str = ""
