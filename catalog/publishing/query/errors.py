"""What a caller asked for and cannot have, said so that they can mend it.

No message repeats a literal of the question: names, positions and types are enough, and a literal may be about a
person.
"""

from __future__ import annotations

from typing import Any, Literal

Actor = Literal["you", "us", "nobody"]


# every code a question can be refused with → what it means; 400 unless STATUS says otherwise
CODES: dict[str, str] = {
    "syntax": "The text cannot be read where the position points.",
    "invalid_literal": "A number, a date or a text is not written as one.",
    "invalid_text": "The text holds a sign that no question can hold.",
    "empty": "A parameter that needs a text has none.",
    "too_long": "The question is longer than any needs to be.",
    "too_deep": "The question nests deeper than any needs to.",
    "pattern_too_long": "The pattern of like is too long.",
    "invalid_pattern": "The pattern of like cannot be used.",
    "unknown_column": "The release has no column of this name; the nearest names are given.",
    "unknown_function": "There is no function of this name.",
    "unknown_parameter": "This address knows no parameter of this name.",
    "repeated_parameter": "A parameter is given more than once.",
    "invalid_parameter": "A parameter has a value that it cannot have.",
    "type_mismatch": "A column is compared with a value of another kind.",
    "null_comparison": "Nothing equals null: ask is null or is not null.",
    "no_value": "A comparison needs a value.",
    "no_column": "A comparison needs a column.",
    "number_out_of_range": "A number is larger than the column could hold.",
    "invalid_select": "What is selected does not fit together.",
    "not_grouped": "A column is selected that is neither grouped by nor summarised.",
    "mixed_levels": "Cells would be added to their own totals: group by the levels, or filter on them.",
    "duplicate_name": "Two selected columns would have the same name.",
    "numeric_overflow": "A sum is larger than any number that can be answered.",
    "invalid_cursor": "The cursor was not given out by this site: start again without it.",
    "cursor_of_another_release": "The cursor belongs to another release: start again without it.",
    "cursor_of_another_question": "The cursor belongs to another question: start again without it.",
    "unknown_format": "There is no export in this format.",
    "query_too_large": "The question needs too much memory: narrow it, or fetch an export.",
    "query_timeout": "The question took too long: narrow it, or fetch an export.",
    "release_unreadable": "The release cannot be read at the moment; we have to mend it.",
}
STATUS: dict[str, int] = {"unknown_format": 404, "query_timeout": 503, "release_unreadable": 503}


class QueryError(Exception):
    """A question that cannot be answered; ``status`` is the HTTP status that fits.

    ``pointer`` names the parameter, ``position`` is the 0-based offset in its text; ``line`` and ``column`` count
    from 1.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        pointer: str | None = None,
        position: int | None = None,
        text: str | None = None,
        suggestion: str | None = None,
        status: int = 400,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.pointer = pointer
        self.position = position
        self.line, self.column = _line_and_column(text, position)
        self.suggestion = suggestion
        self.status = status

    @property
    def who(self) -> Actor:
        """Who must act: the caller for a bad question, we for a release that cannot be read."""
        return "you" if self.status < 500 else "us"

    def as_dict(self) -> dict[str, Any]:
        """One entry of a problem document's ``errors``."""
        fields = {
            "pointer": self.pointer,
            "code": self.code,
            "message": self.message,
            "position": self.position,
            "line": self.line,
            "column": self.column,
            "suggestion": self.suggestion,
        }
        return {key: value for key, value in fields.items() if value is not None}


def _line_and_column(text: str | None, position: int | None) -> tuple[int | None, int | None]:
    if text is None or position is None:
        return None, None
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
