"""Errors of the engine. Each says what happened, where, and who must act; none carries a value of a person."""

from __future__ import annotations

import errno
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, Literal

Actor = Literal["you", "us", "nobody"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where: a JSON pointer into a recipe or a GeoJSON layer, or a line and a column of a file.

    ``shape`` describes a value without giving it away: ``9`` for a digit, ``A`` for a letter, other signs as they are.
    """

    code: str
    message: str
    pointer: str | None = None
    line: int | None = None
    column: str | None = None
    shape: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if value is not None}


class AnonymizeError(Exception):
    """Base of all errors the engine raises on purpose.

    ``code`` is stable and documented, ``who`` names who must act, ``exit_status`` is that of the command line.
    """

    code: ClassVar[str] = "engine_error"
    exit_status: ClassVar[int] = 2
    who: Actor = "you"

    def __init__(self, message: str, *, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.problems = problems

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": self.message,
            "who": self.who,
            "problems": [problem.as_dict() for problem in self.problems],
        }


class RecipeError(AnonymizeError):
    """The recipe cannot be run as written; nothing was read and nothing was spent."""

    code = "invalid_recipe"


class InputError(AnonymizeError):
    """The input file or table cannot be used as it is."""

    code = "invalid_input"


class HeaderLooksLikeValues(InputError):
    """What should name the columns looks like somebody's record, or one of the names like somebody's number or address.

    It is not quoted, anywhere. If the file has no header, upload it again, say so, and name the columns.
    """

    code = "header_looks_like_values"


class PrivacyNotMet(AnonymizeError):
    """The privacy that the recipe asks for cannot be reached on this input, or a check of the output failed.

    No artefact exists after this error.
    """

    code = "privacy_not_met"
    exit_status = 3


class BudgetRefused(AnonymizeError):
    """The privacy budget does not allow this release; no noise was drawn."""

    code = "budget_refused"
    exit_status = 3


class NoRoom(AnonymizeError):
    """The disk on which the work is done is full. Nothing of the work was kept."""

    code = "no_room"
    who = "us"


_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_WORDS: Final = ("no space left on device", "database or disk is full", "disk quota exceeded")


def no_room(error: BaseException | None) -> bool:
    """Whether ``error``, or what it came from, is a disk that is full. Libraries in other languages tell it in words alone."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if any(words in str(error).lower() for words in _FULL_WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False
