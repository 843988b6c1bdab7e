"""The engine's words for types of columns, everywhere: in files, recipes, reports and the API."""

from __future__ import annotations

COLUMN_TYPES = ("integer", "decimal", "number", "text", "boolean", "date", "timestamp", "timestamptz")


def hint_of_time(*, is_number: bool) -> str:
    """What to do with a column of a type that no time can be taken from; told by the type, never by the values."""
    return "; if it counts seconds since 1970, make it a time stamp before the upload" if is_number else ""
