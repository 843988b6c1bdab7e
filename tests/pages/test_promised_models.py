"""The promise of a k-anonymous release names what its models add, in the reader's language."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from anonymize import promised_models as in_reports
from anonymize import recipe, reports
from anonymize.recipe import KAnonymity
from catalog.publishing import promised_models as on_pages
from catalog.publishing import words

FILE = {"file": "p.csv"}
MODELS = {
    "at least 3 different values of illness": {"model": "l_diversity", "column": "illness", "l": "3"},
    "as mixed as 2.5 equally": {"model": "l_diversity", "column": "illness", "kind": "entropy", "l": "2.50"},
    "less than 1.5 times as often as all those together from place 2 on": {"model": "l_diversity", "column": "illness", "kind": "recursive", "l": "2", "c": "1.5"},
    "at most 0.2 apart": {"model": "t_closeness", "column": "illness", "t": "0.2"},
    "makes up more than 60 %": {"model": "alpha", "column": "illness", "alpha": "0.6"},
    "more than 1.8 times as frequent": {"model": "beta_likeness", "column": "illness", "beta": "0.8"},
    "fits at least 20 people of the population": {"model": "k_map", "k": 20, "population": FILE},
    "at most 12.5 % are in these data": {"model": "delta_presence", "upper": "0.125", "population": FILE},
    "between 10 % and 50 % are in": {"model": "delta_presence", "lower": "0.1", "upper": "0.5", "population": FILE},
    "at least 10 % are in": {"model": "delta_presence", "lower": "0.1", "upper": "1", "population": FILE},
}


def guarantee(*models):
    asked = recipe.parse(
        {
            "recipe": 1, "title": "t", "columns": {"age": {"role": "quasi_identifier"}, "illness": {"role": "sensitive"}},
            "stages": [{"stage": "k_anonymity", "k": 5, "models": list(models)}],
        }
    ).final  # fmt: skip
    assert isinstance(asked, KAnonymity)
    return asked, reports.k_anonymity_promise(asked, 7, ["age"], True)


@pytest.mark.parametrize("said", MODELS)
def test_every_model_is_said_with_its_figures_and_alike_in_the_report_and_on_the_page(said):
    asked, promise = guarantee(MODELS[said])
    assert said in promise["sentence"]
    with override("en"):
        assert on_pages.sentences(promise) == in_reports.sentences(asked.models)
        assert said in words.sentence(promise)
    others = set()
    for language in ("ko", "zh-hans"):
        with override(language):
            others.add(words.sentence(promise))
    assert len(others) == 2 and not any(said in other for other in others)


def test_several_models_are_all_said_after_the_groups():
    promise = guarantee(*MODELS.values())[1]
    assert promise["sentence"].startswith("By the columns age, every row looks the same as those of at least 7 different people. ")
    assert all(said in promise["sentence"] for said in MODELS)


def test_a_model_that_promises_nothing_is_not_said():
    promise = guarantee({"model": "delta_presence", "upper": "1", "population": FILE})[1]
    assert "population" not in promise["sentence"]
    assert on_pages.sentences(promise) == []


def test_what_a_group_has_in_common_is_no_longer_said_to_be_open_where_a_model_speaks_of_it():
    without, held = guarantee()[1], guarantee(MODELS["at most 0.2 apart"])[1]
    assert "says nothing about" in without["limits"] and "says nothing more about" in held["limits"]
    with override("en"):
        assert "says nothing about" in words.limits(without) and "says nothing more about" in words.limits(held)


def test_the_name_of_a_population_file_is_not_part_of_the_promise():
    assert "p.csv" not in str(guarantee(MODELS["fits at least 20 people of the population"])[1])


def test_a_release_from_before_models_were_said_keeps_its_sentence():
    with override("en"):
        assert words.sentence({"family": "k_anonymity", "unit": "persons", "measured_k": 5, "quasi_identifiers": ["age"]}).endswith("5 different people.")
