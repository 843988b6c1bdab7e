"""For people who hold a pandas DataFrame: a recipe run on it, without files of their own and without the platform."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as pt

from anonymize import pipeline
from anonymize import recipe as recipes
from anonymize.errors import InputError, Problem
from anonymize.progress import Progress, silent
from anonymize.recipe import Recipe
from anonymize.tables.base import TableEngine, refuse_lookalikes


@dataclass(frozen=True, slots=True)
class FrameResult:
    """``frame``: what may be published, in a random order, with a new index. ``report``: see docs/reference/report.md."""

    frame: pd.DataFrame
    report: dict[str, Any]


def run_frame(
    recipe: Recipe | Mapping[str, Any] | str,
    frame: pd.DataFrame,
    *,
    folder: Path | None = None,
    engine: TableEngine | None = None,
    progress: Progress = silent,
    before_noise: pipeline.BeforeNoise = pipeline.nobody_to_charge,
) -> FrameResult:
    """Run a recipe on the rows of a DataFrame; its index is left out, the frame itself is not changed.

    Args:
        recipe: a parsed recipe, its document as a dict, or its JSON text.
        folder: where the recipe's hierarchy files are.
        engine: where the rows live while it runs: DuckDB by default, or ``PandasEngine()``.
        before_noise: told of the privacy loss of a ``dp_table`` before anything is drawn; keeping account is the caller's.

    Raises:
        RecipeError, InputError: the recipe or the frame cannot be used.
        PrivacyNotMet: the privacy asked for cannot be reached. There is no result then.
    """
    asked = recipe if isinstance(recipe, Recipe) else recipes.loads(recipe) if isinstance(recipe, str) else recipes.parse(dict(recipe))
    with tempfile.TemporaryDirectory(prefix="anonymize-") as name:
        scratch = Path(name)
        write_frame(frame, scratch / "frame.parquet")
        made = pipeline.run(
            asked, scratch / "frame.parquet", scratch / "out", folder=folder, scratch=scratch, engine=engine,
            progress=progress, before_noise=before_noise,
        )  # fmt: skip
        return FrameResult(pd.read_parquet(made.artefact), made.report)


def write_frame(frame: pd.DataFrame, path: Path) -> Path:
    """The rows of a DataFrame as the typed Parquet file that ``pipeline.run``, ``frontier`` and ``assess`` read.

    Integers have 64 bits, times microseconds; categories are their values; NaN in a column of numbers is a null. Raises
    :class:`InputError` for a column whose values are of several kinds, or of one that no recipe handles.
    """
    if not all(isinstance(name, str) and name for name in frame.columns):
        raise InputError("every column of the frame needs a text for a name")
    refuse_lookalikes(list(frame.columns))
    columns = [_column(name, frame[name]) for name in frame.columns]
    pq.write_table(pa.table(dict(zip(frame.columns, columns, strict=True))), path)
    return path


def _column(name: str, values: pd.Series[Any]) -> pa.Array:
    try:
        found = pa.array(values, from_pandas=True)
        return _plain(found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found)
    except (pa.ArrowException, OverflowError):
        pass  # raised below, so that the error has no context: such errors quote the value
    if _has_long_integers(values):
        message = f"column {name!r} holds whole numbers of 2^63 or more, which no recipe handles: make it text if they are codes, or Decimal"
        raise InputError(message, problems=(Problem("number_too_large", message, column=name),))
    message = f"column {name!r} holds values of several kinds, or of one that no recipe handles: make it numbers, text, dates, times or true/false"
    raise InputError(message, problems=(Problem("unusable_column", message, column=name),))


def _has_long_integers(values: pd.Series[Any]) -> bool:
    """Whether all are whole numbers or missing, so that it is their size that stood in the way."""
    return bool(pd.api.types.is_integer_dtype(values.dtype)) or pd.api.types.infer_dtype(values, skipna=True) == "integer"


def _plain(values: pa.Array) -> pa.Array:
    """One type for each kind of value, as an uploaded file would have."""
    kind = values.type
    if pt.is_dictionary(kind):
        return _plain(values.dictionary_decode())
    if pt.is_integer(kind):
        return values.cast(pa.int64())
    if pt.is_floating(kind):
        return values.cast(pa.float64())
    if pt.is_timestamp(kind):
        return values.cast(pa.timestamp("us", tz=kind.tz))
    if pt.is_null(kind) or pt.is_large_string(kind):
        return values.cast(pa.string())
    if pt.is_string(kind) or pt.is_boolean(kind) or pt.is_date32(kind) or pt.is_decimal128(kind):
        return values
    raise pa.ArrowTypeError("a kind of value that no recipe handles")
