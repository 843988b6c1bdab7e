"""The demo's client: problem documents told whole, lost answers asked for again under the same key, uploads in pieces."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from opendata.demo import client
from opendata.demo.client import ApiRefused, Caller, Unreachable

URL = "http://127.0.0.1:9"
Handler = Callable[[httpx.Request], httpx.Response]


def caller(handler: Handler, **more: str) -> Caller:
    return Caller(URL, transport=httpx.MockTransport(handler), **more)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(client.time, "sleep", slept.append)
    return slept


def test_a_refusal_says_what_happened_and_each_finding() -> None:
    problem = {
        "status": 422,
        "code": "invalid_content",
        "detail": "The recipe cannot be run.",
        "errors": [{"pointer": "/stages/0/epsilon", "message": "above 0"}, {"message": "no pointer"}],
    }
    with pytest.raises(ApiRefused) as refused:
        caller(lambda _: httpx.Response(422, json=problem)).post("/runs", {})
    assert refused.value.lines() == [
        "POST /runs was answered with 422: The recipe cannot be run.",
        "  /stages/0/epsilon: above 0",
        "  no pointer",
    ]


def test_an_answer_that_is_no_problem_document_is_a_refusal_too() -> None:
    with pytest.raises(ApiRefused, match="500 the answer is not the platform's"):
        caller(lambda _: httpx.Response(500, text="<html>")).get("/me")


def test_a_post_whose_answer_was_lost_is_sent_again_under_the_same_key() -> None:
    keys: list[str] = []

    def loses_the_first(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            raise httpx.ReadError("lost")
        return httpx.Response(201, json={"id": 1})

    assert caller(loses_the_first).post("/datasets", {"slug": "a"}) == {"id": 1}
    assert keys[0] == keys[1]


def test_two_posts_have_two_keys() -> None:
    keys: list[str] = []

    def note(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        return httpx.Response(201, json={})

    someone = caller(note)
    someone.post("/runs/1/submission", {})
    someone.post("/runs/1/submission", {})
    assert keys[0] != keys[1]


def test_a_busy_platform_is_waited_for_as_long_as_it_says(no_pauses: list[float]) -> None:
    answers = [httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(200, json=[])]
    assert caller(lambda _: answers.pop(0)).get("/datasets") == []
    assert no_pauses == [7.0]


def test_a_wait_has_an_end(no_pauses: list[float]) -> None:
    with pytest.raises(ApiRefused, match="503"):
        caller(lambda _: httpx.Response(503, headers={"Retry-After": "86400"}, json={})).get("/datasets")
    assert max(no_pauses) == client.LONGEST_WAIT_S
    assert len(no_pauses) == client.TRIES - 1


def test_nobody_there_is_said_without_an_address_of_python() -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(Unreachable, match=r"GET /me: no answer \(ConnectError\)"):
        caller(nobody).get("/me")


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_none(status: int) -> None:
    assert caller(lambda _: httpx.Response(status, json={})).found("/datasets/x/releases") is None


def test_what_is_forbidden_is_not_taken_for_absent() -> None:
    with pytest.raises(ApiRefused):
        caller(lambda _: httpx.Response(403, json={})).found("/datasets/x/versions")


def test_a_session_carries_its_csrf_token() -> None:
    seen: list[httpx.Request] = []

    def session(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"csrf_token": "t0ken"})

    someone = caller(session)
    someone.sign_in("sora", "a password")
    someone.post("/datasets", {})
    assert json.loads(seen[0].content) == {"username": "sora", "password": "a password"}
    assert seen[1].headers["X-CSRFToken"] == "t0ken"
    assert seen[1].headers["Referer"].startswith(URL)


def test_a_code_that_was_used_a_moment_ago_is_waited_out(no_pauses: list[float]) -> None:
    codes, sent = iter(["111111", "222222"]), []

    def session(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content).get("code"))
        if len(sent) == 1:
            return httpx.Response(401, json={"code": "second_factor_wrong"})
        return httpx.Response(200, json={"csrf_token": "t0ken"})

    caller(session).sign_in("olga", "a password", lambda: next(codes))
    assert (sent, no_pauses) == (["111111", "222222"], [client.CODE_S])


def test_a_wrong_password_is_not_tried_twice(no_pauses: list[float]) -> None:
    with pytest.raises(ApiRefused):
        caller(lambda _: httpx.Response(401, json={"code": "bad_credentials"})).sign_in("olga", "x", lambda: "111111")
    assert no_pauses == []


def test_a_key_is_sent_as_bearer() -> None:
    assert (
        caller(lambda r: httpx.Response(200, json=r.headers["Authorization"]), secret="od_x_y").get("/me")
        == "Bearer od_x_y"
    )


def test_an_upload_goes_out_in_pieces_that_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"code\n" + b"007\n" * 100_000)
    moved: list[int] = []
    bodies: list[bytes] = []

    def take(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        return httpx.Response(202, json={"id": 3})

    assert caller(take).upload("/datasets/a/versions", file, types={"code": "text"}, moved=moved.append) == {"id": 3}
    assert sum(moved) == file.stat().st_size
    assert max(moved) < file.stat().st_size / 2, "the file was read whole"
    assert b'filename="rows.csv"' in bodies[0]
    assert b'{"code": "text"}' in bodies[0]
    assert file.read_bytes() in bodies[0]
