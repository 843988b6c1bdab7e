"""Where rows live: DuckDB by default, pandas for people who hold a DataFrame, Spark when data outgrow one machine.

The engines are loaded when they are first named: a process that only plans needs none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anonymize.tables.base import TableEngine
    from anonymize.tables.duck import DuckEngine
    from anonymize.tables.pandas_engine import PandasEngine
    from anonymize.tables.spark import SparkEngine

__all__ = ["DuckEngine", "PandasEngine", "SparkEngine", "TableEngine"]
_HOMES = {"TableEngine": "base", "DuckEngine": "duck", "PandasEngine": "pandas_engine", "SparkEngine": "spark"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
