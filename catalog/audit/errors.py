"""Errors of the platform: a stable code, a status, and who must act. The API and the pages show the same ones."""

from __future__ import annotations

from typing import Any, ClassVar

from anonymize.errors import Actor, Problem


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
