"""The three methods on one table, through the pipeline: which of them give something away, and that a fixed scheme does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from anonymize import pipeline
from anonymize import recipe as recipes
from tests.anonymize.risk.recoded import table

ROWS = 300
"""As many as a run attacks: everybody is, and what is found does not hang on whom chance picks."""
LEVELS = {f"q{i}": 2 for i in range(3)}


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("methods") / "original.parquet"
    pq.write_table(table(np.random.default_rng(3), ROWS, 3), path)
    return path


def attacked(original: Path, out: Path, **stage) -> dict:
    """What the run itself measured of the attacks on its method."""
    quasi = {name: {"role": "quasi_identifier", "hierarchy": {"prefix": [2, 1]}} for name in LEVELS}
    described = {
        "recipe": 1, "title": "T", "columns": {**quasi, "illness": {"role": "sensitive"}},
        "stages": [{"stage": "k_anonymity", "k": 4, **stage}],
    }  # fmt: skip
    assessed = pipeline.run(recipes.parse(described), original, out).report["internal"]["assessment"]
    assert assessed["made"]
    return assessed["method"]


def test_a_local_recoding_gives_something_away_and_the_figures_say_so(original, tmp_path):
    found = attacked(original, tmp_path, method="local_recoding")
    assert found["chosen_from_data"]
    refined = found["refinement"]
    assert refined["downcoded"]["trials"] == ROWS
    assert refined["refuted"]["pairs"] == refined["refuted"]["persons"]["successes"] == 0
    assert refined["downcoded"]["lower"] > 0.1
    assert refined["one_class_after"]["lower"] > refined["one_class_before"]["upper"]
    assert refined["secrets"]["illness"]["guess"]["attack"]["value"] > refined["secrets"]["illness"]["guess"]["baseline"]["value"]
    assert found["downcoding"]["guess"]["attack"]["trials"] > 100


@pytest.mark.parametrize("stage", [{"method": "fixed", "levels": LEVELS, "max_suppressed": "0.5"}, {"max_suppressed": "0.05"}])
def test_schemes_of_one_level_a_column_have_nothing_to_refine(original, tmp_path, stage):
    refined = attacked(original, tmp_path, **stage)["refinement"]
    assert (refined["overlapping_pairs"], refined["downcoded"]["successes"], refined["bits"]) == (0, 0, 0)
    assert refined["one_class_before"] == refined["one_class_after"]
    assert refined["secrets"]["illness"]["narrowed"]["successes"] == 0
    guess = refined["secrets"]["illness"]["guess"]
    assert guess["attack"] == guess["baseline"]


def test_a_fixed_scheme_resists_every_attack_on_the_method(original, tmp_path):
    found = attacked(original, tmp_path, method="fixed", levels=LEVELS, max_suppressed="0.5")
    assert (found["full_domain"], found["chosen_from_data"]) == (True, False)
    assert found["downcoding"]["guess"]["attack"] == found["downcoding"]["guess"]["baseline"]
    assert found["downcoding"]["guess"]["attack"]["trials"] > 100
    assert found["downcoding"]["learnt"] == 0
    assert (found["minimality"]["argues"], found["minimality"]["gain"], found["minimality"]["learnt"]) == (False, 0, 0)
