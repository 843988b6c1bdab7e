"""A browser that somebody has signed in with before is known again, so that strangers cannot keep its owner waiting.

The cookie is signed and names one account. It signs nobody in: it only has its attempts counted apart from everybody
else's (see attempts.py).
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponseBase

COOKIE: Final = "known_browser"
KNOWN_FOR_S: Final = 180 * 86400
SALT: Final = "people.devices"


def known(request: HttpRequest, name: str) -> str | None:
    """The mark of this browser where it has signed in under ``name``; None otherwise, and for what was forged."""
    try:
        owner, mark = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=KNOWN_FOR_S)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return str(mark) if owner == _digest(name) else None


def remember(request: HttpRequest, response: HttpResponseBase, name: str) -> None:
    """Somebody has signed in under ``name``, with everything that is asked of them."""
    mark = known(request, name) or secrets.token_hex(16)
    response.set_cookie(
        COOKIE, signing.dumps([_digest(name), mark], salt=SALT), max_age=KNOWN_FOR_S,
        httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:16]
