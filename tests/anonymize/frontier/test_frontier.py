"""The chooser: every point is what a run of its own would have given."""

from __future__ import annotations

import json
from itertools import product

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize import pipeline, recipe
from anonymize.assess import assess
from anonymize.errors import InputError, PrivacyNotMet, RecipeError
from anonymize.frontier import frontier, to_markdown
from anonymize.frontier.chooser import efficient
from tests.anonymize.frontier.worlds import COLUMNS, document, survey

KS, LS, METHODS = (2, 6), (1, 2, 5), ("full_domain", "local_recoding")


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch):
    """What a run measures besides its promise is tested elsewhere, and takes its time."""
    monkeypatch.setattr(pipeline, "assess_run", lambda *_: {})


@pytest.fixture(scope="module", params=[False, True], ids=["a row is a person", "people have rows"])
def weighed(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("frontier")
    source = survey(folder, keyed=request.param)
    asked = document(keyed=request.param)
    found = frontier(recipe.parse(asked), source, ks=KS, ls=LS, methods=METHODS)
    return {"keyed": request.param, "folder": folder, "source": source, "found": found}


def alone(weighed, method, k, l):  # noqa: E741
    """The same setting written as a recipe by hand, and run."""
    stage = {"method": method, "k": k, "models": [{"model": "l_diversity", "column": "illness", "l": l}] if l > 1 else []}
    described = document(keyed=weighed["keyed"], **stage, **({"max_suppressed": 0} if method == "local_recoding" else {}))
    try:
        return described, pipeline.run(recipe.parse(described), weighed["source"], weighed["folder"] / "run")
    except PrivacyNotMet as error:
        return described, error


def test_every_point_is_what_a_run_of_its_own_gives(weighed):
    points = {(p["method"], p["k"], p["l"]): p for p in weighed["found"]["points"]}
    assert list(points) == list(product(METHODS, KS, LS))
    for (method, k, l), point in points.items():  # noqa: E741
        described, made = alone(weighed, method, k, l)
        if isinstance(made, PrivacyNotMet):
            assert not point["met"]
            assert point["reason"] == made.message
            assert point["granularity"] is None
            continue
        public = made.report["public"]
        assert point["met"]
        assert point["reason"] is None
        assert point["granularity"] == pytest.approx(public["granularity"], abs=1e-9)
        assert point["suppressed_share"] == public["suppressed"]["share"]
        assert point["smallest_class"] == public["recheck"]["smallest_class_persons"]
        assert point["average_class_size"] == public["average_class_size"]
        assert point["highest_risk"] == public["risk_after"]["prosecutor_max"]
        assert point["average_risk"] == public["risk_after"]["prosecutor_average"]
        assert point["proven_optimal"] == public["search"]["proven_optimal"]
        assert point["records_at_risk"] == pytest.approx(below(public["risk_after"], 3), abs=1e-8)
        if l == 1 and k == 2:  # by other code, from the file
            measured = assess(recipe.parse(described), weighed["source"], made.artefact, targets=2, queries=2)["utility"]
            assert point["entropy_loss"] == pytest.approx(measured["entropy_loss"], abs=1e-6)
            distances = [column["distance"] for column in measured["columns"] if column["column"] != "illness"]
            assert point["marginal_distance"] == pytest.approx(sum(distances) / 3, abs=1e-6)


def below(risk, threshold):
    """The share of records in classes of fewer persons, from the bars of the histogram."""
    return sum(bar["records"] for bar in risk["histogram"] if bar["from"] < threshold) / risk["records"]


def test_some_settings_are_had_and_some_refused_with_their_reason(weighed):
    points = weighed["found"]["points"]
    refused = [point for point in points if not point["met"]]
    assert {point["l"] for point in refused} == {5}  # there are four illnesses
    assert all("illness" in point["reason"] for point in refused)
    assert not any(point["efficient"] for point in refused)
    assert len(points) - len(refused) == 8


def test_what_the_table_was_like_before_stands_beside_the_points(weighed):
    risk = weighed["found"]["before"]["risk"]
    assert risk["smallest"] == 1
    out = weighed["found"]["before"]["standing_out"]
    assert (out is None) == weighed["keyed"]  # there, people have rows in several combinations
    assert out is None or out["unique"] == risk["records_unique"]
    assert risk["prosecutor_average"] > max(p["average_risk"] for p in weighed["found"]["points"] if p["met"])
    assert weighed["found"]["unit"] == ("person" if weighed["keyed"] else "row")
    assert weighed["found"]["columns"] == ["age", "area", "height"]
    json.dumps(weighed["found"], allow_nan=False)


def test_a_point_is_efficient_when_no_other_beats_it(weighed):
    met = [point for point in weighed["found"]["points"] if point["met"]]
    for point in met:
        better = [
            other for other in met
            if other["average_risk"] <= point["average_risk"] and other["granularity"] >= point["granularity"]
            and (other["average_risk"], other["granularity"]) != (point["average_risk"], point["granularity"])
        ]  # fmt: skip
        assert point["efficient"] == (not better)
    assert any(point["efficient"] for point in met)


def test_equal_points_are_both_efficient_and_a_refused_one_beats_nobody():
    def point(risk, use, met=True):
        return {"average_risk": risk, "granularity": use, "met": met}

    points = [point(0.2, 0.9), point(0.2, 0.9), point(0.2, 0.85), point(0.1, 0.8), point(0.3, 0.9), point(None, None, met=False)]
    assert efficient(points) == [True, True, False, True, False, False]


def test_the_answer_depends_on_the_rows_and_not_on_their_order(tmp_path):
    asked = recipe.parse(document(keyed=True))
    one = frontier(asked, survey(tmp_path, keyed=True), ks=(3,))
    assert one == frontier(asked, survey(tmp_path, keyed=True, shuffled=True), ks=(3,))


def test_the_recipes_own_models_stand_unless_l_replaces_them(tmp_path):
    source = survey(tmp_path)
    own = [{"model": "l_diversity", "column": "illness", "l": 4}, {"model": "alpha", "column": "illness", "alpha": "0.9"}]
    asked = recipe.parse(document(models=own, max_suppressed=0))
    (kept,) = frontier(asked, source, ks=(2,), methods=("local_recoding",))["points"]
    (none, same) = frontier(asked, source, ks=(2,), ls=(1, 4), methods=("local_recoding",))["points"]
    assert kept["l"] is None
    assert {**kept, "l": 4, "name": "local recoding, k = 2, l = 4"} == same
    assert none["granularity"] > kept["granularity"]
    assert kept["smallest_class"] >= 4
    (loose,) = frontier(recipe.parse(document(max_suppressed=0)), source, ks=(2,), methods=("local_recoding",))["points"]
    assert none["granularity"] < loose["granularity"]  # the model alpha still holds


def test_a_fixed_scheme_can_be_weighed_too_and_needs_its_levels(tmp_path):
    source = survey(tmp_path)
    fixed = document(method="fixed", levels={"age": 2, "area": 1, "height": 1}, max_suppressed="0.2")
    found = frontier(recipe.parse(fixed), source, ks=(2, 30), methods=("fixed", "local_recoding"))
    assert [point["met"] for point in found["points"]] == [True, False, True, True]
    assert "left out" in found["points"][1]["reason"]
    (point,) = frontier(recipe.parse(document()), source, ks=(2,), methods=("fixed",))["points"]
    assert "levels" in point["reason"]


def test_a_column_that_says_whose_rows_are_whose_refuses_every_setting(tmp_path):
    table = pa.table({"age": [20, 20, 30, 30] * 10, "receipt": [f"r{i // 2}" for i in range(40)], "person": [f"p{i // 2}" for i in range(40)]})
    pq.write_table(table, tmp_path / "events.parquet")
    columns = {"age": {"role": "quasi_identifier"}, "receipt": {"role": "plain"}, "person": {"role": "person_key"}}
    asked = {"recipe": 1, "title": "E", "person_key": "person", "columns": columns, "stages": [{"stage": "k_anonymity", "k": 2}]}
    found = frontier(recipe.parse(asked), tmp_path / "events.parquet", ks=(2, 3))
    assert not any(point["met"] for point in found["points"])
    assert all("rows of one person" in point["reason"] for point in found["points"])


def test_averages_of_a_sensitive_number_are_judged_as_they_will_be_published(tmp_path):
    source = survey(tmp_path)
    columns = {**COLUMNS, "height": {"role": "sensitive"}}
    averaged = {"microaggregate": [{"column": "height", "group": 50}], "max_suppressed": 0}
    stage = {"models": [{"model": "l_diversity", "column": "height", "l": 2}], **averaged}
    found = frontier(recipe.parse({**document(**stage), "columns": columns}), source, ks=(4,))
    for point in found["points"]:
        one = {**document(**stage, method=point["method"], k=4), "columns": columns}
        made = pipeline.run(recipe.parse(one), source, tmp_path / point["method"])
        assert point["granularity"] == pytest.approx(made.report["public"]["granularity"], abs=1e-9)
    too_few = {"microaggregate": [{"column": "height", "group": 500}], "max_suppressed": 0}
    assert not any(point["met"] for point in frontier(recipe.parse({**document(**too_few), "columns": columns}), source, ks=(4,))["points"])


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"ks": ()}, "at least one k"), ({"ks": (1,)}, "at least 2"), ({"ks": (2.5,)}, "whole number"), ({"ks": (True,)}, "whole number"),
        ({"ls": (0,)}, "each l"), ({"ls": (1.5,)}, "each l"), ({"methods": ()}, "method"), ({"methods": ("magic",)}, "method"),
        ({"ks": tuple(range(2, 60))}, "too many"),
    ],
)  # fmt: skip
def test_settings_that_mean_nothing_are_refused(tmp_path, asked, complaint):
    with pytest.raises(RecipeError, match=complaint):
        frontier(recipe.parse(document()), tmp_path / "not read", **asked)


