"""Parameters are strict: what is not understood is refused by name."""

from __future__ import annotations

import pytest

from catalog.publishing.query import QueryError, RecordsQuery, parse_params


def test_parameters_are_read_into_one_value():
    given = {"where": "n = 1", "select": "n", "limit": "5", "offset": "7", "count": "true", "group_by": "", "key": "x"}
    expected = RecordsQuery(where="n = 1", select="n", limit=5, offset=7, count=True)
    assert parse_params(given, ignore=frozenset({"key"})) == expected
    assert parse_params({}) == RecordsQuery()


@pytest.mark.parametrize(
    ("given", "code", "pointer"),
    [
        ({"wher": "n = 1"}, "unknown_parameter", "wher"),
        ({"page": "2"}, "unknown_parameter", "page"),
        ({"where": ["a = 1", "b = 1"]}, "repeated_parameter", "where"),
        ({"limit": "0"}, "invalid_parameter", "limit"),
        ({"limit": "10001"}, "invalid_parameter", "limit"),
        ({"limit": "-1"}, "invalid_parameter", "limit"),
        ({"limit": "1e3"}, "invalid_parameter", "limit"),
        ({"limit": "５"}, "invalid_parameter", "limit"),
        ({"limit": "9" * 5_000}, "invalid_parameter", "limit"),
        ({"offset": "1000000000001"}, "invalid_parameter", "offset"),
        ({"offset": "nan"}, "invalid_parameter", "offset"),
        ({"count": "maybe"}, "invalid_parameter", "count"),
        ({"cursor": "abc", "offset": "5"}, "invalid_parameter", "offset"),
    ],
)
def test_a_parameter_that_is_not_understood_is_refused_by_name(given, code, pointer):
    with pytest.raises(QueryError) as caught:
        parse_params(given)
    assert (caught.value.code, caught.value.pointer, caught.value.who) == (code, pointer, "you")


def test_a_misspelt_parameter_is_answered_with_the_near_one():
    with pytest.raises(QueryError) as caught:
        parse_params({"order-by": "n"})
    assert caught.value.suggestion == "order_by"
