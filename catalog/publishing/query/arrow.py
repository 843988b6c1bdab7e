"""Between Arrow's types and the eight that a release's columns can have."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.types as at

from catalog.publishing.query.schema import ColumnType


def _is_text(kind: pa.DataType) -> bool:
    value = kind.value_type if at.is_dictionary(kind) else kind
    return bool(at.is_string(value) or at.is_large_string(value) or at.is_string_view(value))


_FITS: dict[ColumnType, Callable[[pa.DataType], bool]] = {
    "integer": at.is_integer,
    "decimal": at.is_decimal,
    "number": at.is_floating,
    "text": _is_text,
    "boolean": at.is_boolean,
    "date": at.is_date,
    "timestamp": lambda kind: at.is_timestamp(kind) and kind.tz is None,
    "timestamptz": lambda kind: at.is_timestamp(kind) and kind.tz is not None,
}
_TARGETS: dict[ColumnType, pa.DataType] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "text": pa.string(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
}


def fits(kind: pa.DataType, column_type: ColumnType) -> bool:
    """Whether a stored column can be served as ``column_type`` without changing a value."""
    return bool(_FITS[column_type](kind))


def normalise(array: pa.Array | pa.ChunkedArray, column_type: ColumnType) -> pa.Array:
    """One contiguous array of the type's own Arrow type; decimals keep their precision and scale."""
    whole = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if isinstance(whole, pa.ChunkedArray):  # more than 2 GiB of text in one row group; pages never get here
        raise pa.ArrowInvalid("a batch is too large to be one array")
    target = _TARGETS.get(column_type, whole.type)
    return whole if whole.type == target else whole.cast(target)


def arrow_type(column_type: ColumnType, like: pa.DataType | None = None) -> pa.DataType:
    """The Arrow type of a column of an answer; a decimal's is that of ``like``."""
    return _TARGETS.get(column_type) or like or pa.decimal128(38, 0)
