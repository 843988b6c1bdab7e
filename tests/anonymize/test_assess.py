"""``assess``: a release measured against its original, as a library and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize import recipe as recipes
from anonymize.__main__ import main
from anonymize.assess import assess
from anonymize.errors import InputError, RecipeError
from tests.anonymize.risk.worlds import coarse, people

COLUMNS = {
    "age": {"role": "quasi_identifier", "hierarchy": {"intervals": ["10", "20"]}},
    "area": {"role": "quasi_identifier", "hierarchy": {"prefix": [1]}},
    "illness": {"role": "sensitive"},
}
STAGE = {"stage": "k_anonymity", "k": 3, "max_suppressed": "0.1"}


def document(**changes):
    return {"recipe": 1, "title": "T", "columns": COLUMNS, "stages": [STAGE], **changes}


def write(table: pa.Table, path: Path) -> Path:
    pq.write_table(table, path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assess")
    draw = np.random.default_rng(21)
    original = people(draw, 300)
    return {
        "folder": folder,
        "original": write(original, folder / "original.parquet"),
        "copy": write(original, folder / "copy.parquet"),
        "coarse": write(coarse(original), folder / "coarse.parquet"),
        "holdout": write(people(draw, 300), folder / "holdout.parquet"),
    }


def measured(files, release, **changes):
    chosen = {"holdout": files["holdout"], "targets": 200, "queries": 200, "rng": np.random.default_rng(1), **changes}
    return assess(recipes.parse(document()), files["original"], files[release], **chosen)


def test_a_coarse_release_risks_less_and_is_worth_less_than_a_copy(files):
    copy, blurred = measured(files, "copy"), measured(files, "coarse")
    assert copy["risk"]["after"]["prosecutor_max"] == 1
    assert blurred["risk"]["after"]["prosecutor_max"] < 0.2
    for attack in ("singling_out", "linkability"):
        assert blurred["attacks"][attack]["attack"]["successes"] < copy["attacks"][attack]["attack"]["successes"]
    assert blurred["attacks"]["linkage"]["2"]["attack"]["value"] < copy["attacks"]["linkage"]["2"]["attack"]["value"] / 3
    assert copy["utility"]["granularity"] == 1
    assert copy["utility"]["two_way"]["mean"] == 0
    assert 0 < blurred["utility"]["granularity"] < 1
    assert blurred["utility"]["entropy_loss"] > 0
    assert set(blurred["sensitive"]) == set(blurred["utility"]["models"]) == {"illness"}
    assert blurred["unicity"] is None  # one row a person


def test_granularity_is_that_of_the_pipeline_itself(files, tmp_path):
    from anonymize import pipeline

    made = pipeline.run(recipes.parse(document()), files["original"], tmp_path)
    found = assess(recipes.parse(document()), files["original"], made.artefact, targets=50, queries=50)
    public = made.report["public"]
    assert found["utility"]["granularity"] == pytest.approx(public["granularity"])
    assert found["utility"]["discernibility"] == public["discernibility"]
    assert found["risk"]["after"]["smallest"] == public["recheck"]["smallest_class_persons"]
    assert found["risk"]["before"]["histogram"] == made.report["internal"]["risk_before"]["histogram"]
    assert found["rows"]["suppressed"] == public["suppressed"]["rows"]


def test_the_sampling_fraction_reaches_the_estimates(files):
    whole, tenth = measured(files, "copy"), measured(files, "copy", sample_fraction=0.1)
    assert whole["risk"]["before"]["attackers"]["journalist_max"] == 1
    assert tenth["risk"]["before"]["attackers"]["journalist_max"] < 0.5
    assert tenth["risk"]["before"]["population"]["chosen"] == "pitman"
    assert any("sampling fraction" in note for note in whole["notes"])


def test_without_held_out_people_it_says_what_attacks_are_compared_with(files):
    found = measured(files, "copy", holdout=None)
    assert found["attacks"]["singling_out"]["control"] is None
    assert found["attacks"]["singling_out"]["risk"]["beyond"] == "baseline"
    assert any("held-out" in note for note in found["notes"])


def test_events_are_counted_in_persons_and_their_unicity_before_and_after(tmp_path):
    draw = np.random.default_rng(2)
    visits = people(draw, 600)
    events = visits.append_column("person", pa.array([f"p{i // 6}" for i in range(600)]))
    original = write(events, tmp_path / "o.parquet")
    release = write(coarse(visits), tmp_path / "r.parquet")
    described = recipes.parse(document(person_key="person", columns={**COLUMNS, "person": {"role": "person_key"}}))
    found = assess(described, original, release, targets=100, queries=50)
    assert found["persons"] == 100
    assert found["rows"]["original"] == 600
    before, after = found["unicity"]["before"], found["unicity"]["after"]
    assert [rate["value"] for rate in before] == sorted(rate["value"] for rate in before)
    assert before[2]["lower"] > after[2]["upper"]
    assert found["person_key_published"] is False
    keyed = write(coarse(visits).append_column("person", events["person"]), tmp_path / "k.parquet")
    assert assess(described, original, keyed, targets=20, queries=20)["person_key_published"] is True


def test_every_attack_on_the_method_runs_on_every_release_and_a_scheme_fixed_beforehand_resists(files):
    stage = {"stage": "k_anonymity", "k": 3, "max_suppressed": "0.1", "method": "fixed", "levels": {"age": 1, "area": 1}}
    found = assess(recipes.parse(document(stages=[stage])), files["original"], files["coarse"], targets=50, queries=50)["method"]
    assert (found["full_domain"], found["chosen_from_data"]) == (True, False)
    assert (found["minimality"]["argues"], found["minimality"]["gain"], found["minimality"]["learnt"]) == (False, 0, 0)
    assert found["refinement"]["overlapping"]["successes"] == 0
    assert found["downcoding"]["guess"]["risk"]["value"] == found["downcoding"]["learnt"] == 0
    chosen = measured(files, "coarse")["method"]
    assert chosen["chosen_from_data"]
    assert chosen["minimality"]["argues"]
    assert chosen["minimality"]["levels"] == {"age": 1, "area": 1}
    assert chosen["downcoding"]["guess"]["attack"]["trials"] > 0


def test_a_recipe_that_is_not_for_microdata_and_a_fraction_that_cannot_be_are_refused(files):
    scan = recipes.parse({"recipe": 1, "title": "T", "columns": {"age": {"role": "plain"}}, "stages": [{"stage": "scan"}]})
    with pytest.raises(RecipeError, match="microdata"):
        assess(scan, files["original"], files["coarse"])
    for fraction in (0.0, -1.0, 1.5, float("nan")):
        with pytest.raises(RecipeError, match="fraction"):
            measured(files, "coarse", sample_fraction=fraction)


def test_a_release_with_more_rows_is_no_release_of_the_original(files, tmp_path):
    table = pq.read_table(files["copy"])
    twice = write(pa.concat_tables([table, table]), tmp_path / "twice.parquet")
    with pytest.raises(InputError, match="more rows"):
        assess(recipes.parse(document()), files["original"], twice)


# --- command line ------------------------------------------------------------------------------------------------


@pytest.fixture
def on_disk(tmp_path):
    draw = np.random.default_rng(5)
    original = people(draw, 120)
    secret = pa.array(["xylophobia", *original["illness"].to_pylist()[1:]])
    original = original.set_column(2, "illness", secret)
    paths = {name: tmp_path / f"{name}.csv" for name in ("original", "release", "holdout")}
    original.to_pandas().to_csv(paths["original"], index=False)
    coarse(original).to_pandas().to_csv(paths["release"], index=False)
    people(draw, 120).to_pandas().to_csv(paths["holdout"], index=False)
    paths["recipe"] = tmp_path / "recipe.json"
    paths["recipe"].write_text(json.dumps(document()))
    return paths


def command(paths, *more) -> int:
    return main(["assess", str(paths["original"]), str(paths["release"]), "--recipe", str(paths["recipe"]), *map(str, more)])


def test_the_command_prints_json_without_a_value_of_anybody(on_disk, capsys):
    assert command(on_disk, "--holdout", on_disk["holdout"], "--sample-fraction", "0.1") == 0
    said = capsys.readouterr().out
    assert json.loads(said)["risk"]["before"]["population"]["sampling_fraction"] == 0.1
    for value in ("xylophobia", "gout", "flu", "N1", "S2", "[20, 30)"):
        assert value not in said


@pytest.mark.parametrize("missing", ["original", "release", "recipe"])
def test_a_file_that_is_not_there_ends_with_2(on_disk, capsys, missing):
    on_disk[missing].unlink()
    assert command(on_disk) == 2
    assert capsys.readouterr().err.startswith("anonymize: ")


def test_a_release_that_does_not_fit_ends_with_2_and_names_no_value(on_disk, capsys):
    text = on_disk["release"].read_text()
    on_disk["release"].write_text(text.replace("[20, 30)", "Kim Minji", 1).replace('"Kim Minji"', "Kim Minji"))
    assert command(on_disk) == 2
    said = capsys.readouterr().err
    assert "neither its hierarchy" in said
    assert "Kim" not in said
    on_disk["release"].write_text("age,illness\n*,flu\n")
    assert command(on_disk) == 2
    assert "no column 'area'" in capsys.readouterr().err


@pytest.mark.parametrize("fraction", ["0", "1.01", "nan", "-0.5"])
def test_a_fraction_outside_its_range_ends_with_2(on_disk, fraction):
    assert command(on_disk, "--sample-fraction", fraction) == 2
