"""Whole tables: counts that are right, roles that make sense together, and no value anywhere."""

from __future__ import annotations

import json
import random

import pandas as pd
import pytest
from faker import Faker

from anonymize.columns import profile as profiling
from anonymize.columns.profile import personal_columns, profile_table
from anonymize.recipe import Role
from anonymize.tables import DuckEngine, PandasEngine
from anonymize.tables.files import read_upload


@pytest.fixture(params=[DuckEngine, PandasEngine], ids=["duckdb", "pandas"])
def engine(request):
    with request.param() as made:
        yield made


def people(locale, headers, count=300):
    fake = Faker(locale)
    fake.seed_instance(5)
    rng = random.Random(5)
    rows = [
        (f"C{i:05d}", fake.name(), fake.phone_number(), fake.email(), fake.address().replace("\n", " "), rng.choice(headers[-1]), rng.randint(1, 99))
        for i in range(count)
    ]
    return pd.DataFrame(rows, columns=headers[:-1])


KOREAN = ["고객번호", "이름", "휴대폰", "이메일", "주소", "성별", "나이", "남여"]
CHINESE = ["客户编号", "姓名", "手机号", "邮箱", "地址", "性别", "年龄", "男女"]
ENGLISH = ["customer_id", "name", "phone", "email", "address", "sex", "age", "MF"]


@pytest.mark.parametrize(("locale", "headers"), [("ko_KR", KOREAN), ("zh_CN", CHINESE), ("en_US", ENGLISH)])
def test_a_register_in_three_languages_gets_its_roles(engine, locale, headers):
    table = profile_table(engine, engine.from_pandas(people(locale, headers)))
    assert [column.suggested_role for column in table.columns] == [
        Role.PERSON_KEY, *[Role.DIRECT_IDENTIFIER] * 4, Role.QUASI_IDENTIFIER, Role.QUASI_IDENTIFIER,
    ]  # fmt: skip
    assert table.about_persons


def test_identifiers_are_found_without_any_header(engine):
    frame = people("ko_KR", ["a1", "b1", "c1", "d1", "e1", "f1", "g1", "남여"])
    found = {column.name: column.looks_like for column in profile_table(engine, engine.from_pandas(frame)).columns}
    assert (found["b1"], found["c1"], found["d1"], found["e1"], found["f1"]) == (
        "person_name", "phone", "email", "postal_address", "gender",
    )  # fmt: skip


def test_nulls_and_distinct_values_are_counted_exactly(engine):
    rng = random.Random(1)
    values = [rng.choice([None, *range(40)]) for _ in range(500)]
    frame = pd.DataFrame({"v": pd.array(values, dtype="Int64"), "t": [None if v is None else f"t{v}" for v in values]})
    for column in profile_table(engine, engine.from_pandas(frame)).columns:
        assert (column.rows, column.nulls) == (500, values.count(None))
        assert column.distinct == len(set(values) - {None})


def test_events_have_one_person_key_and_the_other_numbers_are_left_out(engine):
    rng = random.Random(2)
    frame = pd.DataFrame(
        {
            "거래번호": [f"T{i:07d}" for i in range(400)],
            "고객번호": [f"C{rng.randrange(40):04d}" for _ in range(400)],
            "시각": pd.to_datetime([f"2024-01-{1 + i % 28:02d} 10:00" for i in range(400)]),
            "행정동코드": [11110530 + 10 * rng.randrange(9) for _ in range(400)],
            "결제금액": [rng.randrange(100000) for _ in range(400)],
        }
    )
    roles = [column.suggested_role for column in profile_table(engine, engine.from_pandas(frame)).columns]
    assert roles == [Role.DIRECT_IDENTIFIER, Role.PERSON_KEY, Role.EVENT_TIME, Role.PLACE, Role.SENSITIVE]


def test_bus_stops_are_not_about_persons(engine):
    frame = pd.DataFrame(
        {
            "stop_id": [f"{i:05d}" for i in range(100)],
            "name": [f"{place}역 {i}번출구" for i, place in enumerate(["강남", "신촌", "종로", "이태원"] * 25)],
            "lat": [37.5 + i / 1000 for i in range(100)],
            "lon": [127.0 + i / 1000 for i in range(100)],
            "opened": [2000 + i % 20 for i in range(100)],
        }
    )
    source = engine.from_pandas(frame)
    table = profile_table(engine, source)
    assert not table.about_persons
    assert {column.suggested_role for column in table.columns} == {Role.PLAIN, Role.PLACE}
    assert personal_columns(engine, source, list(frame.columns)) == []


def test_a_few_telephone_numbers_in_a_remark_column_stop_a_scan(engine):
    remarks = [f"remark number {i}" for i in range(5000)] + [f"call 010-2345-{i:04d}" for i in range(20)]
    source = engine.from_pandas(pd.DataFrame({"remark": remarks, "n": range(5020)}))
    (found,) = personal_columns(engine, source, ["remark", "n"])
    assert (found.name, found.looks_like, found.suggested_role) == ("remark", "text_with_identifiers", Role.DIRECT_IDENTIFIER)
    assert profile_table(engine, source).columns[0].suggested_role is Role.DIRECT_IDENTIFIER


