"""Microdata with many rows a person: counted in persons, and nothing in the file says which rows are one person's."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anonymize import pipeline, recipe
from anonymize.errors import PrivacyNotMet
from anonymize.microdata.events import linked_rows, linking, rows_per_person
from anonymize.microdata.recheck import recheck
from anonymize.tables import DuckEngine, PandasEngine

METHODS: dict[str, dict[str, Any]] = {
    "full_domain": {"method": "full_domain"},
    "local_recoding": {"method": "local_recoding"},
    "fixed": {"method": "fixed", "levels": {"hour": 0, "shop": 0}},
}


@pytest.fixture(autouse=True)
def not_assessed(monkeypatch):
    """What an attacker could learn is measured after every run, and tested elsewhere."""
    monkeypatch.setattr(pipeline, "assess_run", lambda *_, **__: {}, raising=False)


def visits(people: int = 12, each: int = 3) -> pd.DataFrame:
    """Every person has been in both shops, in the morning and in the evening; the receipt is of the visit."""
    return pd.DataFrame(
        [
            {"card": f"card-of-person-{i}", "hour": (8, 20)[(i + n) % 2], "shop": "AB"[n % 2], "spent": 10 + (i * n) % 5, "receipt": f"r{i}-{n}"}
            for i in range(people)
            for n in range(each)
        ]
    )


def document(method: str = "full_domain", k: int = 5, **columns: str) -> dict[str, Any]:
    return {
        "recipe": 1, "title": "Visits", "person_key": "card",
        "columns": {
            "card": {"role": "person_key"}, "hour": {"role": "quasi_identifier"}, "shop": {"role": "quasi_identifier"},
            **{name: {"role": role} for name, role in columns.items()},
        },
        "stages": [{"stage": "k_anonymity", "k": k, **METHODS[method]}],
    }  # fmt: skip


def run(folder: Path, rows: pd.DataFrame, made: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), folder / "in.parquet")
    result = pipeline.run(recipe.parse(made), folder / "in.parquet", folder / "out")
    return pd.read_parquet(result.artefact), result.report


# --- a class is as large as the persons in it ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def busy() -> pd.DataFrame:
    """Twelve people, and one with 1,000 visits at night, when nobody else is there."""
    night = pd.DataFrame([{"card": "night", "hour": 3, "shop": "A", "spent": 10 + n % 5, "receipt": f"n{n}"} for n in range(1000)])
    return pd.concat([visits(each=4), night])


@pytest.mark.parametrize("method", METHODS)
def test_a_thousand_rows_of_one_person_are_no_class_of_five(tmp_path, busy, method):
    if method == "fixed":
        with pytest.raises(PrivacyNotMet, match="more rows would have to be left out"):
            run(tmp_path, busy, document(method))
        assert not (tmp_path / "out" / "data.parquet").exists()
        return
    out, report = run(tmp_path, busy, document(method))
    assert "3" not in set(out["hour"].astype(str))
    assert report["public"]["recheck"]["smallest_class_persons"] >= 5
    assert report["public"]["unit"] == "person"


def test_a_fixed_scheme_leaves_the_thousand_rows_out_where_the_recipe_allows_it(tmp_path, busy):
    made = document("fixed")
    made["stages"][0]["max_suppressed"] = "1"
    out, report = run(tmp_path, busy, made)
    assert set(out["hour"]) == {8, 20}
    assert report["public"]["suppressed"]["rows"] == 1000


def test_the_file_read_back_counts_persons_too(tmp_path):
    pq.write_table(pa.table({"hour": [3] * 1000 + [8] * 5}), tmp_path / "data.parquet")
    pq.write_table(pa.table({"card": ["night"] * 1000 + list("abcde")}), tmp_path / "persons.parquet")
    with pytest.raises(PrivacyNotMet, match="class of 1 person"):
        recheck(tmp_path / "data.parquet", tmp_path / "persons.parquet", ["hour"], 5)


def test_k_above_the_number_of_persons_is_refused_however_many_rows_they_have(tmp_path):
    with pytest.raises(PrivacyNotMet, match="more persons than the table holds"):
        run(tmp_path, visits(people=4, each=100), document())


# --- whose rows they are -----------------------------------------------------------------------------------------------


def test_the_file_has_the_columns_of_the_recipe_without_the_key_and_the_report_counts_persons(tmp_path):
    out, report = run(tmp_path, visits(), document(spent="sensitive"))
    assert list(out.columns) == ["hour", "shop", "spent"]
    assert b"card-of-person" not in (tmp_path / "out" / "data.parquet").read_bytes()
    assert report["guarantee"]["unit"] == "persons" and report["public"]["unit"] == "person"
    assert report["internal"]["rows_per_person"] == {"persons": 12, "average": 3.0, "largest": 3, "with_several": 12}
    assert set(report["internal"]["linked_rows"]) == {"spent"}
    assert "rows_per_person" not in report["public"] and "linked_rows" not in report["public"]


def test_a_table_with_one_row_a_person_has_nothing_to_link(tmp_path):
    _, report = run(tmp_path, visits(each=1), document(receipt="plain"))
    assert report["internal"]["rows_per_person"]["with_several"] == 0 and "linked_rows" not in report["internal"]


def mixed(order: list[int]) -> bool:
    """Whether no 60 rows in a row are those of one person, who had 60 in a row in the input."""
    return all(len({place // 60 for place in order[i : i + 60]}) > 1 for i in range(0, len(order), 60))


def test_rows_lie_in_a_new_order_each_time_and_not_person_by_person(tmp_path):
    """Of 720 rows in 12 blocks of 60: that any two runs agree, or a block survives, has a chance below 10^-80."""
    rows = visits(each=60).assign(place=range(720))
    orders = [list(run(tmp_path, rows, document(place="plain"))[0]["place"]) for _ in range(2)]
    assert sorted(orders[0]) == list(range(720)) and not mixed(sorted(orders[0]))
    assert orders[0] != orders[1] and all(mixed(order) for order in orders)


@pytest.mark.parametrize("role", ["plain", "sensitive"])
def test_a_receipt_that_stands_in_many_rows_of_one_person_links_them_and_is_refused(tmp_path, role):
    rows = visits(each=4).assign(receipt=lambda made: made["card"].str.replace("c", "receipt of "))
    with pytest.raises(PrivacyNotMet, match="which of them are one person's") as refused:
        run(tmp_path, rows, document(receipt=role))
    assert [problem.column for problem in refused.value.problems] == ["receipt"]
    assert "receipt of 1" not in str(refused.value.as_dict())
    assert not (tmp_path / "out" / "data.parquet").exists()


def test_a_receipt_of_a_single_row_links_nothing(tmp_path):
    _, report = run(tmp_path, visits(), document(receipt="plain"))
    assert report["internal"]["linked_rows"] == {"receipt": 0.0}


# --- the measure against a slow one ----------------------------------------------------------------------------------


def linked_slowly(rows: list[tuple[Any, Any]]) -> float:
    """(value, person): of the rows of persons with several, those that share their value with their person's rows alone."""
    of_person, of_value = defaultdict(list), defaultdict(list)
    for value, person in rows:
        of_person[person].append(value)
        of_value[value].append(person)
    several = [row for row in rows if len(of_person[row[1]]) > 1]
    linked = [row for row in rows if row[0] is not None and len(of_value[row[0]]) > 1 and set(of_value[row[0]]) == {row[1]}]
    return len(linked) / len(several) if several else 0.0


