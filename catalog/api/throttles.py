"""How often one caller may ask: a fixed window per minute (or hour, day), counted in Django's default cache.

Counting costs the same however many requests there were, and the counters never meet the database. Production's web
processes share their counts where CACHE_URL points at a shared cache; those of the embedded set-up always do.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from catalog.people.addresses import address
from catalog.people.attempts import count, rate

if TYPE_CHECKING:  # the settings name this module, so it is loaded while rest_framework.views still is
    from rest_framework.views import APIView

__all__ = ["AnonymousThrottle", "UserThrottle", "Window", "address", "rate"]


@dataclass(frozen=True, slots=True)
class Window:
    """Where a caller stands: requests allowed, requests left, seconds until the count starts again."""

    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """The RateLimit header fields of the IETF draft (draft-ietf-httpapi-ratelimit-headers-06)."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }


class WindowThrottle(BaseThrottle):
    """Counts the callers that :meth:`ident` names; leaves the others alone."""

    scope: ClassVar[str]

    def ident(self, request: Request) -> str | None:
        raise TypeError("a throttle names its callers")

    def allow_request(self, request: Request, view: APIView) -> bool:
        ident = self.ident(request)
        if ident is None:
            return True
        limit, seconds = rate(self.scope)
        now = time.time()
        self.reset = max(1, int(seconds - now % seconds))
        so_far = count(self.scope, ident, now=now, seconds=seconds)
        window = Window(limit, max(0, limit - so_far), self.reset)
        request._request.rate_limit = window  # type: ignore[attr-defined]
        return so_far <= limit

    def wait(self) -> float:
        return self.reset


class AnonymousThrottle(WindowThrottle):
    """Callers that nobody knows, by network address."""

    scope = "anonymous"

    def ident(self, request: Request) -> str | None:
        known = request.user is not None and request.user.is_authenticated
        return None if known else address(request)


class UserThrottle(WindowThrottle):
    """Known callers, by user: more keys do not give more requests."""

    scope = "user"

    def ident(self, request: Request) -> str | None:
        known = request.user is not None and request.user.is_authenticated
        return str(request.user.pk) if known else None
