"""The parameters of a question, as strict values. What is unknown is refused: a misspelt filter must not answer all."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from catalog.publishing.query.errors import QueryError
from catalog.publishing.query.schema import near

DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000
MAX_OFFSET = 10**12
_TEXTS = ("select", "where", "group_by", "order_by", "cursor")


@dataclass(frozen=True, slots=True)
class RecordsQuery:
    """One question. ``limit`` 1 … 10,000 rows; ``offset`` rows to skip; ``cursor`` from an earlier page."""

    select: str | None = None
    where: str | None = None
    group_by: str | None = None
    order_by: str | None = None
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    cursor: str | None = None
    count: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise _bad("limit", f"limit is a whole number from 1 to {MAX_LIMIT:,}")
        if not 0 <= self.offset <= MAX_OFFSET:
            raise _bad("offset", f"offset is a whole number from 0 to {MAX_OFFSET:,}")
        if self.cursor is not None and self.offset:
            raise _bad("offset", "a cursor already says where to go on: give cursor or offset, not both")

    @property
    def identity(self) -> bytes:
        """SHA-256 of what the rows depend on, paging left out; what a cursor is bound to."""
        return _digest([self.select, self.where, self.group_by, self.order_by])

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the whole question."""
        return _digest([getattr(self, field.name) for field in fields(self)])


def _digest(parts: list[object]) -> bytes:
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).digest()


NAMES = tuple(field.name for field in fields(RecordsQuery))


def parse_params(
    parameters: Mapping[str, str | Iterable[str]],
    *,
    ignore: frozenset[str] = frozenset(),
    names: tuple[str, ...] = NAMES,
) -> RecordsQuery:
    """Read query-string parameters: each at most once, none unknown, an empty text as if it were absent.

    ``ignore`` names parameters that belong to the caller; ``names`` those that are allowed here (exports do not page).
    Raises :class:`QueryError`: unknown_parameter, repeated_parameter, invalid_parameter.
    """
    given = {name: _single(name, value) for name, value in parameters.items() if name not in ignore}
    for name in given:
        if name not in names:
            raise _unknown(name, names)
    texts = {name: given.get(name) or None for name in _TEXTS}
    return RecordsQuery(
        **texts,
        limit=_whole("limit", given.get("limit"), DEFAULT_LIMIT),
        offset=_whole("offset", given.get("offset"), 0),
        count=_yes("count", given.get("count")),
    )


def _single(name: str, value: str | Iterable[str]) -> str:
    values = [value] if isinstance(value, str) else list(value)
    if len(values) != 1:
        raise QueryError("repeated_parameter", f"{name[:80]} is given more than once", pointer=name[:80])
    return values[0]


def _unknown(name: str, names: tuple[str, ...]) -> QueryError:
    hint = near(name, list(names))
    message = f"there is no parameter {name[:80]!r}" + (f"; did you mean {hint}?" if hint else "")
    return QueryError("unknown_parameter", message, pointer=name[:80], suggestion=hint)


def _whole(name: str, text: str | None, default: int) -> int:
    if text is None or text == "":
        return default
    if not re.fullmatch(r"[0-9]{1,13}", text):
        raise _bad(name, f"{name} is a whole number, written in digits")
    return int(text)


def _yes(name: str, text: str | None) -> bool:
    if text in (None, "", "false", "0"):
        return False
    if text in ("true", "1"):
        return True
    raise _bad(name, f"{name} is true or false")


def _bad(name: str, message: str) -> QueryError:
    return QueryError("invalid_parameter", message, pointer=name)
