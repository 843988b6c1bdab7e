"""Errors of the platform: a stable code, a status, and who must act. The API and the pages show the same ones."""

from __future__ import annotations

from typing import Any, ClassVar

from anonymize.errors import Actor, AnonymizeError, Problem, no_room


class PlatformError(Exception):
    """Base. ``detail`` says what happened, what was kept and what to do; never a value of a person."""

    code: ClassVar[str] = "platform_error"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "The request cannot be carried out"
    who: Actor = "you"

    def __init__(self, detail: str, *, problems: tuple[Problem, ...] = (), **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = problems
        self.extra = extra


class Invalid(PlatformError):
    code, status, title = "invalid_content", 422, "The content is not valid"


class NotAllowed(PlatformError):
    code, status, title = "not_allowed", 403, "You may not do this"


class Conflict(PlatformError):
    """The thing is in another state by now: somebody else was faster, or the step is not legal from here."""

    code, status, title = "wrong_state", 409, "Not possible in this state"


class TooMany(PlatformError):
    """More was asked for than one may ask for in this time; ``retry_after`` in ``extra`` is in seconds."""

    code, status, title = "too_many_requests", 429, "Too many requests"


class Gone(PlatformError):
    """Withdrawn or suspended: the tombstone is in ``extra``."""

    code, status, title = "withdrawn", 410, "This release is no longer available"


class TooLarge(PlatformError):
    code, status, title = "too_large", 413, "The upload is too large"


class Unsupported(PlatformError):
    code, status, title = "unsupported_media_type", 415, "This kind of file is not accepted"


class StoreFull(PlatformError):
    """There is no room left for what should be kept: the operator makes room, or says where else there is some."""

    code, status, title = "store_full", 507, "There is no room left"
    who = "us"


def full(error: BaseException) -> StoreFull | None:
    """What to say where ``error`` is a disk that is full; None where it is something else."""
    if not no_room(error):
        return None
    return StoreFull("There is no room left to keep this. Nothing was kept. The operator must make room; then try again.")


def failure(error: Exception, *, work: str) -> dict[str, Any]:
    """Why a piece of work ended, as its row keeps it: code, message, who must act, problems. Never a value of a person.

    ``work`` names it in a sentence: "The run stopped because of a fault of ours".
    """
    if isinstance(error, AnonymizeError):
        return error.as_dict()
    error = full(error) or error
    if isinstance(error, PlatformError):
        return {"code": error.code, "message": error.detail, "who": error.who, "problems": [problem.as_dict() for problem in error.problems]}
    return our_fault(f"{work} stopped because of a fault of ours ({type(error).__name__}). Nothing was kept; tell the operator.")


def our_fault(message: str) -> dict[str, Any]:
    return {"code": "internal_error", "message": message, "who": "us", "problems": []}
