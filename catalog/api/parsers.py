"""Reading JSON strictly: UTF-8, no NaN, no endless nesting, no endless body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from catalog.audit.errors import TooLarge


class StrictJSONParser(BaseParser):
    """``application/json``, at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if not len(body) <= limit:
            raise TooLarge(f"A JSON request has at most {limit} bytes. Nothing was kept.")
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise ParseError(f"The body is not valid JSON: see {where}.") from None
        _refuse_repeated(body)
        return found


def _refuse_repeated(body: bytes) -> None:
    """Of two members of one name, one would win in silence: which one was meant?"""

    def once(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ParseError("The body names a member twice.")

    try:
        json.loads(body, object_pairs_hook=once)
    except RecursionError:
        raise ParseError("The body nests deeper than any needs to.") from None
