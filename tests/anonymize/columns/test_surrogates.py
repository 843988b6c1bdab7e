"""Surrogates: made up, drawn from the operating system, never a real value, and no pseudonym in disguise."""

from __future__ import annotations

import random
import re
from typing import get_args

import pyarrow as pa
import pytest
from faker import Faker
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from anonymize.columns import surrogates as module
from anonymize.columns.surrogates import FEWEST, POOL, drawing, fill, folded, pool, surrogates
from anonymize.errors import PrivacyNotMet
from anonymize.recipe import Surrogate
from anonymize.recipe.identifiers import SPOKEN, Kind, Locale

CHANCE = random.Random(7)


def surrogate(kind: str, locale: str | None = None) -> Surrogate:
    return Surrogate.model_validate({"as": "surrogate", "kind": kind, **({"locale": locale} if locale else {})})


def nothing(_: set[str]) -> set[str]:
    return set()


@pytest.mark.parametrize("locale", get_args(Locale))
@pytest.mark.parametrize("kind", SPOKEN)
def test_every_kind_can_be_drawn_for_every_locale(kind, locale):
    draw = drawing(surrogate(kind, locale))
    drawn = {draw() for _ in range(20)}
    assert len(drawn) > 5
    assert all(value == value.strip() and "\n" not in value and value for value in drawn)


def test_every_kind_is_drawn_from_words_or_from_formats():
    assert set(get_args(Kind)) == {*module._MADE, "same_format"}


def test_nobody_has_the_mail_address_or_the_card():
    mail, card = drawing(surrogate("email", "ko_KR")), drawing(surrogate("card_number"))
    assert all(re.search(r"@example\.(org|com|net)$", mail()) for _ in range(20))
    assert not any(luhn.is_valid(card()) for _ in range(200))


@pytest.mark.draws
def test_a_seed_that_somebody_sets_in_the_process_changes_nothing():
    # 40 names each; that two draws agree by chance is below 10^-40
    found = []
    for _ in range(2):
        Faker.seed(1)
        random.seed(1)
        draw = drawing(surrogate("name", "ko_KR"))
        found.append([draw() for _ in range(40)])
    assert found[0] != found[1]


# --- formats -----------------------------------------------------------------------------------------------------------


@given(st.text(alphabet="9Aa가漢-_. @", max_size=12))
def test_a_format_is_filled_sign_by_sign(form):
    classes = {"9": r"[0-9]", "A": r"[A-Z]", "a": r"[a-z]", "가": r"[가-힣]", "漢": r"[一-鿿]"}
    assert re.fullmatch("".join(classes.get(sign, re.escape(sign)) for sign in form), fill(form, CHANCE))


def test_what_is_compared_are_letters_and_digits_alone():
    said = pa.array(["010-1234-5678", "０１０ 1234 5678", "Kim, MIN-JI", "kim minji", "김 민지"])
    assert folded(said).to_pylist() == ["01012345678", "01012345678", "kimminji", "kimminji", "김민지"]


# --- the pool ----------------------------------------------------------------------------------------------------------


def test_no_candidate_that_reads_like_a_real_value_comes_into_the_pool():
    numbers = iter(range(10**9))
    real = {f"{n:04}" for n in range(0, 5000, 2)}
    found = pool("tel", lambda: f"{next(numbers) % 5000 // 100:02}-{next(numbers) % 100:02}", lambda asked: asked & real).to_pylist()
    assert FEWEST <= len(found) <= POOL
    assert not {text.replace("-", "") for text in found} & real


@pytest.mark.parametrize("free", [0, FEWEST - 1])
def test_where_nearly_everything_is_real_there_are_no_surrogates(free):
    allowed = {f"n{i}" for i in range(free)}
    draws = iter(f"n{i % 2000}" for i in range(10**9))
    with pytest.raises(PrivacyNotMet, match="too few surrogates"):
        pool("name", lambda: next(draws), lambda asked: asked - allowed)


def test_drawing_ends_also_when_the_same_is_drawn_for_ever():
    count = iter(range(10**9))
    with pytest.raises(PrivacyNotMet):
        pool("name", lambda: f"always {next(count) * 0}", nothing)
    assert next(count) <= POOL * module.ROUNDS


# --- rows --------------------------------------------------------------------------------------------------------------


@pytest.mark.draws
def test_each_row_gets_one_at_random_whatever_its_value_and_whether_it_has_one():
    """30 of each expected in 3,000 rows: that one of the 300 counts is 0 has a chance of 300 · 0.99^3000, below 10^-10."""
    from_pool = pa.array([f"s{i}" for i in range(100)])
    found = surrogates(from_pool)(pa.array(["same"] * 3000 + ["other"] * 3000 + [None] * 3000)).to_pylist()
    for part in (found[:3000], found[3000:6000], found[6000:]):
        counts = [part.count(text) for text in from_pool.to_pylist()]
        assert min(counts) > 0 and max(counts) < 90
    assert surrogates(from_pool)(pa.array([], pa.string())).to_pylist() == []


@pytest.mark.draws
def test_two_drawings_have_nothing_to_do_with_each_other():
    """Fifty choices among a hundred, twice the same by chance: 10^-100."""
    from_pool, rows = pa.array([f"s{i}" for i in range(100)]), pa.array(["x"] * 50)
    assert surrogates(from_pool)(rows).to_pylist() != surrogates(from_pool)(rows).to_pylist()
