"""How an entry of the trail is hashed: SHA-256 (FIPS 180-4) over canonical JSON, each entry naming the one before it.

Canonical JSON here: keys sorted, no spaces, UTF-8, and only text, integers, true, false, null, lists and objects.
Floats are refused, because databases do not give every float back as it went in.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

GENESIS: Final = "0" * 64
LARGEST_DETAIL: Final = 16_384


class UnfitDetail(ValueError):
    """A detail that the trail cannot keep: a float, an unknown type, NUL or half a character, or too much of it."""


def plain(value: Any) -> Any:
    """``value`` as the trail keeps it: exact numbers and times become text, tuples lists; the unknown is refused."""
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date | UUID):
        return value.isoformat() if isinstance(value, date) else str(value)
    if isinstance(value, Mapping):
        return {_text(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise UnfitDetail(f"The trail keeps no {type(value).__name__}; write exact values as text.")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise UnfitDetail("The trail keeps objects with text keys only.")
    if "\x00" in value or any(0xD800 <= ord(sign) <= 0xDFFF for sign in value):
        raise UnfitDetail("The trail keeps no text with NUL or half a character.")
    return str(value)


def canonical(value: Any) -> bytes:
    """The one way to write ``value`` as bytes."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()


def checked_detail(detail: Mapping[str, Any] | None) -> dict[str, Any]:
    """``detail`` made plain, at most 16 KiB of canonical JSON. Raises :class:`UnfitDetail`."""
    kept: dict[str, Any] = plain(detail or {})
    if not len(canonical(kept)) <= LARGEST_DETAIL:
        raise UnfitDetail(f"A detail of the trail has at most {LARGEST_DETAIL} bytes.")
    return kept


def document_sha256(document: Any) -> str:
    """64 hexadecimal digits that stand in the trail for a document too large for it, or not to be told in it.

    The same for a document before it is stored and after either database has given it back: JSON has one kind of number,
    so 1.0 and 1 are one, and keys are text.
    """
    plain_json = json.loads(json.dumps(document, ensure_ascii=False), parse_float=_number)
    return hashlib.sha256(json.dumps(plain_json, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


def _number(digits: str) -> float | int:
    number = float(digits)
    return int(number) if number.is_integer() else number


def entry_hash(
    *,
    seq: int,
    at: datetime,
    actor_id: int | None,
    actor_name: str,
    action: str,
    subject_type: str,
    subject_id: str,
    detail: Mapping[str, Any],
    previous_hash: str,
) -> str:
    """64 hexadecimal digits over everything an entry says, its place in the chain included."""
    return hashlib.sha256(
        canonical(
            {
                "seq": seq,
                "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
                "actor_id": actor_id,
                "actor_name": actor_name,
                "action": action,
                "subject_type": subject_type,
                "subject_id": subject_id,
                "detail": dict(detail),
                "previous_hash": previous_hash,
            }
        )
    ).hexdigest()


def seal(key: str, document: Mapping[str, Any]) -> str:
    """HMAC-SHA-256 (RFC 2104) of a checkpoint, under the key that is kept outside the database."""
    return hmac.new(key.encode(), canonical(dict(document)), hashlib.sha256).hexdigest()
