"""Engines by name, for those who choose one by an option or a setting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from anonymize.errors import AnonymizeError

if TYPE_CHECKING:
    from anonymize.tables.base import TableEngine

EngineName: TypeAlias = Literal["duck", "pandas", "spark"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


def open_engine(name: str, *, temp_directory: Path, memory_limit: str = "1GB", spark_master: str | None = None) -> TableEngine:
    """The engine of that name; to be closed. ``memory_limit`` is DuckDB's: pandas has none, Spark's is its own configuration.

    Raises AnonymizeError when there is no such engine, or what it needs is not installed.
    """
    if name == "duck":
        from anonymize.tables.duck import DuckEngine

        return DuckEngine(memory_limit=memory_limit, temp_directory=temp_directory)
    if name == "pandas":
        from anonymize.tables.pandas_engine import PandasEngine

        return PandasEngine()
    if name == "spark":
        from anonymize.tables.spark import SparkEngine

        return SparkEngine(temp_directory=temp_directory, master=spark_master)
    raise AnonymizeError(f"there is no table engine {name!r}; there are {', '.join(ENGINES)}")


def missing(name: str) -> str | None:
    """What must be installed on this machine before the engine of that name can be opened, if anything."""
    if name != "spark":
        return None
    from anonymize.tables import spark_session

    return spark_session.missing()
