"""Keyed pseudonyms: by the standard, never the same for two different things, and worth nothing without the key."""

from __future__ import annotations

import datetime as dt
import hashlib
import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymize.columns.keys import KEY_BYTES, FreshKeys, read_key
from anonymize.columns.pseudonyms import encoded, pseudonyms
from anonymize.errors import InputError, RecipeError

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


def names(values: list[Any], *, column: str = "id", key: bytes = KEY, length: int = 64) -> list[str]:
    return pseudonyms(column, key, length)(pa.array(values)).to_pylist()


def hmac_by_hand(key: bytes, message: bytes) -> str:
    """RFC 2104, written out: H(K xor opad, H(K xor ipad, text))."""
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + message).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).hexdigest()


def encoded_by_hand(column: str, kind: str, text: str) -> bytes:
    parts = [b"pseudonym 1", column.encode(), kind.encode(), text.encode()]
    return b"".join(bytes([0, 0, len(part) // 256, len(part) % 256]) + part for part in parts)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("Kim Min-ji", "text", "Kim Min-ji"),
        (17, "number", "17"),
        (Decimal("17.50"), "number", "17.5"),
        (0.1, "number", "0.1"),
        (True, "boolean", "true"),
        (dt.date(2026, 3, 1), "date", "2026-03-01"),
        (dt.datetime(2026, 3, 1, 9), "time", "2026-03-01T09:00:00"),
        (dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC), "instant", "2026-03-01T09:00:00+00:00"),
    ],
    ids=str,
)
def test_a_pseudonym_is_the_hmac_of_the_standard_over_the_encoding_that_is_written_down(value, kind, text):
    # the encoding is a promise: with a kept key, another one would rename everybody
    assert encoded("id", value) == encoded_by_hand("id", kind, text)
    for key in (KEY, KEY * 3):
        assert names([value], key=key) == [hmac_by_hand(key, encoded_by_hand("id", kind, text))]


plain_values = st.one_of(
    st.text(max_size=6), st.integers(-(10**20), 10**20), st.booleans(), st.dates(), st.datetimes(), st.decimals(allow_nan=False, allow_infinity=False, places=3),
    st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip


@given(st.tuples(st.text(min_size=1, max_size=3), plain_values), st.tuples(st.text(min_size=1, max_size=3), plain_values))
def test_two_things_are_encoded_alike_only_if_they_are_one(one, other):
    (column, value), (second_column, second) = one, other
    if type(value) is type(second) and one == other:
        assert encoded(*one) == encoded(*other)
    elif encoded(*one) == encoded(*other):
        assert nfc(column) == nfc(second_column)
        if type(value) is type(second):
            assert nfc(value) == nfc(second) if isinstance(value, str) else value == second
        else:  # 12, 12.0 and 12.00 are one number
            assert all(isinstance(v, (int, float, Decimal)) and not isinstance(v, bool) for v in (value, second))


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def test_a_value_and_the_border_of_its_column_cannot_be_shifted_into_each_other():
    assert encoded("ab", "c") != encoded("a", "bc")
    assert encoded("id", "number") != encoded("id", 1)
    assert encoded("id", "1") != encoded("id", 1) != encoded("id", True)


def test_the_same_number_and_the_same_word_in_two_spellings_are_one():
    assert len({encoded("id", value) for value in (12, 12.0, Decimal("12.00"), Decimal("1.2E1"))}) == 1
    assert encoded("id", 0.0) == encoded("id", -0.0) == encoded("id", 0)
    assert encoded("id", "\u00e9") == encoded("id", "e\u0301")
    seoul = dt.timezone(dt.timedelta(hours=9))
    assert encoded("id", dt.datetime(2026, 1, 1, 9, tzinfo=seoul)) == encoded("id", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


def test_another_key_or_another_column_gives_other_pseudonyms():
    assert len({*names(["a", "b"]), *names(["a", "b"], key=OTHER), *names(["a", "b"], column="other")}) == 6
    assert names(["a"]) == names(["a"])


@pytest.mark.parametrize("length", [16, 32, 64])
def test_a_pseudonym_is_as_long_as_asked_for(length):
    assert [len(name) for name in names(["a", "b"], length=length)] == [length, length]


def test_a_row_without_a_value_gets_a_pseudonym_of_no_one_each_time_another():
    found = names(["a", None, "", " \t", None])
    assert len(set(found)) == 5
    assert all(len(name) == 64 for name in found)
    assert names([float("nan"), 1.0])[0] != names([float("nan"), 1.0])[0]


@pytest.mark.parametrize("value", [float("inf"), Decimal("-Infinity"), b"bytes", [1], dt.time(9)], ids=repr)
def test_what_has_no_one_way_to_be_written_is_refused(value):
    with pytest.raises(InputError, match="'id'"):
        encoded("id", value)


@pytest.mark.parametrize("length", [0, 16, KEY_BYTES - 1])
def test_a_short_key_is_refused(length, tmp_path: Path):
    with pytest.raises(RecipeError, match="32 bytes"):
        pseudonyms("id", b"x" * length, 32)
    (tmp_path / "key").write_bytes(b"x" * length)
    with pytest.raises(InputError, match="32 to 1,024"):
        read_key(tmp_path / "key")


def test_a_key_file_is_its_bytes_and_one_that_is_not_there_is_an_error(tmp_path: Path):
    (tmp_path / "key").write_bytes(KEY)
    assert read_key(tmp_path / "key") == KEY
    with pytest.raises(InputError, match="cannot be read"):
        read_key(tmp_path / "none")


def test_a_run_gets_a_new_key_each_time_and_the_datasets_key_only_if_there_is_one():
    assert FreshKeys().key("release") != FreshKeys().key("release")
    assert FreshKeys(KEY).key("release") != KEY == FreshKeys(KEY).key("dataset")
    with pytest.raises(RecipeError, match="no key for them was given"):
        FreshKeys().key("dataset")
    assert KEY.hex() not in repr(FreshKeys(KEY)) and repr(KEY) not in repr(FreshKeys(KEY))
