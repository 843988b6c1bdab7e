"""How large an uploaded file may be, in every direction in which a hostile one could grow."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1024**2
GIBIBYTE = 1024**3


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes unless said otherwise; each is refused with a clear error when passed."""

    record: int = 8 * MEBIBYTE  # one CSV record, quoted line breaks included
    columns: int = 1000
    name_length: int = 200  # signs of a column name
    problems: int = 20  # listed in an error; the rest is only counted
    expanded: int = 16 * GIBIBYTE  # of a Parquet file, uncompressed
    row_group: int = 2 * GIBIBYTE  # of one row group, uncompressed
    column_chunk: int = 512 * MEBIBYTE  # of one column in one row group, uncompressed
    sheet_expanded: int = GIBIBYTE  # of all parts of a workbook together
    sheet_ratio: int = 200  # expanded size of a part over its compressed size, for parts above one mebibyte
    sheet_parts: int = 2000  # entries of the archive
    sheet_side_part: int = 64 * MEBIBYTE  # shared strings, styles: parts that are held in memory
    sheet_token: int = MEBIBYTE  # text between two XML tags
    sheet_rows: int = 1_048_576  # rows, the format's own limit
    memory: str = "512MB"  # of DuckDB, which spills to scratch beyond it
