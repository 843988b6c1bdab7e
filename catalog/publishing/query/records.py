"""One page of an answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

from catalog.publishing.query.formats import rows_of
from catalog.publishing.query.noise import error_note
from catalog.publishing.query.paging import read_cursor, write_cursor
from catalog.publishing.query.params import RecordsQuery
from catalog.publishing.query.plan import Plan, plan
from catalog.publishing.query.run import Frame, answer_columns, count, fetch
from catalog.publishing.query.schema import ReleaseFile

TIMEOUT_S = 5.0
_REPRESENTATION = b"1"  # raise it when the same question begins to be written differently, so that no old ETag matches


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as JSON's own types; ``next_cursor`` null on the last page; ``total`` null when it was not asked for."""

    rows: list[dict[str, Any]]
    next_cursor: str | None
    total: int | None
    meta: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {"records": self.rows, "next_cursor": self.next_cursor, "meta": self.meta}
        return found if self.total is None else {"total": self.total, **found}

    def to_json(self) -> bytes:
        """The page as UTF-8 JSON."""
        return orjson.dumps(self.as_dict())


def records(release: ReleaseFile, params: RecordsQuery, *, secret: bytes, timeout_s: float = TIMEOUT_S) -> Page:
    """One page.

    ``secret`` (at least 16 bytes) seals cursors; ``timeout_s`` bounds each of the one or two statements it takes. The
    order is always the same: as asked, ties by the row's place in the file; without an asked order the file's own.
    Raises :class:`QueryError`.
    """
    checked = plan(params, release.schema)
    after = _after(release, params, secret)
    frame = fetch(checked, release, rows=params.limit + 1, offset=params.offset, after=after, timeout_s=timeout_s)
    shown = frame.head(params.limit)
    place = _place(shown, checked, (params.offset if after is None else after)) if len(frame) > params.limit else None
    cursor = None if place is None else _cursor(release, params, secret, place)
    total = count(checked, release, timeout_s=timeout_s) if params.count else None
    return Page(rows_of(shown), cursor, total, _meta(checked, release))


def etag(release: ReleaseFile, params: RecordsQuery, format: str = "json") -> str:
    """A strong entity tag, quotes included: the artefact's hash and that of the question and its format."""
    question = hashlib.sha256(b"\0".join([_REPRESENTATION, format.encode(), params.fingerprint])).hexdigest()
    return f'"{release.sha256[:32]}-{question[:16]}"'


def _after(release: ReleaseFile, params: RecordsQuery, secret: bytes) -> int | None:
    if params.cursor is None:
        return None
    return read_cursor(params.cursor, release=release.sha256, question=params.identity, secret=secret)


def _cursor(release: ReleaseFile, params: RecordsQuery, secret: bytes, place: int) -> str:
    return write_cursor(place, release=release.sha256, question=params.identity, secret=secret)


def _place(shown: Frame, checked: Plan, before: int) -> int:
    """What the next page follows: the last row's place in the file, or how many groups were given so far."""
    if shown.places is None:
        return before + len(shown)
    return int(shown.places[-1].as_py())


def _meta(checked: Plan, release: ReleaseFile) -> dict[str, Any]:
    columns = [{"name": name, "type": kind} for name, kind in answer_columns(checked)]
    note = error_note(checked)
    return {"release": release.sha256, "columns": columns, **({"error_note": note} if note else {})}
