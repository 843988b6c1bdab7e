"""Header and values are weighed: proof first, then the word, then the type."""

from __future__ import annotations

import pytest

from anonymize.columns.detect import Facts, detect, few_identifiers, is_coordinate_pair
from anonymize.columns.schema import cue_of, words


def facts(name, values, *, type="text", rows=None, nulls=0):
    sample = tuple(sorted(set(values)))
    return Facts(name, type, (rows or len(values)) + nulls, nulls, len(sample), sample)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("성명", "person_name"), ("이름", "person_name"), ("주민등록번호", "resident_number"), ("휴대폰 번호", "phone"),
        ("전화번호", "phone"), ("이메일", "email"), ("이메일주소", "email"), ("주소", "postal_address"), ("성별", "gender"),
        ("나이", "age"), ("연령대", "age"), ("생년월일", "birth_date"), ("행정동코드", "district_code"), ("행정동_코드_명", "place"),
        ("고객번호", "customer_id"), ("카드번호", "payment_card"), ("결제금액", "amount"), ("우편번호", "postal_code"),
        ("남성_유동인구_수", "count"), ("연령대_10_유동인구_수", "count"), ("월요일_매출_건수", "count"), ("질병명", "health"),
        ("姓名", "person_name"), ("身份证号", "chinese_resident_number"), ("手机号", "phone"), ("性别", "gender"), ("年龄", "age"),
        ("地址", "postal_address"), ("出生日期", "birth_date"), ("客户编号", "customer_id"), ("卡号", "payment_card"),
        ("name", "person_name"), ("phone", "phone"), ("SSN", "social_security_number"), ("Gender", "gender"), ("age", "age"),
        ("birth", "birth_date"), ("zip", "postal_code"), ("customer_id", "customer_id"), ("household_id", "customer_id"), ("household_type", "category"), ("CustomerID", "customer_id"),
        ("InvoiceNo", "record_id"), ("UnitPrice", "amount"), ("marital-status", "marital_status"), ("salary-class", "income"),
        ("native-country", "nationality"), ("Country", "place"), ("e-mail", "email"), ("IPAddress", "ip_address"), ("RAC1P", "ethnicity"),
    ],
)  # fmt: skip
def test_headers_in_three_languages_are_understood(header, kind):
    cue = cue_of(header)
    assert cue is not None
    assert cue.kind == kind


@pytest.mark.parametrize("header", ["product_name", "상품이름", "page", "manager_level", "language", "station name", "商品名字"])
def test_words_inside_other_words_are_no_cue_for_persons(header):
    cue = cue_of(header)
    assert cue is None or cue.kind not in ("person_name", "age") or header == "商品名字"


def test_headers_are_cut_into_words():
    assert words("CustomerID") == ["customer", "id"]
    assert words("e-mail_Address2") == ["e", "mail", "address2"]


PHONES = [f"010-{i:04d}-{i * 7 % 10000:04d}" for i in range(1000, 1100)]


def test_values_speak_louder_than_the_header():
    guess = detect(facts("remark", PHONES))
    assert guess.kind == "phone"
    assert guess.direct
    assert guess.confidence == 1.0


def test_below_four_fifths_the_values_alone_do_not_decide_but_the_column_is_flagged():
    guess = detect(facts("x", PHONES[:70] + [f"none {i}" for i in range(30)]))
    assert guess.kind == "text_with_identifiers"


def test_a_masked_column_under_a_certain_header_is_still_what_its_header_says():
    assert detect(facts("휴대폰번호", ["010-****-1234", "010-****-5678"])).kind == "phone"


def test_an_uncertain_header_needs_values_that_allow_it():
    assert detect(facts("name", ["김민수", "이서연", "박지훈"])).kind == "person_name"
    assert detect(facts("name", [f"stop {i} west" for i in range(30)])).kind != "person_name"
    assert detect(facts("lat", ["37.5", "36.1"], type="decimal")).kind == "latitude"
    assert detect(facts("lat", ["3700000.5"], type="decimal")).kind != "latitude"


@pytest.mark.parametrize(
    ("name", "type", "values", "kind"),
    [
        ("x", "timestamp", [], "timestamp"), ("InvoiceDate", "timestamp", [], "timestamp"), ("생년월일", "date", [], "birth_date"),
        ("x", "boolean", [], "category"), ("x", "integer", [f"202401{d:02d}" for d in range(1, 31)], "timestamp"),
        ("x", "text", [f"U{i:06d}" for i in range(500)], "identifier"), ("x", "text", ["red", "blue"] * 50, "category"),
        ("x", "decimal", ["1.5", "2.5"], "number"), ("note", "text", ["the quick brown fox jumps over"] * 3, "free_text"),
        ("행정동코드", "integer", ["11110530", "11110540"], "district_code"), ("from", "integer", [str(i) for i in range(200)] * 2, "first_person"),
        ("x", "text", ["8930e1d8c0fffff", "8930e1d8c0bffff"], "h3_cell"), ("sex", "text", ["Male", "Female"], "gender"),
    ],
)  # fmt: skip
def test_without_proof_header_and_type_decide(name, type, values, kind):
    given = facts(name, values, type=type, rows=max(len(values), 50) if kind in ("timestamp", "birth_date", "category") else None)
    assert detect(given).kind == kind


def test_a_column_without_values_is_empty():
    assert detect(Facts("phone", "text", 10, 10, 0, ())).kind == "empty"


def test_twenty_values_or_one_in_twenty_are_few_but_enough():
    filler = [f"plain remark {chr(97 + i % 26)}" for i in range(10_000)]
    assert few_identifiers(filler + PHONES[:20])
    assert not few_identifiers(filler + PHONES[:19])
    assert few_identifiers(filler[:19] + PHONES[:1])
    assert not few_identifiers(filler[:30] + PHONES[:1])


def test_two_neighbouring_fractions_in_korea_are_coordinates():
    north = facts("a", [f"37.{i:05d}" for i in range(100)], type="decimal")
    east = facts("b", [f"127.{i:05d}" for i in range(100)], type="decimal")
    money = facts("b", ["12.50", "13.75"], type="decimal")
    assert is_coordinate_pair(north, east)
    assert not is_coordinate_pair(east, north)
    assert not is_coordinate_pair(north, money)


def test_a_guess_holds_no_value():
    secret = "010-7777-8888"
    assert secret not in str(detect(facts("x", [secret, *PHONES])))
