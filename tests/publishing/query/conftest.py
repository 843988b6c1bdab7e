"""A small published file with every type, nulls in every column, awkward names, and several row groups."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.publishing.query import ReleaseColumn, ReleaseFile, ReleaseSchema, files
from catalog.publishing.query.engine import close_engines

SECRET = b"a secret that only tests know"
TYPES: dict[str, tuple[str, pa.DataType]] = {
    "id": ("integer", pa.int64()),
    "n": ("integer", pa.int64()),
    "amount": ("decimal", pa.decimal128(18, 2)),
    "share": ("number", pa.float64()),
    "구": ("text", pa.string()),
    "flag": ("boolean", pa.bool_()),
    "day": ("date", pa.date32()),
    "at": ("timestamp", pa.timestamp("us")),
    "seen": ("timestamptz", pa.timestamp("us", "UTC")),
    'or"der by`; --': ("text", pa.string()),
    "N": ("integer", pa.int64()),  # differs from n by case only
}
TEXTS = [
    "",
    "a",
    "A",
    "강남",
    "강동구",
    "=1+1",
    "O'Neil",
    'say "x"',
    "50%",
    "a_b",
    "back\\slash",
    "line\nbreak",
    "\u0000nul",
]
NUMBERS = [0.0, -0.0, 0.1, 1.5, -2.25, 1e300, float("nan"), float("inf"), float("-inf")]


def make_rows(count: int, seed: int = 7) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    start = dt.datetime(2026, 1, 1)

    def moment() -> dt.datetime:
        return start + dt.timedelta(hours=draw.randrange(200), microseconds=draw.choice([0, 5]))

    makers: dict[str, Callable[[], Any]] = {
        "n": lambda: draw.choice([*range(-5, 6), 2**63 - 1, -(2**63)]),
        "amount": lambda: Decimal(draw.randrange(-500, 500)).scaleb(-2),
        "share": lambda: draw.choice(NUMBERS),
        "구": lambda: draw.choice(TEXTS),
        "flag": lambda: draw.random() < 0.5,
        "day": lambda: moment().date(),
        "at": moment,
        "seen": lambda: moment().replace(tzinfo=dt.UTC),
        'or"der by`; --': lambda: draw.choice(TEXTS),
        "N": lambda: draw.randrange(3),
    }
    return [
        {"id": i, **{name: None if draw.random() < 0.15 else make() for name, make in makers.items()}}
        for i in range(count)
    ]


def write_release(
    path: Path, table: pa.Table, columns: tuple[ReleaseColumn, ...], row_group_size: int = 10_000
) -> ReleaseFile:
    pq.write_table(table, path, row_group_size=row_group_size)
    return ReleaseFile(path, hashlib.sha256(path.read_bytes()).hexdigest(), ReleaseSchema(columns))


@pytest.fixture(autouse=True, scope="session")
def engines_end() -> Iterator[None]:
    yield
    close_engines()


@pytest.fixture(scope="session")
def rows() -> list[dict[str, Any]]:
    return make_rows(400)


@pytest.fixture(scope="session")
def release(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> ReleaseFile:
    schema = pa.schema([(name, kind) for name, (_, kind) in TYPES.items()])
    columns = tuple(ReleaseColumn(name, kind) for name, (kind, _) in TYPES.items())  # type: ignore[arg-type]
    path = tmp_path_factory.mktemp("published") / "data.parquet"
    return write_release(path, pa.Table.from_pylist(rows, schema), columns, row_group_size=64)


@pytest.fixture
def fresh_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_columns", files._Columns(files.MAX_BYTES))
    monkeypatch.setattr(files, "_files", files._Files(files.MAX_OPEN))
