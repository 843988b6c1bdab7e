"""Pages of a list by keyset: stable while rows are added, and as quick at any depth.

``{"results": […], "next": "…" or null}``, the same next address in ``Link: <…>; rel="next"``, and ``"total"`` when
``count=true`` was asked for. A cursor is opaque and signed, and good only for the list that it came from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.core import signing
from django.db.models import Model, Q, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.problems import InvalidParameter

PARAMETERS: Final = frozenset({"limit", "cursor", "count"})
DEFAULT_LIMIT: Final = 50
LARGEST_LIMIT: Final = 1000
DOCUMENTED: Final = [
    OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": DEFAULT_LIMIT}),
    OpenApiParameter("cursor", OpenApiTypes.STR, description="Opaque; from `next` of the page before."),
    OpenApiParameter("count", OpenApiTypes.BOOL, description="Also give the total."),
]


def paged(
    request: Request,
    rows: QuerySet[Any],
    show: Callable[[Any], Any],
    *,
    by: str = "pk",
    newest_first: bool = True,
    largest: int = LARGEST_LIMIT,
) -> Response:
    """One page of ``rows``, each shown by ``show``. ``by`` must be unique and never change: an id, a seq.

    Raises:
        InvalidParameter: limit, cursor or count cannot be used.
    """
    limit, after = _limit(request, largest), _after(request)
    total = rows.count() if _flag(request, "count") else None
    if after is not None:
        rows = rows.filter(**{f"{by}__{'lt' if newest_first else 'gt'}": after})
    found = list(rows.order_by(f"-{by}" if newest_first else by)[: limit + 1])
    following = _address(request, found[limit - 1], by) if len(found) > limit else None
    body: dict[str, Any] = {"results": [show(row) for row in found[:limit]], "next": following}
    if total is not None:
        body["total"] = total
    return Response(body, headers={"Link": f'<{following}>; rel="next"'} if following else None)


def paged_by(request: Request, rows: QuerySet[Any], show: Callable[[Any], Any], *, field: str, falling: bool) -> Response:
    """As :func:`paged`, for an order by a field that many rows may share (a title, a date); ties by id, the same way.

    Raises:
        InvalidParameter: limit, cursor or count cannot be used.
    """
    limit, total = _limit(request, LARGEST_LIMIT), rows.count() if _flag(request, "count") else None
    after = _after_pair(request)
    if after is not None:
        beyond = "lt" if falling else "gt"
        value, pk = after
        rows = rows.filter(Q(**{f"{field}__{beyond}": value}) | Q(**{field: value, f"pk__{beyond}": pk}))
    sign = "-" if falling else ""
    found = list(rows.order_by(f"{sign}{field}", f"{sign}pk")[: limit + 1])
    following = None
    if len(found) > limit:
        last = found[limit - 1]
        following = _with_cursor(request, [str(getattr(last, field)), last.pk])
    body: dict[str, Any] = {"results": [show(row) for row in found[:limit]], "next": following}
    if total is not None:
        body["total"] = total
    return Response(body, headers={"Link": f'<{following}>; rel="next"'} if following else None)


def _after_pair(request: Request) -> tuple[str, int] | None:
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return None
    try:
        value, pk = signing.loads(cursor, salt=_salt(request))
        return str(value), int(pk)
    except (signing.BadSignature, TypeError, ValueError):
        raise InvalidParameter("This cursor does not belong to this list; start again without it.") from None


def _limit(request: Request, largest: int) -> int:
    text = request.query_params.get("limit", str(min(DEFAULT_LIMIT, largest)))
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= largest):
        raise InvalidParameter(f"limit is a whole number from 1 to {largest}.", parameter="limit")
    return int(text)


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        raise InvalidParameter(f"{name} is true or false.", parameter=name)
    return text == "true"


def _after(request: Request) -> int | None:
    cursor = request.query_params.get("cursor")
    if cursor is None:
        return None
    try:
        return int(signing.loads(cursor, salt=_salt(request)))
    except (signing.BadSignature, TypeError, ValueError):
        raise InvalidParameter("This cursor does not belong to this list; start again without it.") from None


def _address(request: Request, last: Model, by: str) -> str:
    """The request's own address, with the cursor that follows ``last``."""
    return _with_cursor(request, int(getattr(last, by)))


def _with_cursor(request: Request, place: int | list[Any]) -> str:
    parameters = request.query_params.copy()
    parameters["cursor"] = signing.dumps(place, salt=_salt(request))
    return request.build_absolute_uri(f"{request.path}?{parameters.urlencode()}")


def _salt(request: Request) -> str:
    filters = sorted((name, value) for name, value in request.query_params.items() if name not in PARAMETERS)
    return f"cursor:{request.path}:{filters!r}"
