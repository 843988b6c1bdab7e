"""Helpers to load a few bytes as if they had been uploaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize.errors import InputError
from anonymize.tables.files import Loaded, read_upload


@dataclass
class Desk:
    """Where uploads are tried: a folder for scratch, one for output, and what is left in them."""

    folder: Path

    def __post_init__(self) -> None:
        self.scratch.mkdir()
        self.out.mkdir()

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def output(self) -> Path:
        return self.out / "typed.parquet"

    def load_file(self, source: Path, name: str, **options: Any) -> Loaded:
        loaded = read_upload(source, file_name=name, output=self.output, scratch=self.scratch, **options)
        assert self.left() == ["typed.parquet"]
        return loaded

    def load(self, content: bytes | str, name: str = "upload.csv", **options: Any) -> Loaded:
        source = self.folder / "source"
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.load_file(source, name, **options)

    def refusal(self, content: bytes | str, name: str = "upload.csv", **options: Any) -> InputError:
        """The error of an upload that must be refused, with nothing left anywhere."""
        self.output.unlink(missing_ok=True)
        with pytest.raises(InputError) as caught:
            self.load(content, name, **options)
        assert self.left() == []
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        return caught.value

    def left(self) -> list[str]:
        return sorted(path.name for folder in (self.out, self.scratch) for path in folder.iterdir())

    def table(self) -> pa.Table:
        return pq.read_table(self.output)

    def column(self, name: str) -> list[Any]:
        return list(self.table()[name].to_pylist())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def types_of(desk: Desk) -> Callable[..., dict[str, str]]:
    def types(content: bytes | str, **options: Any) -> dict[str, str]:
        return {column.name: column.type for column in desk.load(content, **options).columns}

    return types
