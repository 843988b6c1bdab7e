"""Pages: every row once, in one order, whatever the order; a cursor that nobody can bend."""

from __future__ import annotations

import base64

import pytest

from catalog.publishing.query import QueryError, RecordsQuery, ReleaseFile, etag, records, run
from catalog.publishing.query.paging import read_cursor, write_cursor
from tests.publishing.query.conftest import SECRET, TYPES
from tests.publishing.query.oracle import ordered

_ORDERS = [None, *[f"`{name.replace('`', '``')}` {way}" for name in TYPES for way in ("asc", "desc")]]
_ORDERS += ["구, n desc", "flag desc, share, day desc", "N, N desc, amount"]


def _walk(release, limit, **question):
    """All pages by cursor, as one list of ids."""
    found, cursor = [], None
    while True:
        page = records(release, RecordsQuery(limit=limit, cursor=cursor, **question), secret=SECRET)
        assert len(page.rows) <= limit
        found += [row["id"] for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return found
        assert len(page.rows) == limit


@pytest.mark.parametrize("order_by", _ORDERS)
def test_cursor_paging_gives_every_row_once_in_the_order_asked_for(release, rows, order_by):
    keys = [_key(part) for part in order_by.split(", ")] if order_by else []
    assert _walk(release, 57, order_by=order_by) == [row["id"] for row in ordered(rows, keys)]


def _key(part):
    name, _, way = part.rpartition(" ") if part.endswith((" asc", " desc")) else (part, "", "asc")
    return name.strip("`").replace("``", "`"), way == "desc"


@pytest.mark.parametrize("order_by", [None, "구 desc", "share, flag desc"])
def test_offset_pages_are_the_cursor_pages(release, order_by):
    where = "n is not null or flag = true"
    walked = _walk(release, 40, where=where, order_by=order_by)
    total = records(release, RecordsQuery(where=where, count=True), secret=SECRET).total
    by_offset = []
    for offset in range(0, len(walked) + 40, 40):
        page = records(release, RecordsQuery(where=where, order_by=order_by, limit=40, offset=offset), secret=SECRET)
        by_offset += [row["id"] for row in page.rows]
    assert by_offset == walked
    assert len(walked) == len(set(walked)) == total


def test_walking_sees_a_keyset_that_forgets_the_ties(release, rows, monkeypatch):
    monkeypatch.setattr(
        run, "_follows", lambda orders, columns, place, keys: columns["id"] > run.ConstantExpression(place)
    )
    assert sorted(_walk(release, 57, order_by="N desc")) != [row["id"] for row in rows]


def test_groups_are_paged_by_cursor_too(release, rows):
    found, cursor = [], None
    while cursor is not None or not found:
        query = RecordsQuery(
            select="n, flag, count(*)", group_by="n, flag", order_by="count desc", limit=3, cursor=cursor
        )
        page = records(release, query, secret=SECRET)
        found += [(row["n"], row["flag"]) for row in page.rows]
        cursor = page.next_cursor
    assert len(found) == len(set(found)) == len({(row["n"], row["flag"]) for row in rows})


def test_an_offset_beyond_the_end_is_an_empty_page(release):
    for question in ({}, {"where": "n = 1"}, {"order_by": "n"}, {"group_by": "n"}):
        page = records(release, RecordsQuery(offset=10**9, count=True, **question), secret=SECRET)
        assert (page.rows, page.next_cursor) == ([], None)
        assert page.total > 0


def test_the_last_full_page_has_no_next(release):
    assert records(release, RecordsQuery(limit=400), secret=SECRET).next_cursor is None
    assert records(release, RecordsQuery(limit=399), secret=SECRET).next_cursor is not None


def test_count_counts_the_whole_answer(release, rows):
    assert records(release, RecordsQuery(count=True), secret=SECRET).total == 400
    filtered = records(release, RecordsQuery(where="flag = true", count=True, limit=1), secret=SECRET)
    assert filtered.total == sum(row["flag"] is True for row in rows)
    groups = records(release, RecordsQuery(group_by="flag", count=True, limit=1), secret=SECRET)
    assert groups.total == 3
    assert records(release, RecordsQuery(limit=1), secret=SECRET).total is None


# --- the cursor itself ----------------------------------------------------------------------------------------------


def _first_cursor(release, **question):
    return records(release, RecordsQuery(limit=5, **question), secret=SECRET).next_cursor


def _refused(release, query, secret=SECRET):
    with pytest.raises(QueryError) as caught:
        records(release, query, secret=secret)
    assert caught.value.pointer == "cursor"
    return caught.value.code


def test_a_cursor_of_another_release_is_refused(release):
    other = ReleaseFile(release.path, "0" * 64, release.schema)
    assert _refused(other, RecordsQuery(cursor=_first_cursor(release))) == "cursor_of_another_release"


def test_a_cursor_of_another_question_is_refused(release):
    cursor = _first_cursor(release, where="n > 0")
    assert _refused(release, RecordsQuery(cursor=cursor)) == "cursor_of_another_question"
    assert _refused(release, RecordsQuery(cursor=cursor, where="n > 1")) == "cursor_of_another_question"


def test_a_cursor_goes_on_under_another_limit(release):
    page = records(release, RecordsQuery(cursor=_first_cursor(release), limit=2), secret=SECRET)
    assert [row["id"] for row in page.rows] == [5, 6]


def test_a_cursor_sealed_with_another_key_is_refused(release):
    assert (
        _refused(release, RecordsQuery(cursor=_first_cursor(release)), secret=b"another secret, as long")
        == "invalid_cursor"
    )


def test_any_changed_byte_of_a_cursor_is_seen(release):
    raw = base64.urlsafe_b64decode(_first_cursor(release) + "=")
    for i in range(len(raw)):
        bent = raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :]
        assert "cursor" in _refused(release, RecordsQuery(cursor=base64.urlsafe_b64encode(bent).decode().rstrip("=")))


@pytest.mark.parametrize("text", ["x", "%00", "강남", "A" * 55, "A" * 10_000, "=", "../../etc"])
def test_what_is_no_cursor_is_refused(release, text):
    assert _refused(release, RecordsQuery(cursor=text)) in ("invalid_cursor", "cursor_of_another_release")


def test_a_cursor_holds_no_value_and_fits_a_url(release):
    cursor = _first_cursor(release, order_by="구")
    assert len(cursor) < 64
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_a_short_secret_is_refused():
    with pytest.raises(ValueError, match="16 bytes"):
        write_cursor(1, release="a", question=b"q" * 32, secret=b"short")
    sealed = write_cursor(1, release="a", question=b"q" * 32, secret=SECRET)
    assert read_cursor(sealed, release="a", question=b"q" * 32, secret=SECRET) == 1


# --- entity tags ----------------------------------------------------------------------------------------------------


def test_an_etag_changes_with_the_release_the_question_and_the_format(release):
    other = ReleaseFile(release.path, "0" * 64, release.schema)
    tags = [
        etag(release, RecordsQuery()),
        etag(other, RecordsQuery()),
        etag(release, RecordsQuery(limit=7)),
        etag(release, RecordsQuery(where="n = 1")),
        etag(release, RecordsQuery(), "csv"),
    ]
    assert len(set(tags)) == len(tags)
    assert etag(release, RecordsQuery()) == tags[0]
    assert all(tag.startswith('"') and tag.endswith('"') for tag in tags)
