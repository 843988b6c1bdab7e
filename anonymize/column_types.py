"""The engine's words for types of columns, everywhere: in files, recipes, reports and the API."""

from __future__ import annotations

COLUMN_TYPES = ("integer", "decimal", "number", "text", "boolean", "date", "timestamp", "timestamptz")
