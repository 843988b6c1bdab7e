"""A value that is protected in one column does not leave in another."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from anonymize import recipe
from anonymize.copies import refuse_copies
from anonymize.errors import PrivacyNotMet
from anonymize.tables import DuckEngine, PandasEngine


@pytest.fixture(params=["duck", "pandas"])
def engine(request):
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


def document(**roles: str) -> recipe.Recipe:
    columns: dict[str, Any] = {"pid": {"role": "person_key"}, "phone": {"role": "direct_identifier"}, "age": {"role": "quasi_identifier"}}
    columns |= {name: {"role": role} for name, role in roles.items()}
    return recipe.parse({"recipe": 1, "title": "x", "person_key": "pid", "columns": columns, "stages": [{"stage": "k_anonymity", "k": 5}]})


def table(**columns: list[Any]) -> pd.DataFrame:
    people = range(60)
    return pd.DataFrame({"pid": [f"p{i}" for i in people], "phone": [f"010-{i:04}" for i in people], "age": [20 + i for i in people]} | columns)


@pytest.mark.parametrize("source", ["pid", "phone", "age"])
@pytest.mark.parametrize("role", ["plain", "sensitive"])
def test_a_copy_of_what_is_protected_is_refused(engine, source, role):
    rows = table()
    rows["ref"] = rows[source].astype(str)
    with pytest.raises(PrivacyNotMet, match="column 'ref' repeats") as refused:
        refuse_copies(engine, engine.from_pandas(rows), document(ref=role))
    assert refused.value.problems[0].column == "ref"
    assert "010-" not in str(refused.value)


def test_a_copy_with_holes_and_a_few_changes_is_a_copy(engine):
    rows = table()
    rows["ref"] = [None if i % 3 == 0 else "gone" if i == 1 else pid for i, pid in enumerate(rows["pid"])]
    with pytest.raises(PrivacyNotMet):
        refuse_copies(engine, engine.from_pandas(rows), document(ref="plain"))


def test_columns_of_their_own_pass_also_where_they_agree_by_chance(engine):
    rows = table(score=[20 + (i * 7) % 60 for i in range(60)], flag=[i % 2 for i in range(60)])
    rows["age"] = [i % 2 for i in range(60)]
    refuse_copies(engine, engine.from_pandas(rows), document(score="sensitive", flag="plain"))


def test_a_column_that_agrees_only_at_first_passes(engine, monkeypatch):
    monkeypatch.setattr("anonymize.copies.LOOK", 30)
    rows = table()
    rows["ref"] = [pid if i < 30 else f"r{i}" for i, pid in enumerate(rows["pid"])]
    refuse_copies(engine, engine.from_pandas(rows), document(ref="plain"))
