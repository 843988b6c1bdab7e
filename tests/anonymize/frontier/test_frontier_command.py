"""``python -m anonymize frontier``."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pyarrow.parquet as pq
import pytest

from anonymize.__main__ import main
from tests.anonymize.frontier.worlds import document, survey


@pytest.fixture
def asked(tmp_path):
    pq.read_table(survey(tmp_path)).to_pandas().to_csv(tmp_path / "survey.csv", index=False)
    (tmp_path / "recipe.json").write_text(json.dumps(document()))
    return ["frontier", str(tmp_path / "recipe.json"), "--input", str(tmp_path / "survey.csv"), "--output", str(tmp_path / "out")]


def test_it_writes_the_rows_the_table_and_the_picture(asked, tmp_path, capsys):
    assert main([*asked, "--k", "2,6", "--l", "1,5"]) == 0
    assert "4 of 8 settings can be had" in capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "frontier.json").read_text())
    assert [point["k"] for point in found["points"]] == [2, 2, 6, 6] * 2
    assert "| local recoding, k = 6, l = 5 | not possible" in (tmp_path / "out" / "frontier.md").read_text()
    assert ElementTree.parse(tmp_path / "out" / "frontier.svg").getroot().tag.endswith("svg")


def test_no_value_of_anybody_is_in_what_it_writes(asked, tmp_path):
    assert main([*asked, "--k", "3"]) == 0
    for path in (tmp_path / "out").iterdir():
        text = path.read_text()
        assert not [value for value in ("flu", "gout", "N1", "S3") if f">{value}<" in text or f'"{value}"' in text]


@pytest.mark.parametrize("wrong", [["--k", "two"], ["--k", ""], ["--l", "0"], ["--methods", "magic"]])
def test_settings_that_cannot_be_end_with_2_and_leave_nothing_of_before(asked, tmp_path, wrong, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "frontier.svg").write_text("of before")
    assert main([*asked, *wrong]) == 2
    assert capsys.readouterr().err.startswith("anonymize: ")
    assert list((tmp_path / "out").iterdir()) == []


def test_without_a_setting_that_can_be_had_there_is_no_picture(asked, tmp_path):
    assert main([*asked, "--k", "1000"]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"frontier.json", "frontier.md"}
