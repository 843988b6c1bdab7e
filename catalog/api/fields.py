"""Members of a request, read strictly: text is text, a truth value is a truth value, and a document holds no NUL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


class Text(serializers.CharField):
    """A string, and nothing that could be turned into one. No NUL, no lone surrogates: no database keeps those."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Truth(serializers.BooleanField):
    """``true`` or ``false``; neither ``"yes"`` nor ``1``."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input="this")
        return data


class Whole(serializers.IntegerField):
    """A JSON integer; neither ``"1"`` nor ``1.0``."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return int(super().to_internal_value(data))


class Day(serializers.DateField):
    """An ISO date, and no number that could be taken for one."""

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str):
            self.fail("invalid", format="YYYY-MM-DD")
        return super().to_internal_value(value)


@extend_schema_field({"type": "object", "additionalProperties": True})
class Document(serializers.Field):
    """A JSON object of any content, but for NUL signs in its texts, which PostgreSQL cannot keep."""

    default_error_messages = {"invalid": "This must be an object.", "nul": "A text in it holds a NUL."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("invalid")
        if any("\0" in text for text in _texts(data)):
            self.fail("nul")
        found: dict[str, Any] = data
        return found

    def to_representation(self, value: Any) -> Any:
        return value


def _texts(document: Any) -> Iterator[str]:
    """Every name and every text in a JSON document."""
    left = [document]
    while left:
        part = left.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            yield from part
            left += part.values()
        elif isinstance(part, list):
            left += part
