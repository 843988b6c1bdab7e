"""CSV as different sources send it: UTF-8, with or without a byte order mark, or CP949. Written in pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

PIECE = 250_000
_PLAIN = pa_csv.WriteOptions(include_header=False, quoting_style="needed")


def pieces(rows: int, size: int = PIECE) -> Iterator[slice]:
    """Slices that cover ``rows`` in order."""
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def write_csv(path: Path, header: Sequence[str], tables: Iterable[pa.Table], *, encoding: str = "utf-8") -> int:
    """Write the tables below one header; answers the number of rows."""
    rows = 0
    with path.open("wb") as file:
        file.write((",".join(header) + "\n").encode(encoding))
        for table in tables:
            buffer = pa.BufferOutputStream()
            pa_csv.write_csv(table, buffer, _PLAIN)
            text = buffer.getvalue().to_pybytes()
            file.write(text if encoding.startswith("utf-8") else text.decode().encode(encoding))
            rows += table.num_rows
    return rows


def write_ladder(path: Path, rungs: Iterable[Sequence[str]]) -> None:
    """A hierarchy file: ``;`` separated, leaf first, one line a value."""
    path.write_text("".join(";".join(line) + "\n" for line in rungs), encoding="utf-8")
