"""Where a request comes from: the address that limits are counted by, and the shortened one that may be shown."""

from __future__ import annotations

import ipaddress
from typing import Any, Final, Protocol

from django.conf import settings

UNKNOWN: Final = "0.0.0.0"  # noqa: S104  the address of a caller that has none, say over a socket file; nothing listens


class HasMeta(Protocol):
    """A request of Django's or of Django REST framework's."""

    META: Any


def address(request: HasMeta) -> str:
    """The caller's address; for IPv6 its /64, which one household or server has to itself.

    X-Forwarded-For is believed only as far as API_TRUSTED_PROXIES says, since anybody can send one.
    """
    text = _caller(request)
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return text
    return str(ipaddress.ip_network(f"{text}/64", strict=False)) if parsed.version == 6 else text


def shortened(request: HasMeta) -> str:
    """The network that the caller is in, enough to be recognised by its owner: a /24 of IPv4, a /48 of IPv6."""
    try:
        parsed = ipaddress.ip_address(_caller(request))
    except ValueError:
        return UNKNOWN
    length = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network(f"{parsed}/{length}", strict=False).network_address)


def _caller(request: HasMeta) -> str:
    proxies: int = getattr(settings, "API_TRUSTED_PROXIES", 0)
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    return hops[-min(proxies, len(hops))] if proxies > 0 and hops else str(request.META.get("REMOTE_ADDR", ""))