def test_only_microdata_with_something_sensitive_can_be_asked_for_l(tmp_path):
    scan = {"recipe": 1, "title": "S", "columns": {"a": {"role": "plain"}}, "stages": [{"stage": "scan"}]}
    with pytest.raises(RecipeError, match="microdata"):
        frontier(recipe.parse(scan), tmp_path / "not read")
    plain = {**document(), "columns": {**COLUMNS, "illness": {"role": "plain"}}}
    with pytest.raises(RecipeError, match="sensitive"):
        frontier(recipe.parse(plain), tmp_path / "not read", ls=(2,))


def test_what_is_wrong_with_the_input_is_no_property_of_a_setting(tmp_path):
    with pytest.raises(InputError):
        frontier(recipe.parse(document()), tmp_path / "missing.parquet")
    (tmp_path / "areas.csv").write_text("N1;N\n")
    columns = {**COLUMNS, "area": {"role": "quasi_identifier", "hierarchy": {"file": "areas.csv"}}}
    with pytest.raises((InputError, RecipeError), match="area"):
        frontier(recipe.parse({**document(), "columns": columns}), survey(tmp_path), folder=tmp_path)
    columns = {**COLUMNS, "age": {"role": "quasi_identifier"}}
    nobody = {**document(), "columns": columns, "stages": [{"stage": "keep_rows", "column": "age", "at_least": 99}, document()["stages"][0]]}
    with pytest.raises(PrivacyNotMet, match="no rows"):
        frontier(recipe.parse(nobody), survey(tmp_path))


def test_the_table_to_read_names_every_setting_and_marks_the_efficient_ones(weighed):
    said = to_markdown(weighed["found"])
    for point in weighed["found"]["points"]:
        assert f"**{point['name']}**" in said if point["efficient"] else f"| {point['name']} |" in said
    assert "not possible: " in said
    assert "None" not in said


def test_progress_names_the_settings_and_ends_at_one(tmp_path):
    heard = []
    frontier(recipe.parse(document()), survey(tmp_path), ks=(2,), progress=lambda stage, share: heard.append((stage, share)))
    assert heard[-1] == ("done", 1.0)
    assert "local recoding, k = 2" in [stage for stage, _ in heard]
    assert [share for _, share in heard] == sorted(share for _, share in heard)
