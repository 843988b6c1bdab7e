"""The shape of a value: enough to find and mend it, too little to learn it."""

from __future__ import annotations

import unicodedata
from itertools import groupby

MAX_SIGNS = 20
_SHORTEST_RUN = 3


def shape(value: str) -> str:
    """``9`` for a digit, ``A`` for a letter of any script, other signs as they are; runs of three or more as ``9{n}``.

    At most 20 signs, then ``…``. Signs that cannot be seen become ``?``.
    """
    signs = "".join(_run(sign, sum(1 for _ in run)) for sign, run in groupby(map(_class, value)))
    return signs if len(signs) <= MAX_SIGNS else signs[: MAX_SIGNS - 1] + "…"


def _class(sign: str) -> str:
    category = unicodedata.category(sign)
    if category.startswith("N"):
        return "9"
    if category.startswith(("L", "M")):
        return "A"
    return sign if sign.isprintable() else "?"


def _run(sign: str, length: int) -> str:
    return sign * length if length < _SHORTEST_RUN else f"{sign}{{{length}}}"