def test_a_scan_looks_further_than_the_sample_of_a_profile(engine, monkeypatch):
    monkeypatch.setattr(profiling, "SAMPLE", 50)
    remarks = [f"remark {i:05d} of many" for i in range(5000)] + [f"~ mail k{i}@example.org" for i in range(25)]
    source = engine.from_pandas(pd.DataFrame({"remark": remarks}))
    assert [column.name for column in personal_columns(engine, source, ["remark"])] == ["remark"]
    monkeypatch.setattr(profiling, "SCANNED", 50)  # a planted fault: a scan of a sample misses them
    assert personal_columns(engine, source, ["remark"]) == []


def test_the_sample_is_the_same_each_time_and_spread_over_the_values(engine):
    frame = engine.from_pandas(pd.DataFrame({"v": [f"{i:05d}" for i in range(25_000)]}))
    (fact,) = profiling._facts(engine, frame, 1000)
    (again,) = profiling._facts(engine, frame, 1000)
    assert fact.sample == again.sample
    assert 900 <= len(fact.sample) <= 1000
    assert fact.sample[0] < "00100"
    assert fact.sample[-1] > "24900"


def test_a_profile_holds_no_value_and_is_json(engine):
    frame = people("ko_KR", KOREAN)
    text = json.dumps(profile_table(engine, engine.from_pandas(frame)).as_dict(), ensure_ascii=False)
    for column in ("이름", "휴대폰", "이메일", "주소", "고객번호"):
        assert not any(value in text for value in frame[column] if len(value) > 2)


def test_columns_named_like_queries_are_profiled(engine):
    frame = pd.DataFrame({'"; drop table x; --': [1, 2], "rows": [3, 4], "value": ["a", "b"], "nulls0": [1.5, None]})
    assert [column.distinct for column in profile_table(engine, engine.from_pandas(frame)).columns] == [2, 2, 2, 1]


def test_a_hundred_and_twenty_columns_are_profiled_in_order(engine):
    frame = pd.DataFrame({f"n{i}": [i, i + 1, None] for i in range(120)})
    table = profile_table(engine, engine.from_pandas(frame))
    assert [column.name for column in table.columns] == list(frame.columns)
    assert table.columns[119].nulls == 1


# --- real data -------------------------------------------------------------------------------------------------------


def real(shared_data, tmp_path, path):
    source = shared_data / path
    (tmp_path / "scratch").mkdir()
    output = tmp_path / "typed.parquet"
    read_upload(source, file_name=source.name, output=output, scratch=tmp_path / "scratch")
    with DuckEngine() as duck:
        frame = duck.scan_parquet(output)
        table = profile_table(duck, frame)
        flagged = {column.name for column in personal_columns(duck, frame, [c.name for c in table.columns])}
    return table, {column.name: column for column in table.columns}, flagged


def test_adult_is_a_register_of_quasi_identifiers_with_a_sensitive_salary(shared_data, tmp_path):
    table, columns, _ = real(shared_data, tmp_path, "adult_arx/adult.csv")
    assert table.rows == 30_162
    assert columns["age"].type == "integer"
    assert columns["age"].distinct == 72
    roles = {name: column.suggested_role for name, column in columns.items()}
    assert roles.pop("salary-class") is Role.SENSITIVE
    assert set(roles.values()) == {Role.QUASI_IDENTIFIER}
    assert table.about_persons


def test_online_retail_has_a_person_key_an_event_time_and_a_place(shared_data, tmp_path):
    table, columns, flagged = real(shared_data, tmp_path, "online_retail/online_retail.parquet")
    assert table.rows == 541_909
    assert columns["CustomerID"].nulls == 135_080
    assert columns["CustomerID"].distinct == 4_372
    assert columns["CustomerID"].suggested_role is Role.PERSON_KEY
    assert flagged == {"CustomerID"}
    assert columns["InvoiceNo"].suggested_role is Role.DIRECT_IDENTIFIER
    assert columns["InvoiceDate"].suggested_role is Role.EVENT_TIME
    assert columns["Country"].suggested_role is Role.PLACE
    assert columns["UnitPrice"].looks_like == "amount"


@pytest.mark.parametrize("file", ["floating_population_by_dong.csv", "stores_by_area.csv", "estimated_sales_by_dong_EXCERPT.csv"])
def test_korean_city_statistics_are_not_about_persons(shared_data, tmp_path, file):
    table, columns, flagged = real(shared_data, tmp_path, f"seoul_commercial/{file}")
    assert not table.about_persons
    assert flagged == set()
    assert {column.suggested_role for column in columns.values()} == {Role.PLAIN, Role.PLACE}


def test_census_microdata_are_about_persons(shared_data, tmp_path):
    table, columns, _ = real(shared_data, tmp_path, "nist_acs/ma2018.csv")
    assert table.about_persons
    assert columns["PINCP"].suggested_role is Role.SENSITIVE
    assert all(columns[name].suggested_role is Role.QUASI_IDENTIFIER for name in ("AGEP", "SEX", "RAC1P", "EDU", "PUMA"))


def test_calls_between_numbered_people_are_about_persons(shared_data, tmp_path):
    table, columns, flagged = real(shared_data, tmp_path, "copenhagen_networks/sms.csv")
    assert table.about_persons
    assert flagged == {"from", "to"}
    assert columns["from"].suggested_role is Role.PERSON_KEY
    assert columns["to"].suggested_role is Role.DIRECT_IDENTIFIER


def test_night_bus_routes_are_not_about_persons(shared_data, tmp_path):
    table, _, flagged = real(shared_data, tmp_path, "seoul_night_bus/night_bus_routes.csv")
    assert not table.about_persons
    assert flagged == set()
