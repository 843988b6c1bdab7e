"""Keyed pseudonyms: HMAC-SHA-256 over an encoding in which no two different things are written alike.

A hash without a key is no pseudonym: whoever has a list of telephone numbers hashes them all. With a key that is thrown
away, a pseudonym is a random number to everybody; with one that is kept, to everybody but its holder.
"""

from __future__ import annotations

import datetime as dt
import hmac
import math
import unicodedata
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import Any, TypeAlias

import pyarrow as pa

from anonymize.columns.keys import KEY_BYTES
from anonymize.columns.missing import is_missing
from anonymize.errors import InputError, RecipeError
from anonymize.randomness import secret_bytes

Replace: TypeAlias = Callable[[pa.Array], pa.Array]
"""From the values of a column, a batch at a time, to the texts that are published in their place."""

DOMAIN = b"pseudonym 1"  # what this key is used for, and the version of the encoding


def encoded(column: str, value: Any) -> bytes:
    """A value as bytes: what it is for, the column, the type and the value, each behind its length (4 bytes, big endian).

    The type is one of *text* (NFC), *number* (12, 12.0 and 12.00 are one), *boolean*, *date*, *time* (local) and
    *instant* (UTC). Raises :class:`InputError` for a value of another type, which has no one way to be written.
    """
    kind, text = _canonical(column, value)
    return _head(column, kind) + _part(text.encode("utf-8", "surrogatepass"))


@lru_cache(maxsize=256)
def _head(column: str, kind: bytes) -> bytes:
    return _part(DOMAIN) + _part(unicodedata.normalize("NFC", column).encode()) + _part(kind)


def _part(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def _canonical(column: str, value: Any) -> tuple[bytes, str]:
    match value:
        case bool():
            return b"boolean", "true" if value else "false"
        case int():
            return b"number", str(value)
        case float() | Decimal() if math.isfinite(value):
            return b"number", _plain(Decimal(repr(value)) if isinstance(value, float) else value)
        case str():
            return b"text", unicodedata.normalize("NFC", value)
        case dt.datetime(tzinfo=None):
            return b"time", value.isoformat()
        case dt.datetime():
            return b"instant", value.astimezone(dt.UTC).isoformat()
        case dt.date():
            return b"date", value.isoformat()
    raise InputError(f"column {column!r} holds values that no pseudonym can be made of: text, numbers, dates and times can")


def _plain(number: Decimal) -> str:
    """Without exponent and without zeros at its end. Of its own, since a stored key must give the same names for years."""
    with localcontext(prec=400):  # the digits of any double and of any DECIMAL(38)
        return format(number.normalize() + 0, "f")


def pseudonyms(column: str, key: bytes, length: int) -> Replace:
    """The pseudonyms of a column: the first ``length`` hexadecimal digits of HMAC-SHA-256 (RFC 2104), 4 bits each.

    Two values of n share a pseudonym with a chance of about n² ÷ 2 · 16^-length; that is found when the file is read
    back. A row without a value gets a random one, so that its absence tells nothing. Raises :class:`RecipeError` for a
    key of fewer than 32 bytes.
    """
    if not len(key) >= KEY_BYTES:
        raise RecipeError(f"a key of pseudonyms has at least {KEY_BYTES} bytes")

    def replace(values: pa.Array) -> pa.Array:
        return pa.array(_each(column, key, length, values.to_pylist()), pa.string())

    return replace


def _each(column: str, key: bytes, length: int, values: Sequence[Any]) -> list[str]:
    return [
        (secret_bytes(32) if is_missing(value) else hmac.digest(key, encoded(column, value), "sha256")).hex()[:length] for value in values
    ]
