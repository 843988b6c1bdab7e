"""``Idempotency-Key``: a POST that is sent twice creates once, and is answered twice alike.

The first request claims the key in the database before it does anything. A second one with the same content gets the
first one's answer; with other content 422; while the first is still at work 409. An answer that is an error frees the
key, since nothing was created. Keys belong to a user; answers are kept for a day.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any, Final

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.api.renderers import to_json
from catalog.audit.errors import PlatformError
from catalog.people.models import IdempotentAnswer, User
from catalog.people.services import ANSWERS_KEPT_FOR

HEADER: Final = "Idempotency-Key"
View = Callable[..., Response]
Fingerprint = Callable[[Request], bytes]


class BadIdempotencyKey(PlatformError):
    """An Idempotency-Key that is empty, too long or not plain ASCII."""

    code, status, title = "invalid_idempotency_key", 400, "The Idempotency-Key cannot be used"


class IdempotencyKeyReused(PlatformError):
    """The key was sent before, with another request."""

    code, status, title = "idempotency_key_reused", 422, "The Idempotency-Key was used for another request"


class StillAtWork(PlatformError):
    """The first request with this key has not been answered yet, or was interrupted."""

    code, status, title = "request_in_progress", 409, "The same request is still being worked on"


class AnswerNotKept(PlatformError):
    """The request was carried out before; its answer held a secret and was not kept."""

    code, status, title = "answer_not_kept", 409, "Done before; the answer is shown only once"


def body_fingerprint(request: Request) -> bytes:
    """The parsed body, written in one way."""
    return orjson.dumps(request.data, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS, default=str)


def idempotent(*, keep_answer: bool = True, fingerprint: Fingerprint = body_fingerprint) -> Callable[[View], View]:
    """Decorate ``post``. ``keep_answer=False`` for answers with a secret; ``fingerprint`` for bodies that stream."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def post(self: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            key = request.headers.get(HEADER)
            if key is None or not isinstance(request.user, User):
                return view(self, request, *args, **kwargs)
            claim, fresh = _claim(request, request.user, _checked(key), fingerprint(request))
            if not fresh:
                return _again(claim)
            return _first(claim, keep_answer, lambda: view(self, request, *args, **kwargs))

        return post

    return decorate


def _checked(key: str) -> str:
    if not (1 <= len(key) <= 255 and all(" " < sign <= "~" for sign in key)):
        raise BadIdempotencyKey("An Idempotency-Key has 1 to 255 visible ASCII signs.")
    return key


def _claim(request: Request, user: User, key: str, body: bytes) -> tuple[IdempotentAnswer, bool]:
    """This request's row, and whether this request is the first to have it."""
    said = {
        "method": str(request.method),
        "path": request.path[:1000],
        "request_sha256": hashlib.sha256(request.get_full_path().encode() + b"\n" + body).hexdigest(),
    }
    IdempotentAnswer.objects.filter(user=user, key=key, created_at__lt=timezone.now() - ANSWERS_KEPT_FOR).delete()
    try:
        with transaction.atomic():
            return IdempotentAnswer.objects.create(user=user, key=key, **said), True
    except IntegrityError:
        earlier = IdempotentAnswer.objects.filter(user=user, key=key).first()
    if earlier is None:
        raise StillAtWork("The same request ended at this very moment. Send it again.")
    if any(getattr(earlier, name) != value for name, value in said.items()):
        raise IdempotencyKeyReused("Use a new Idempotency-Key for a new request.")
    return earlier, False


def _first(claim: IdempotentAnswer, keep_answer: bool, work: Callable[[], Response]) -> Response:
    try:
        response = work()
    except BaseException:
        claim.delete()
        raise
    if response.status_code >= 400:
        claim.delete()
        return response
    claim.status = response.status_code
    claim.location = str(response.headers.get("Location", ""))
    claim.body = to_json(response.data).decode() if keep_answer and response.data is not None else ""
    claim.save(update_fields=["status", "location", "body"])
    return response


def _again(earlier: IdempotentAnswer) -> Response:
    if earlier.status is None:
        raise StillAtWork("The same request is being worked on, or was interrupted. Look before sending it anew.")
    if not earlier.body and earlier.status != 204:
        raise AnswerNotKept("This was done before. Its answer held a secret that is shown only once.")
    headers = {"Idempotent-Replayed": "true", **({"Location": earlier.location} if earlier.location else {})}
    data = orjson.loads(earlier.body) if earlier.body else None
    return Response(data, status=earlier.status, headers=headers)
