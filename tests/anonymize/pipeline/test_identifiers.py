"""What a direct identifier leaves as: through a whole run, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize import identifiers, pipeline, recipe
from anonymize.__main__ import main
from anonymize.assess import assess
from anonymize.columns import surrogates
from anonymize.columns.keys import FreshKeys
from anonymize.columns.pseudonyms import pseudonyms
from anonymize.errors import PrivacyNotMet, RecipeError
from anonymize.tables import DuckEngine, PandasEngine

KEY = bytes(range(32))
PSEUDONYM = {"as": "pseudonym"}
LASTING = {"as": "pseudonym", "key": "dataset", "reason": "the institute follows patients over the years"}
NAME = {"as": "surrogate", "kind": "name", "locale": "ko_KR"}
FORMAT = {"as": "surrogate", "kind": "same_format"}


def people(count: int = 40) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "person": [f"p{i}" for i in range(count)],
            "age": [20 + i % 2 for i in range(count)],
            "name": [f"Name{i:03} Family" for i in range(count)],
            "nick": [f"Name{i:03}" for i in range(count)],
            "phone": [f"010-{i:04}-{9999 - i:04}" for i in range(count)],
            "code": [f"{'AB'[i % 2]}{i:05}" for i in range(count)],
            "income": [i * 10 for i in range(count)],
        }
    )


def document(release_as: dict[str, Any] | None = None, column: str = "name", person_key: str | None = "person", **stage: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {"age": {"role": "quasi_identifier"}, column: {"role": "direct_identifier"}}
    if release_as is not None:
        columns[column]["release_as"] = release_as
    made: dict[str, Any] = {"recipe": 1, "title": "People", "columns": columns, "stages": [{"stage": "k_anonymity", "k": 5, **stage}]}
    if person_key is not None:
        made["person_key"] = person_key
        columns[person_key] = {"role": "person_key"}
    return made


def run(folder: Path, rows: pd.DataFrame, made: dict[str, Any], **options: Any) -> tuple[pd.DataFrame, dict[str, Any]]:
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), folder / "in.parquet")
    result = pipeline.run(recipe.parse(made), folder / "in.parquet", folder / "out", **options)
    return pd.read_parquet(result.artefact), result.report


@pytest.fixture(autouse=True)
def not_assessed(monkeypatch):
    """What an attacker could learn is measured after every run, and tested elsewhere."""
    monkeypatch.setattr(pipeline, "assess_run", lambda *_, **__: {}, raising=False)


@pytest.fixture(autouse=True)
def small_pools(monkeypatch):
    monkeypatch.setattr(surrogates, "POOL", 150)


# --- a whole run -----------------------------------------------------------------------------------------------------

EVERYTHING = {
    "recipe": 1, "title": "People", "person_key": "person", "stages": [{"stage": "k_anonymity", "k": 5}],
    "columns": {
        "person": {"role": "person_key"}, "age": {"role": "quasi_identifier"}, "income": {"role": "direct_identifier"},
        "name": {"role": "direct_identifier", "release_as": {**PSEUDONYM, "length": 20}},
        "nick": {"role": "direct_identifier", "release_as": NAME},
        "phone": {"role": "direct_identifier", "release_as": FORMAT},
        "code": {"role": "direct_identifier", "release_as": {"as": "truncated", "keep": 1}},
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=[DuckEngine, PandasEngine])
def released(request, tmp_path_factory):
    """(rows, released rows, report, bytes of the file); the first three have no name, the first an odd telephone number."""
    folder = tmp_path_factory.mktemp("run")
    rows = people()
    rows.loc[:2, ["name", "nick"]] = [[None, None], ["", None], [" ", None]]
    rows.loc[0, "phone"] = "+82 10-1234"
    with pytest.MonkeyPatch.context() as patch, request.param() as engine:
        patch.setattr(surrogates, "POOL", 150)
        out, report = run(folder, rows, EVERYTHING, engine=engine)
    return rows, out, report, (folder / "out" / "data.parquet").read_bytes()


def test_a_direct_identifier_is_dropped_unless_the_recipe_says_what_takes_its_place(released):
    _, out, report, _ = released
    assert list(out.columns) == ["age", "name", "nick", "phone", "code"]
    roles = {column["name"]: column["role"] for column in report["artefact"]["columns"]}
    assert roles == {"age": "quasi_identifier", "name": "pseudonym", "phone": "surrogate", "code": "quasi_identifier", "nick": "surrogate"}


def test_pseudonyms_are_hexadecimal_and_each_in_one_row_also_of_who_has_no_name(released):
    _, out, report, content = released
    assert out["name"].is_unique and out["name"].str.fullmatch("[0-9a-f]{20}").all()
    assert not any(bytes(f"Name{i:03} Family", "ascii") in content for i in range(len(out)))
    assert {"column": "name", "as": "pseudonym", "length": 20, "key": "release", "reason": ""} in report["public"]["identifiers"]
    assert report["guarantee"]["pseudonyms"] == "release"


def test_a_surrogate_is_never_a_value_of_the_column_and_stands_also_where_there_was_none(released):
    rows, out, _, _ = released
    assert not set(out["nick"]) & set(rows["nick"]) and not set(out["phone"]) & set(rows["phone"])
    assert out["nick"].str.fullmatch(r"[가-힣]{2,}").all()


def test_the_format_is_one_that_k_persons_share_and_each_sign_is_drawn(released):
    assert released[1]["phone"].str.fullmatch(r"[0-9]{3}-[0-9]{4}-[0-9]{4}").all()


def test_what_is_left_of_a_code_is_counted_in_the_classes(released):
    _, out, report, _ = released
    assert set(out["code"]) == {"A", "B"}
    assert report["guarantee"]["quasi_identifiers"] == ["age", "code"]
    assert [column["column"] for column in report["public"]["columns"]] == ["age", "code"]


# --- pseudonyms ------------------------------------------------------------------------------------------------------


def test_two_runs_of_one_recipe_cannot_be_joined(tmp_path):
    first, second = (set(run(tmp_path, people(10), document(PSEUDONYM))[0]["name"]) for _ in range(2))
    assert not first & second


def test_with_a_kept_key_two_runs_can_be_joined_the_report_says_why_and_the_key_is_nowhere(tmp_path):
    first, report = run(tmp_path, people(20), document(LASTING), keys=FreshKeys(KEY))
    left = json.dumps(report).encode() + (tmp_path / "out" / "data.parquet").read_bytes()
    second, _ = run(tmp_path, people(10), document(LASTING), keys=FreshKeys(KEY))
    assert set(second["name"]) < set(first["name"])
    assert report["guarantee"]["pseudonyms"] == "dataset"
    assert any(LASTING["reason"] in sentence for sentence in report["public"]["treatment"])
    assert KEY.hex().encode() not in left and KEY not in left


def test_a_kept_key_that_is_missing_is_missed_before_anything_is_computed(tmp_path):
    with pytest.raises(RecipeError, match="no key for them was given"):
        run(tmp_path, people(), document(LASTING))
    assert not (tmp_path / "out" / "data.parquet").exists()


def test_events_carry_no_pseudonym(tmp_path):
    twice = pd.concat([people(), people().iloc[:1].assign(name="Somebody Else")])
    with pytest.raises(PrivacyNotMet, match="several rows of one person") as refused:
        run(tmp_path, twice, document(PSEUDONYM))
    assert refused.value.problems[0].pointer == "/columns/name/release_as"
    assert not (tmp_path / "out" / "data.parquet").exists()


@pytest.mark.parametrize("person_key", [None, "person"])
def test_an_identifier_that_repeats_gets_no_pseudonym_with_or_without_a_person_key(tmp_path, person_key):
    rows = people()
    rows.loc[1, "name"] = rows.loc[0, "name"]
    with pytest.raises(PrivacyNotMet, match="same value in several rows") as refused:
        run(tmp_path, rows, document(PSEUDONYM, person_key=person_key))
    assert "Name0" not in str(refused.value.as_dict())


def test_one_name_in_two_spellings_of_unicode_is_one_pseudonym_and_is_refused(tmp_path):
    rows = people(10)
    rows.loc[:1, "name"] = ["Ren\u00e9", "Rene\u0301"]
    with pytest.raises(PrivacyNotMet, match="re-check"):
        run(tmp_path, rows, document(PSEUDONYM))
    assert not (tmp_path / "out" / "data.parquet").exists()


def test_rows_that_the_recipe_leaves_out_do_not_count(tmp_path):
    rows = pd.concat([people(), people().iloc[:1].assign(income=-1)])
    made = document(PSEUDONYM)
    made["columns"]["income"] = {"role": "sensitive"}
    made["stages"].insert(0, {"stage": "keep_rows", "column": "income", "at_least": 0})
    assert len(run(tmp_path, rows, made)[0]) == 40


# --- surrogates ------------------------------------------------------------------------------------------------------


def test_a_format_of_one_person_with_many_rows_is_no_format_of_k(tmp_path):
    rows = pd.concat([people().assign(phone=[f"{i:03}" + "x" * (i % 7 + 1) + "-" * (i + 1) for i in range(40)])] + [people().iloc[:1]] * 30)
    with pytest.raises(PrivacyNotMet, match="no format that the values of 5 persons share"):
        run(tmp_path, rows, document(FORMAT, column="phone"))


def test_rows_of_events_get_surrogates_that_have_nothing_in_common(tmp_path):
    out, _ = run(tmp_path, pd.concat([people(10)] * 40), document(NAME))
    # 400 rows over a pool of 150: were it one name for the rows of a person, there would be 10 at most
    assert len(out) == 400 and out["name"].nunique() > 60


def test_where_every_value_of_a_format_is_real_there_is_no_surrogate(tmp_path):
    rows = people(200).assign(code=[f"{i % 100:02}" for i in range(200)])
    with pytest.raises(PrivacyNotMet, match="too few surrogates"):
        run(tmp_path, rows, document(FORMAT, column="code"))


# --- truncated codes -------------------------------------------------------------------------------------------------


def test_too_much_of_a_code_ends_as_a_star(tmp_path):
    made = document({"as": "truncated", "keep": 6}, column="code")
    del made["columns"]["age"]  # a truncated code is enough of a quasi-identifier
    assert set(run(tmp_path, people(10), made)[0]["code"]) == {"*"}


def test_whole_numbers_are_codes_and_other_numbers_are_not(tmp_path):
    rows = people(20).assign(code=range(10_000, 10_020), age=1)
    out, _ = run(tmp_path, rows, document({"as": "truncated", "keep": 4}, column="code"))
    assert set(out["code"]) == {"1000", "1001"}
    with pytest.raises(RecipeError, match="text or whole numbers"):
        run(tmp_path, rows.assign(code=0.5), document({"as": "truncated", "keep": 4}, column="code"))


def test_a_fixed_scheme_gives_the_level_of_a_truncated_code_too():
    made = document({"as": "truncated", "keep": 1}, column="code", method="fixed", levels={"age": 0})
    with pytest.raises(RecipeError, match="level of every quasi-identifier"):
        recipe.parse(made)
    made["stages"][0]["levels"]["code"] = 0
    assert list(recipe.parse(made).quasi_identifiers) == ["age", "code"]


# --- the recipe ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("release_as", "pointer"),
    [
        ({"as": "hash"}, "/columns/name/release_as"),
        ({}, "/columns/name/release_as"),
        ("pseudonym", "/columns/name/release_as"),
        ({"as": "pseudonym", "length": 8}, "/columns/name/release_as/length"),
        ({"as": "pseudonym", "length": 65}, "/columns/name/release_as/length"),
        ({"as": "pseudonym", "salt": "x"}, "/columns/name/release_as/salt"),
        ({"as": "pseudonym", "key": "dataset"}, "/columns/name/release_as"),
        ({"as": "pseudonym", "key": "dataset", "reason": "  "}, "/columns/name/release_as"),
        ({"as": "pseudonym", "reason": "no need for one"}, "/columns/name/release_as"),
        ({"as": "pseudonym", "key": "for ever", "reason": "x"}, "/columns/name/release_as/key"),
        ({"as": "surrogate"}, "/columns/name/release_as/kind"),
        ({"as": "surrogate", "kind": "name"}, "/columns/name/release_as"),
        ({"as": "surrogate", "kind": "same_format", "locale": "ko_KR"}, "/columns/name/release_as"),
        ({"as": "surrogate", "kind": "name", "locale": "xx_XX"}, "/columns/name/release_as/locale"),
        ({"as": "truncated"}, "/columns/name/release_as/keep"),
        ({"as": "truncated", "keep": 0}, "/columns/name/release_as/keep"),
        ({"as": "truncated", "keep": "3"}, "/columns/name/release_as/keep"),
    ],
    ids=str,
)
def test_what_is_no_treatment_is_refused_at_its_place(release_as, pointer):
    with pytest.raises(RecipeError) as refused:
        recipe.parse(document(release_as))
    assert refused.value.problems[0].pointer == pointer


@pytest.mark.parametrize("role", ["quasi_identifier", "sensitive", "plain", "person_key"])
def test_only_a_direct_identifier_is_released_as_something(role):
    made = document(PSEUDONYM)
    made["columns"]["name"]["role"] = role
    with pytest.raises(RecipeError, match="role direct_identifier"):
        recipe.parse(made)


def test_only_microdata_have_anything_in_the_place_of_an_identifier():
    made = document(PSEUDONYM)
    made["stages"] = [{
        "stage": "dp_table", "group_by": [{"column": "age", "values": ["20", "21"]}], "measures": [{"name": "n", "kind": "persons"}],
        "epsilon": "1", "max_cells_per_person": 1, "cells": "public",
    }]  # fmt: skip
    scan = {"recipe": 1, "title": "t", "columns": {"name": {"role": "direct_identifier", "release_as": NAME}, "x": {"role": "plain"}}, "stages": [{"stage": "scan"}]}
    for other in (made, scan):
        with pytest.raises(RecipeError, match="only a k_anonymity stage"):
            recipe.parse(other)


def test_a_hierarchy_beside_it_is_refused_and_nothing_is_computed_from_it():
    made = document(PSEUDONYM)
    made["columns"]["name"]["hierarchy"] = {"prefix": [2]}
    with pytest.raises(RecipeError, match="no hierarchy"):
        recipe.parse(made)
    made = document(PSEUDONYM)
    made["stages"].insert(0, {"stage": "keep_rows", "column": "name", "values": ["x"]})
    with pytest.raises(RecipeError, match="who the person is"):
        recipe.parse(made)


def test_a_recipe_is_the_same_after_it_was_written_and_read():
    made = recipe.parse(document(LASTING))
    assert recipe.loads(made.to_json()) == made
    assert json.loads(made.to_json())["columns"]["name"]["release_as"] == LASTING


# --- measuring a release -------------------------------------------------------------------------------------------


def test_what_stands_in_the_place_of_an_identifier_is_no_column_to_attack_by(tmp_path):
    run(tmp_path, people(), EVERYTHING)
    found = assess(recipe.parse(EVERYTHING), tmp_path / "in.parquet", tmp_path / "out" / "data.parquet", targets=5, queries=5)
    assert found["columns"] == {"quasi_identifiers": ["age", "code"], "sensitive": [], "attacked": ["age", "code"]}


# --- planted faults: the file is read back ---------------------------------------------------------------------------

HEX = [f"{i:032x}" for i in range(9)]


@pytest.mark.parametrize(
    ("how", "written", "said"),
    [
        (PSEUDONYM, HEX, None),
        (PSEUDONYM, [*HEX[:8], None], "gaps"),
        (PSEUDONYM, [*HEX[:8], HEX[0]], "or one in two rows"),
        (PSEUDONYM, [*HEX[:8], HEX[8][:-1]], "no pseudonym"),
        (PSEUDONYM, [*HEX[:8], "Name000 Family"], "no pseudonym"),
        (PSEUDONYM, [*HEX[:8], "f" * 32], "a value of the original"),
        (NAME, ["x"] * 9, None),
        (NAME, ["x"] * 8 + [None], "gaps"),
        (NAME, ["x"] * 8 + ["Name000 Family"], "a value of the original"),
    ],
    ids=lambda value: str(value)[-40:],
)
def test_what_should_not_stand_in_the_file_is_found_there(tmp_path, how, written, said):
    original = pd.DataFrame({"name": ["Name000 Family", "f" * 32]})
    pq.write_table(pa.table({"name": pa.array(written, pa.string())}), tmp_path / "data.parquet")
    with DuckEngine(threads=1) as engine:
        asked = (engine, tmp_path / "data.parquet", engine.from_pandas(original), recipe.parse(document(how)))
        if said is None:
            identifiers.check(*asked)
        else:
            with pytest.raises(PrivacyNotMet, match=said):
                identifiers.check(*asked)


def test_identifiers_that_nothing_was_done_to_do_not_get_out(tmp_path, monkeypatch):
    monkeypatch.setattr(identifiers, "identifiers", lambda *_: identifiers.Identifiers({}, [], []))
    with pytest.raises(PrivacyNotMet, match="re-check"):
        run(tmp_path, people(10), document(PSEUDONYM))
    assert not (tmp_path / "out" / "data.parquet").exists()


def test_repeats_that_were_not_seen_before_the_run_are_seen_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(identifiers, "_refuse_links", lambda *_: None)
    with pytest.raises(PrivacyNotMet, match="or one in two rows"):
        run(tmp_path, pd.concat([people(10)] * 2), document(PSEUDONYM))


def test_a_pool_that_was_not_compared_with_the_column_is_seen_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(identifiers, "_taken", lambda *_: set())
    rows = people(200).assign(code=[f"{i:03}" for i in range(200)])  # one draw in five is real
    with pytest.raises(PrivacyNotMet, match="a value of the original"):
        run(tmp_path, rows, document(FORMAT, column="code"))


# --- the command line --------------------------------------------------------------------------------------------------


def test_the_command_line_makes_a_key_and_takes_one_from_a_file(tmp_path, capsys):
    people().to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "recipe.json").write_text(json.dumps(document(LASTING)))
    (tmp_path / "key").write_bytes(KEY)
    call = ["run", str(tmp_path / "recipe.json"), "--input", str(tmp_path / "people.csv"), "--output", str(tmp_path / "out")]
    assert main(call) == 2
    assert "no key for them was given" in capsys.readouterr().err
    assert main([*call, "--key-file", str(tmp_path / "key")]) == 0
    expected = pseudonyms("name", KEY, 32)(pa.array(people()["name"])).to_pylist()
    assert set(pd.read_parquet(tmp_path / "out" / "data.parquet")["name"]) == set(expected)
    assert LASTING["reason"] in (tmp_path / "out" / "report.md").read_text()
    (tmp_path / "key").write_bytes(KEY[:31])
    assert main([*call, "--key-file", str(tmp_path / "key")]) == 2
