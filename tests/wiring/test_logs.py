"""The log says which of our addresses a request was for, never what somebody typed into it."""

from __future__ import annotations

import logging

import pytest
from django.test import Client

from opendata.logs import NoRequests, NoValues

TYPED = "Kim-Min-ji-900101"


@pytest.fixture
def written():
    """Lines as our handler writes them."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler = Kept()
    handler.addFilter(NoValues())
    logging.getLogger("django").addHandler(handler)
    yield lines
    logging.getLogger("django").removeHandler(handler)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "told"),
    [(f"/{TYPED}", "no address of ours"), (f"/api/v1/datasets/{TYPED.lower()}", "/api/v1/datasets/<slug:slug>"), (f"/datasets/{TYPED.lower()}", "/datasets/<slug:slug>")],
)
def test_an_address_is_told_by_its_route(written, address, told):
    assert Client().get(address).status_code == 404
    assert told in "\n".join(written)
    assert TYPED.lower() not in "\n".join(written).lower()


@pytest.mark.django_db
def test_a_header_that_was_refused_is_told_by_its_kind(written):
    assert Client().get("/", headers={"host": f"{TYPED}.example"}).status_code == 400
    assert written[0].startswith("refused: DisallowedHost\n")
    assert TYPED not in "\n".join(written)


@pytest.mark.django_db
def test_a_form_without_our_token_is_told_with_its_reason_and_route(written):
    assert Client(enforce_csrf_checks=True).post(f"/reviews/7/decision?{TYPED}", {"a": TYPED}).status_code == 403
    assert any("CSRF" in line and "<int:review_id>" in line for line in written)
    assert TYPED not in "\n".join(written)


@pytest.mark.parametrize(
    ("line", "arguments", "told"),
    [
        (f"Invalid request from ip=127.0.0.1: Invalid HTTP Header: '{TYPED}'", (), "Invalid request from ip=127.0.0.1: what was sent is not quoted"),
        (f"Invalid request from ip=::1: Invalid chunk size: b'{TYPED}'", (), "Invalid request from ip=::1: what was sent is not quoted"),
        ("Error handling request %s %s", ("GET", f"/records?where={TYPED}"), "Error handling request"),
        ("Listening at: %s (%s)", ("http://127.0.0.1:8000", 7), "Listening at: http://127.0.0.1:8000 (7)"),
    ],
)  # fmt: skip
def test_the_web_servers_own_log_quotes_no_request(line, arguments, told):
    record = logging.LogRecord("gunicorn.error", logging.WARNING, __file__, 1, line, arguments, None)
    assert NoRequests().filter(record)
    assert record.getMessage() == told


def test_the_web_process_filters_its_servers_log():
    from opendata import wsgi

    assert wsgi.application is not None
    assert any(isinstance(kept, NoRequests) for kept in logging.getLogger("gunicorn.error").filters)
