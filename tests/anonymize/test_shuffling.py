"""Rows leave in an order that nobody can tell from a random one, whether they fit into memory or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize import artefact, shuffling
from anonymize.shuffling import shuffled
from anonymize.tables import DuckEngine
from tests.chances import as_often, chance_of_passing


def batches(rows: int, size: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, rows, size):
        numbers = range(start, min(start + size, rows))
        texts = [None if n % 5 == 0 else f"t{n % 7}" for n in numbers]
        yield pa.RecordBatch.from_arrays([pa.array(numbers, pa.int64()), pa.array(texts)], names=["n", "text"])


def together(tables: Iterator[pa.Table]) -> pa.Table:
    return pa.concat_tables([pa.table({n: c.cast(pa.string()) if n == "text" else c for n, c in zip(t.column_names, t.columns, strict=True)}) for t in tables])


@pytest.mark.parametrize("part_rows", [10_000, 300, 7])
def test_every_row_leaves_once_and_whole_in_another_order(part_rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shuffling, "PART_ROWS", part_rows)
    found = together(shuffled(batches(1000, 130), 1000, tmp_path, ["text"]))
    assert sorted(found["n"].to_pylist()) == list(range(1000))
    assert all(text == (None if n % 5 == 0 else f"t{n % 7}") for n, text in zip(found["n"].to_pylist(), found["text"].to_pylist(), strict=True))
    assert found["n"].to_pylist() != list(range(1000))  # by chance less than once in 10^300
    assert not list(tmp_path.iterdir())


@pytest.mark.draws
@pytest.mark.parametrize("part_rows", [3, 2, 1])
def test_every_order_is_as_likely_as_every_other(part_rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """600 draws of six orders: 100 each on average, and as far from it as chance gives but for 10^-10. Twice as often is seen."""
    monkeypatch.setattr(shuffling, "PART_ROWS", part_rows)
    draws = Counter(tuple(together(shuffled(batches(3, 2), 3, tmp_path))["n"].to_pylist()) for _ in range(600))
    assert len(draws) == 6
    assert as_often(list(draws.values()), [1 / 6] * 6, 600)
    assert chance_of_passing([1 / 6] * 6, [2 / 7, *[1 / 7] * 5], 600) < 0.5


def test_a_dictionary_lists_its_values_in_their_own_order_and_not_as_they_were_met(tmp_path: Path) -> None:
    (table,) = shuffled(iter([pa.RecordBatch.from_arrays([pa.array(["z", "b", None, "a", "z"])], names=["text"])]), 5, tmp_path, ["text"])
    assert table["text"].chunk(0).dictionary.to_pylist() == ["a", "b", "z"]
    assert sorted(table["text"].to_pylist(), key=str) == [None, "a", "b", "z", "z"]


@pytest.mark.parametrize("few", [1000, 3])
def test_the_artefact_holds_plain_text_whether_it_was_written_from_a_dictionary_or_not(
    few: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artefact, "_FEW", few)
    monkeypatch.setattr(shuffling, "PART_ROWS", 400)
    with DuckEngine(temp_directory=tmp_path) as engine:
        frame = engine.from_pandas(pa.Table.from_batches(batches(1000, 1000)).to_pandas())
        rows = artefact.write_rows(engine, frame, ["text", "n"], tmp_path / "out.parquet", scratch=tmp_path, expected_rows=1000)
    table = pq.read_table(tmp_path / "out.parquet")
    assert (rows, table.num_rows, table.schema.field("text").type) == (1000, 1000, pa.string())
    assert sorted(table["n"].to_pylist()) == list(range(1000))
