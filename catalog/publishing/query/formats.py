"""An answer as JSON, JSON lines and CSV. Parquet needs a file and is made in exports.py.

JSON: integers and doubles are numbers, also beyond 2^53 (parse them as 64-bit integers); decimals are strings, digits
as published; dates and moments are ISO 8601, with an offset exactly when the column has one (then it is +00:00); NaN
and infinities are null. CSV: RFC 4180 with a header and CRLF, UTF-8 without a byte-order mark; a null is an empty cell,
an empty text is "". A text that a spreadsheet would take for a formula is given a leading apostrophe.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from catalog.publishing.query.run import Frame
from catalog.publishing.query.schema import ColumnType

FORMULA_STARTS = "=+-@\t\r＝＋－＠"  # spreadsheets of East Asia take the full-width signs as well
_FORMULA = r"\A[=+\-@\t\r＝＋－＠]"
_PLAIN_SCALE = 6  # Arrow writes a decimal zero with more digits than this after its point as 0E-8


def rows_of(frame: Frame) -> list[dict[str, Any]]:
    """The rows as JSON's own types: nothing is left for an encoder to decide."""
    columns = [json_values(array, kind) for array, kind in zip(frame.arrays, frame.types, strict=True)]
    return [dict(zip(frame.names, row, strict=True)) for row in zip(*columns, strict=True)]


def json_values(array: pa.Array, kind: ColumnType) -> list[Any]:
    """The values of a column as str, int, float, bool or None."""
    if kind == "decimal":
        return [None if value is None else format(value, "f") for value in array.to_pylist()]
    if kind == "number":
        array = _finite(array)
    elif kind in ("timestamp", "timestamptz"):
        array = iso_moments(array, kind)
    elif kind == "date":
        array = array.cast(pa.string())
    found: list[Any] = array.to_pylist()
    return found


def iso_moments(array: pa.Array, kind: ColumnType) -> pa.Array:
    """ISO 8601: 2026-01-31T18:00:00, a fraction where there is one, and +00:00 where the column has an offset."""
    text = array.cast(pa.timestamp("us")).cast(pa.string())
    text = pc.replace_substring(pc.replace_substring(text, " ", "T"), ".000000", "")
    return pc.binary_join_element_wise(text, "+00:00", "") if kind == "timestamptz" else text


def _finite(array: pa.Array) -> pa.Array:
    known = pc.is_finite(array)
    if known.null_count == array.null_count and pc.all(known, min_count=0).as_py():
        return array
    return pc.if_else(known, array, pa.scalar(None, array.type))


# --- streams -----------------------------------------------------------------------------------------------------


def json_lines(frames: Iterable[Frame]) -> Iterator[bytes]:
    """One object a line."""
    for frame in frames:
        lines = bytearray()  # not a join: orjson's small results each hold on to four kilobytes
        for row in rows_of(frame):
            lines += orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        yield bytes(lines)


def json_array(frames: Iterable[Frame]) -> Iterator[bytes]:
    """One array of objects."""
    before = b"["
    for frame in frames:
        if len(frame):
            yield before + orjson.dumps(rows_of(frame))[1:-1]
            before = b",\n"
    yield b"]\n" if before == b",\n" else b"[]\n"


def csv_lines(names: Iterable[str], frames: Iterable[Frame]) -> Iterator[bytes]:
    """A header, then the rows."""
    header = ",".join('"' + unarmed(name).replace('"', '""') + '"' for name in names)
    yield header.encode() + b"\r\n"
    options = pcsv.WriteOptions(include_header=False, quoting_style="needed", eol="\r\n")
    for frame in frames:
        cells = [_cells(array, kind) for array, kind in zip(frame.arrays, frame.types, strict=True)]
        buffer = io.BytesIO()
        table = pa.table(cells, names=[str(i) for i in range(len(cells))])
        pcsv.write_csv(table, buffer, options)
        yield buffer.getvalue()


def unarmed(text: str) -> str:
    """``text`` that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(tuple(FORMULA_STARTS)) else text


def _cells(array: pa.Array, kind: ColumnType) -> pa.Array:
    if kind == "text":
        armed = pc.match_substring_regex(array, _FORMULA)
        return pc.if_else(armed, pc.binary_join_element_wise("'", array, ""), array)
    if kind == "number":
        return _finite(array)
    if kind in ("timestamp", "timestamptz"):
        return iso_moments(array, kind)
    if kind == "decimal" and array.type.scale > _PLAIN_SCALE:
        return pa.array(json_values(array, kind), pa.string())
    return array
