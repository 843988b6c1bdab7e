"""What an address answers, as far as access goes: the cells of the matrix."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from django.http import Http404

from anonymize.errors import AnonymizeError
from catalog.audit.errors import Conflict, Gone, NotAllowed, PlatformError


class Outcome(StrEnum):
    """The sign that stands in the page, for each way to be answered."""

    YES = "●"
    SIGN_IN = "in"
    REFUSED = "–"
    ABSENT = "404"
    CONFLICT = "409"
    GONE = "410"


MEANINGS = {
    Outcome.YES: "may; whether the content of the request is right is another question (422)",
    Outcome.SIGN_IN: "is asked to sign in: 401, or the page to sign in",
    Outcome.REFUSED: "may not: 403",
    Outcome.ABSENT: "there is nothing there, for this caller",
    Outcome.CONFLICT: "may, but not in this state",
    Outcome.GONE: "was stopped: the tombstone",
}
class SignInFirst(Exception):
    """Nobody may who has not begun to sign in: no caller of the matrix has."""


_BY_STATUS = {401: Outcome.SIGN_IN, 403: Outcome.REFUSED, 404: Outcome.ABSENT, 409: Outcome.CONFLICT, 410: Outcome.GONE}
STOP_POLLING = 286


def of_policy(check: Callable[[], Any]) -> Outcome:
    """What the policies say."""
    try:
        check()
    except SignInFirst:
        return Outcome.SIGN_IN
    except NotAllowed:
        return Outcome.REFUSED
    except Conflict:
        return Outcome.CONFLICT
    except Gone:
        return Outcome.GONE
    except Http404:
        return Outcome.ABSENT
    except (PlatformError, AnonymizeError):
        return Outcome.YES
    return Outcome.YES


def of_answer(answer: Any) -> Outcome | str:
    """What the platform really answered; the status itself where it says nothing about access."""
    status: int = answer.status_code
    if status == 302 and answer["Location"].startswith("/login"):
        return Outcome.SIGN_IN
    if status in (200, 201, 202, 204, 302, 422, STOP_POLLING):
        return Outcome.YES
    return _BY_STATUS.get(status, str(status))
