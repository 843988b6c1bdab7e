"""The recipe as typed values: what is refused, and where the error points."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pytest

from anonymize import recipe
from anonymize.errors import RecipeError

DP: dict[str, Any] = {
    "recipe": 1, "title": "x", "person_key": "k", "columns": {"a": {"role": "plain"}, "v": {"role": "plain"}},
    "stages": [
        {
            "stage": "dp_table", "group_by": [{"column": "a"}], "measures": [{"name": "n", "kind": "persons"}],
            "epsilon": "1.0", "delta": "1e-6", "max_cells_per_person": 1, "cells": "private",
        }
    ],
}  # fmt: skip
MICRO: dict[str, Any] = {
    "recipe": 1, "title": "x", "columns": {"q": {"role": "quasi_identifier"}, "one": {"role": "plain"}},
    "stages": [{"stage": "k_anonymity", "k": 5}],
}  # fmt: skip


def changed(base: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(base)
    *parents, last = path.split("/")
    place: Any = document
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    place[int(last) if isinstance(place, list) else last] = value
    return document


def refused(document: Any) -> RecipeError:
    with pytest.raises(RecipeError) as error:
        recipe.parse(document)
    return error.value


def test_numbers_stay_exact_whether_written_as_text_or_as_numbers():
    text = json.dumps(DP).replace('"1.0"', "0.1")
    assert recipe.loads(text).final.epsilon == Decimal("0.1")


@pytest.mark.parametrize(
    "epsilon",
    ["0", "-1", "nan", "NaN", "inf", "-Infinity", "1e308", "1e-400", "1_0", "１", "", " 1", "1e", "0x1", True, None, [], "9" * 100, "1e5000000", "65"],
    ids=str,
)
def test_an_epsilon_that_is_none_is_refused_at_its_place(epsilon):
    assert refused(changed(DP, "stages/0/epsilon", epsilon)).problems[0].pointer == "/stages/0/epsilon"


@pytest.mark.parametrize("value", ["1e5000000", "1e-999999", "1e31", "1e-31"])
@pytest.mark.parametrize("field", ["at_least", "at_most"])
def test_a_short_number_cannot_become_a_long_one(field, value):
    stages = [{"stage": "keep_rows", "column": "v", field: value}, DP["stages"][0]]
    refused(changed(DP, "stages", stages))


def test_interval_widths_far_apart_are_compared_exactly():
    recipe.parse(changed(MICRO, "columns/q", {"role": "quasi_identifier", "hierarchy": {"intervals": ["1e-20", "1e20"]}}))


@pytest.mark.parametrize("widths", [["5", "7"], ["5", "5"], ["0"], ["-1"], []])
def test_interval_widths_that_do_not_nest_are_refused(widths):
    refused(changed(MICRO, "columns/q", {"role": "quasi_identifier", "hierarchy": {"intervals": widths}}))


@pytest.mark.parametrize("name", ["file_row_number", "FILE_ROW_NUMBER", 'n";drop\n', "n\u200b", "n\u202e", " n", "A", "a", ""])
def test_a_measure_has_a_name_that_readers_can_tell_apart(name):
    refused(changed(DP, "stages/0/measures/0/name", name))


def test_a_derived_column_is_at_least_as_telling_as_what_it_is_computed_from():
    derive = {"stage": "derive", "name": "copy", "product": ["q", "one"]}
    document = changed(MICRO, "stages", [derive, MICRO["stages"][0]])
    document["columns"]["copy"] = {"role": "plain"}
    assert "as strict as" in refused(document).message
    document["columns"]["copy"]["role"] = "quasi_identifier"
    recipe.parse(document)
    document["stages"][0]["product"] = ["q", "unnamed"]
    assert "name column" in refused(document).message


@pytest.mark.parametrize("stage", [{"stage": "derive", "name": "c", "product": ["k", "v"]}, {"stage": "keep_rows", "column": "k", "values": ["p1"]}])
def test_nothing_is_computed_from_or_chosen_by_the_person_key(stage):
    refused(changed(DP, "stages", [stage, DP["stages"][0]]))


@pytest.mark.parametrize(
    "stages",
    [[], [DP["stages"][0], DP["stages"][0]], [MICRO["stages"][0], DP["stages"][0]], [{"stage": "derive", "name": "c", "product": ["a", "v"]}]],
    ids=["none", "two", "k then dp", "none that protects"],
)
def test_exactly_one_stage_protects_and_it_comes_last(stages):
    refused(changed(DP, "stages", stages))


def test_a_field_that_is_misspelt_or_named_twice_is_refused():
    assert refused({**DP, "epsilom": "1"}).problems[0].pointer == "/epsilom"
    with pytest.raises(RecipeError, match="twice"):
        recipe.loads('{"recipe": 1, "recipe": 2}')
    with pytest.raises(RecipeError, match="not JSON at line 1"):
        recipe.loads("{")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("group_by", [], "needs 1 or more entries"),
        ("group_by", [{"column": "a"}] * 9, "has at most 8 entries"),
        ("group_by", "a", "must be a list: […]"),
        ("group_by", ["a"], "must be an object: {…}"),
        ("epsilom", "1", "there is no such field here"),
        ("cells", "some", "must be 'public' or 'private'"),
        ("max_cells_per_person", 0, "must be at least 1"),
        ("max_cells_per_person", "3", "must be a whole number, such as 3"),
        ("allow_large_delta", "perhaps", "must be true or false"),
    ],
)
def test_what_is_wrong_is_said_in_words_of_the_recipe(field, value, said):
    (problem,) = refused(changed(DP, f"stages/0/{field}", value)).problems
    assert problem.message == said and (problem.pointer or "").startswith(f"/stages/0/{field}")


def test_no_library_is_named_where_a_recipe_is_none_at_all():
    told = [refused(document).message for document in ([], "x", {}, {**DP, "stages": [{}]}, {**DP, "stages": [{"stage": "k"}]}, {**DP, "title": ""})]
    assert not [message for message in told for word in ("Input", "instance", "Tuple", "tag ", "Field", "String") if word in message]


def test_the_same_recipe_has_the_same_hash_however_it_was_written():
    one, other = recipe.parse(DP), recipe.loads(json.dumps(DP, indent=4, sort_keys=True))
    assert one.sha256() == other.sha256()
    assert recipe.loads(one.to_json()) == one
    assert recipe.parse(changed(DP, "stages/0/epsilon", "1.1")).sha256() != one.sha256()
