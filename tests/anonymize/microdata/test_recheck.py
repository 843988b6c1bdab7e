"""The written file is counted again by code of its own; a file that cannot be checked has failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import anonymize.microdata.recheck as recheck_module
from anonymize.errors import PrivacyNotMet
from anonymize.microdata.recheck import Recheck, recheck
from tests.anonymize.oracles import k_anonymity as oracle


def write(path: Path, columns: dict[str, Any], row_group_size: int = 3) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=row_group_size)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


rows_and_persons = st.lists(
    st.tuples(st.sampled_from(["x", "y", "", None]), st.sampled_from([1, 2, None]), st.integers(0, 5)), min_size=1, max_size=14
)


def told(found: Recheck) -> tuple[int, int, int]:
    return found.classes, found.smallest_class_persons, found.rows


@pytest.mark.parametrize("block", [500_000, 1])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=rows_and_persons, k=st.integers(2, 3))
def test_the_recheck_counts_as_the_oracle_counts(folder: Path, block: int, data: list[Any], k: int) -> None:
    rows, persons = [row[:2] for row in data], [row[2] for row in data]
    columns = {"a": pa.array([r[0] for r in rows], pa.string()), "b": pa.array([r[1] for r in rows], pa.int64())}
    data_file = write(folder / "data.parquet", columns)
    person_file = write(folder / "persons.parquet", {"who": persons})
    smallest = oracle.smallest_class(rows, persons)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recheck_module, "_BLOCK", block)
        if smallest >= k:
            expected = (len(oracle.person_sets(rows, persons)), smallest, len(rows))
            assert told(recheck(data_file, person_file, ["a", "b"], k)) == expected
        else:
            with pytest.raises(PrivacyNotMet, match=f"class of {smallest} person"):
                recheck(data_file, person_file, ["a", "b"], k)


def test_without_persons_every_row_is_one(tmp_path: Path) -> None:
    file = write(tmp_path / "d.parquet", {"a": ["x", "x", "y", "y", "y"]})
    assert told(recheck(file, None, ["a"], 2)) == (2, 2, 5)


def test_rows_of_one_person_do_not_make_a_class(tmp_path: Path) -> None:
    file = write(tmp_path / "d.parquet", {"a": ["x"] * 5})
    persons = write(tmp_path / "p.parquet", {"who": ["p"] * 5})
    with pytest.raises(PrivacyNotMet, match="class of 1 person"):
        recheck(file, persons, ["a"], 2)


def test_a_file_changed_after_the_run_is_caught(tmp_path: Path) -> None:
    good = {"a": ["x", "x", "y", "y"], "b": [1, 1, 2, 2]}
    assert recheck(write(tmp_path / "d.parquet", good), None, ["a", "b"], 2).classes == 2
    for changed in ({**good, "a": ["x", "x", "y", "z"]}, {**good, "b": [1, None, 2, 2]}, {"a": ["x", "x", "y"], "b": [1, 1, 2]}):
        with pytest.raises(PrivacyNotMet):
            recheck(write(tmp_path / "d.parquet", changed), None, ["a", "b"], 2)


@pytest.mark.parametrize("values", [[0.0, -0.0], [None, float("nan")], ["", None], ["a", "a "], ["é", "e\u0301"]])
def test_two_spellings_are_two_classes(tmp_path: Path, values: list[Any]) -> None:
    file = write(tmp_path / "d.parquet", {"a": values})
    with pytest.raises(PrivacyNotMet):
        recheck(file, None, ["a"], 2)


def test_what_cannot_be_checked_has_failed(tmp_path: Path) -> None:
    good = write(tmp_path / "d.parquet", {"a": ["x", "x"]})
    empty = write(tmp_path / "e.parquet", {"a": pa.array([], pa.string())})
    torn = tmp_path / "t.parquet"
    torn.write_bytes(good.read_bytes()[:-20])
    short = write(tmp_path / "p.parquet", {"who": [1]})
    holes = write(tmp_path / "h.parquet", {"who": [1, None]})
    nothing = write(tmp_path / "n.parquet", {"who": [1, 2]})
    cases: list[tuple[Path, Path | None, list[str], int]] = [
        (tmp_path / "absent.parquet", None, ["a"], 2),
        (torn, None, ["a"], 2),
        (empty, None, ["a"], 2),
        (good, None, ["b"], 2),
        (good, None, [], 2),
        (good, short, ["a"], 2),
        (good, holes, ["a"], 2),
        (good, tmp_path / "absent.parquet", ["a"], 2),
        (good, None, ["a"], 1),
        (good, None, ["a"], 0),
    ]
    assert recheck(good, nothing, ["a"], 2).smallest_class_persons == 2
    for artefact, persons, columns, k in cases:
        with pytest.raises(PrivacyNotMet):
            recheck(artefact, persons, columns, k)
