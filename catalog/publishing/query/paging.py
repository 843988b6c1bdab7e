"""Where to go on: an opaque cursor bound to the release's bytes and to the question, and sealed against change.

A release never changes, so a place in it is a sound cursor: the row of the file that was answered last, or, for grouped
answers, how many groups were. No value of the data is in it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct

from catalog.publishing.query.errors import QueryError

_BODY = struct.Struct(">BQ8s8s")  # version, place, head of the release's SHA-256, head of the question's
_SEAL = 16  # bytes of HMAC-SHA-256: 2^-128 to guess
_VERSION = 1


def write_cursor(place: int, *, release: str, question: bytes, secret: bytes) -> str:
    """A URL-safe cursor. ``place`` ≥ 0; ``release`` the artefact's SHA-256 in hex; ``secret`` at least 16 bytes."""
    body = _BODY.pack(_VERSION, place, _head(release), question[:8])
    return base64.urlsafe_b64encode(body + _seal(body, release, question, secret)).rstrip(b"=").decode()


def read_cursor(text: str, *, release: str, question: bytes, secret: bytes) -> int:
    """The place a cursor stands for.

    Raises :class:`QueryError`: invalid_cursor, cursor_of_another_release, cursor_of_another_question.
    """
    raw = _decode(text)
    body, seal = raw[: _BODY.size], raw[_BODY.size :]
    version, place, release_head, question_head = _BODY.unpack(body)
    if release_head != _head(release):
        raise _bad("cursor_of_another_release", "this cursor belongs to another release: start again without it")
    if question_head != question[:8]:
        raise _bad("cursor_of_another_question", "this cursor belongs to another select, where, group_by or order_by")
    if version != _VERSION or not hmac.compare_digest(seal, _seal(body, release, question, secret)):
        raise _bad("invalid_cursor", "this cursor was not made here")
    return int(place)


def _head(release: str) -> bytes:
    return hashlib.sha256(release.encode()).digest()[:8]


def _seal(body: bytes, release: str, question: bytes, secret: bytes) -> bytes:
    if not len(secret) >= 16:
        raise ValueError("the secret that seals cursors has fewer than 16 bytes")
    return hmac.new(secret, b"cursor\0" + body + release.encode() + b"\0" + question, hashlib.sha256).digest()[:_SEAL]


def _decode(text: str) -> bytes:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _bad("invalid_cursor", "this is no cursor") from None
    if len(raw) != _BODY.size + _SEAL:
        raise _bad("invalid_cursor", "this is no cursor")
    return raw


def _bad(code: str, message: str) -> QueryError:
    return QueryError(code, message, pointer="cursor")
