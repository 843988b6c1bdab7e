"""Steps that are each allowed, and together would void what one of them promises."""

from __future__ import annotations

from typing import Any

import pytest

from anonymize import recipe
from anonymize.__main__ import main
from anonymize.errors import RecipeError

COLUMNS: dict[str, Any] = {
    "age": {"role": "quasi_identifier"}, "one": {"role": "plain"}, "income": {"role": "sensitive"}, "copy": {"role": "sensitive"},
}  # fmt: skip
PRODUCT = {"stage": "derive", "name": "copy", "product": ["income", "one"]}
RECODE = {"stage": "recode", "column": "income", "top": "5000"}
KEEP = {"stage": "keep_rows", "column": "age", "at_most": "30"}


def parsed(*before: dict[str, Any], **protecting: Any) -> recipe.Recipe:
    last = {"stage": "k_anonymity", "k": 5, **protecting}
    return recipe.parse({"recipe": 1, "title": "x", "columns": COLUMNS, "stages": [*before, last]})


@pytest.mark.parametrize(
    "model",
    [{"model": "delta_presence", "lower": "0", "upper": "0.25", "population": {"file": "p.csv"}}, {"model": "k_map", "k": 9, "population": {"file": "p.csv"}}],
    ids=["delta_presence", "k_map"],
)
def test_rows_are_not_chosen_out_of_a_population_that_is_not(model):
    parsed(models=[model])
    with pytest.raises(RecipeError, match="leave keep_rows out"):
        parsed(KEEP, models=[model])


def test_a_product_with_ones_does_not_carry_an_income_past_its_means():
    parsed(PRODUCT)
    with pytest.raises(RecipeError, match="recoded or micro-aggregated"):
        parsed(PRODUCT, microaggregate=[{"column": "income", "group": 5}])


def test_a_product_with_ones_does_not_carry_an_income_past_its_top_code():
    parsed(RECODE, PRODUCT)
    with pytest.raises(RecipeError, match="recoded or micro-aggregated"):
        parsed(PRODUCT, RECODE)


def test_a_place_that_cannot_be_written_is_one_line_and_status_two(tmp_path, capsys):
    source = tmp_path / "people.csv"
    source.write_text("age\n" + "30\n" * 20)
    recipe_file = tmp_path / "r.json"
    recipe_file.write_text('{"recipe": 1, "title": "x", "columns": {"age": {"role": "quasi_identifier"}}, "stages": [{"stage": "k_anonymity", "k": 5}]}')
    assert main(["run", str(recipe_file), "--input", str(source), "--output", str(source)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "Traceback" not in said[0]
