"""``python -m anonymize`` on files, as somebody without the platform uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from anonymize.__main__ import main


@pytest.fixture
def people(tmp_path: Path) -> Path:
    rows = ["person,age,town,phone,fare"]
    rows += [f"p{i // 3},{20 + i // 3 % 4},{'north' if i % 2 else 'south'},010-0000-{i:04},{i % 7}.50" for i in range(180)]
    path = tmp_path / "people.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def recipe(folder: Path, **changes) -> Path:
    document = {
        "recipe": 1, "title": "People", "person_key": "person",
        "columns": {"person": {"role": "person_key"}, "age": {"role": "quasi_identifier", "hierarchy": {"intervals": [2, 4]}}, "town": {"role": "plain"}},
        "stages": [{"stage": "k_anonymity", "k": 5, "method": "full_domain", "max_suppressed": "0.05"}],
        **changes,
    }  # fmt: skip
    path = folder / "recipe.json"
    path.write_text(json.dumps(document))
    return path


DP = [
    {
        "stage": "dp_table", "group_by": [{"column": "town", "values": ["north", "south"]}],
        "measures": [{"name": "persons", "kind": "persons"}, {"name": "fares", "kind": "sum", "column": "fare", "lower": 0, "upper": 7, "unit": "0.01"}],
        "epsilon": "1.0", "delta": "1e-6", "max_cells_per_person": 2, "max_rows_per_cell": 3, "cells": "public",
    }
]  # fmt: skip
DP_COLUMNS = {"town": {"role": "plain"}, "fare": {"role": "plain"}}


def run(recipe_path: Path, source: Path, output: Path) -> int:
    return main(["run", str(recipe_path), "--input", str(source), "--output", str(output)])


def test_a_run_writes_the_table_its_report_and_a_report_to_read(people, tmp_path):
    assert run(recipe(tmp_path), people, tmp_path / "out") == 0
    table = pd.read_parquet(tmp_path / "out" / "data.parquet")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert set(table.columns) == {"age", "town"}
    assert report["public"]["recheck"]["smallest_class_persons"] >= 5
    assert report["artefact"]["rows"] == len(table)
    words = (tmp_path / "out" / "report.md").read_text()
    assert report["guarantee"]["sentence"] in words
    assert report["artefact"]["sha256"] in words


def test_a_dp_table_has_every_declared_cell_with_its_interval(people, tmp_path):
    assert run(recipe(tmp_path, stages=DP, columns=DP_COLUMNS), people, tmp_path / "out") == 0
    table = pd.read_parquet(tmp_path / "out" / "data.parquet")
    assert sorted(table["town"]) == ["north", "south"]
    assert (table["fares_lower"] <= table["fares"]).all()
    assert (table["fares"] <= table["fares_upper"]).all()


def test_a_column_that_the_recipe_does_not_name_is_dropped_and_so_is_the_person_key(people, tmp_path):
    run(recipe(tmp_path), people, tmp_path / "out")
    everything = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert b"010-0000" not in everything
    assert "person" not in pd.read_parquet(tmp_path / "out" / "data.parquet").columns


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"stages": [{"stage": "k_anonymity", "k": 1000}]}, 3),
        ({"stages": [{"stage": "k_anonymity", "k": 0}]}, 2),
        ({"columns": {"person": {"role": "person_key"}, "nowhere": {"role": "quasi_identifier"}}}, 2),
        ({"columns": {"phone": {"role": "plain"}}, "stages": [{"stage": "scan"}], "person_key": None}, 3),
        ({"stages": [{**DP[0], "group_by": [{"column": "person"}]}]}, 2),
        ({"stages": [{**DP[0], "epsilon": "0"}]}, 2),
        ({"stages": [{**DP[0], "epsilon": "-1"}]}, 2),
        ({"stages": [{**DP[0], "epsilon": "NaN"}]}, 2),
        ({"stages": [{**DP[0], "epsilon": "1e308"}]}, 2),
        ({"stages": [{**DP[0], "delta": "1"}]}, 2),
        ({"stages": [{**DP[0], "cells": "private", "delta": "0"}]}, 2),
        ({"stages": [{**DP[0], "group_by": [{"column": "town"}]}]}, 2),
        ({"stages": [{"stage": "k_anonymity", "k": 5}, *DP]}, 2),
        ({"unknown": 1}, 2),
        ({"columns": {"age": {"role": "quasi_identifier", "hierarchy": {"file": "../../etc/passwd"}}}}, 2),
        ({"columns": {"age": {"role": "quasi_identifier", "hierarchy": {"file": "missing.csv"}}}}, 2),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_what_cannot_be_run_ends_with_its_status_one_clear_line_and_no_data_file(people, tmp_path, capsys, changes, status):
    path = recipe(tmp_path, **changes)
    document = {key: value for key, value in json.loads(path.read_text()).items() if value is not None}
    path.write_text(json.dumps(document))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "data.parquet").write_bytes(b"left from an earlier run")
    assert run(path, people, tmp_path / "out") == status
    said = capsys.readouterr().err
    assert said.startswith("anonymize: ")
    assert "Traceback" not in said
    assert "010-0000" not in said
    assert not (tmp_path / "out" / "data.parquet").exists()


def test_what_is_wrong_is_said_once_and_with_its_place(people, tmp_path, capsys):
    assert run(recipe(tmp_path, typo=1), people, tmp_path / "out") == 2
    assert capsys.readouterr().err == "anonymize: /typo: there is no such field here\n"
    assert run(recipe(tmp_path, typo=1, other=2), people, tmp_path / "out") == 2
    assert capsys.readouterr().err.splitlines()[1:] == [f"  at /{name}: there is no such field here" for name in ("typo", "other")]


def test_a_recipe_that_is_not_json_or_not_there_ends_with_2(people, tmp_path, capsys):
    (tmp_path / "bad.json").write_text("{")
    assert run(tmp_path / "bad.json", people, tmp_path / "out") == 2
    assert run(tmp_path / "none.json", people, tmp_path / "out") == 2
    assert run(recipe(tmp_path), tmp_path / "none.csv", tmp_path / "out") == 2


def test_a_profile_shows_what_columns_are_and_no_value(people, capsys):
    assert main(["profile", str(people)]) == 0
    said = capsys.readouterr().out
    profile = {column["name"]: column for column in json.loads(said)["columns"]}
    assert profile["phone"]["suggested_role"] == "direct_identifier"
    assert "010-0000" not in said


def test_the_engine_does_not_load_django_or_celery():
    code = "import sys, anonymize.pipeline, anonymize.__main__; sys.exit(any(m.split('.')[0] in ('django', 'celery', 'catalog') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_rows_without_a_person_key_are_refused_unless_the_recipe_leaves_them_out(tmp_path, capsys):
    source = tmp_path / "x.csv"
    source.write_text("person,town,fare\n" + "".join(f"{'' if i % 5 == 0 else f'p{i}'},north,1\n" for i in range(60)))
    stages = [{**DP[0], "measures": [{"name": "persons", "kind": "persons"}]}]
    assert run(recipe(tmp_path, stages=stages, columns={"town": {"role": "plain"}}), source, tmp_path / "out") == 2
    assert "missing_person_key" in capsys.readouterr().err
    assert run(recipe(tmp_path, stages=stages, columns={"town": {"role": "plain"}}, missing_person_key="drop"), source, tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["internal"]["input"]["rows_without_person"] == 12
    assert "Rows that name no person were left out." in report["public"]["treatment"]
    assert "rows_without_person" not in json.dumps(report["public"])