@pytest.fixture(params=["duck", "pandas"], scope="module")
def engine(request):
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.sampled_from(["x", "y", "z", None]), st.sampled_from(["p", "q", "r", "s"])), min_size=1, max_size=14))
def test_linked_rows_are_those_of_the_slow_count(engine, rows):
    table = pa.table({"value": pa.array([value for value, _ in rows], pa.string()), "who": [person for _, person in rows]})
    frame = engine.from_pandas(table.to_pandas(types_mapper=pd.ArrowDtype))
    found = linked_rows(engine, frame, "who", ["value"])
    assert found.get("value", 0.0) == pytest.approx(linked_slowly(rows), abs=1e-9)
    counts = pd.Series([person for _, person in rows]).value_counts()
    assert rows_per_person(engine, frame, "who") == {
        "persons": len(counts), "average": round(len(rows) / len(counts), 4), "largest": counts.max(), "with_several": int((counts > 1).sum()),
    }  # fmt: skip


@pytest.mark.parametrize(("linked", "refused"), [(10, False), (11, True)])
def test_the_limit_is_half_of_the_rows(engine, linked, refused):
    """20 rows of five persons; ``linked`` of them share a value with their person alone."""
    values = [f"own {i // 4}" if i < linked and not (i == linked - 1 and i % 4 == 0) else f"single {i}" for i in range(20)]
    if linked == 11:
        values[8:11] = ["own 2"] * 3
    frame = engine.from_pandas(pd.DataFrame({"value": values, "who": [i // 4 for i in range(20)]}))
    assert linked_rows(engine, frame, "who", ["value"]) == {"value": linked / 20}
    if refused:
        with pytest.raises(PrivacyNotMet):
            linking(engine, frame, frame, "who", ["value"])
    else:
        assert linking(engine, frame, frame, "who", ["value"])["linked_rows"] == {"value": 0.5}
