"""Both doors, the page and the API, let the same people in and slow the same people down."""

from __future__ import annotations

import pytest
from django.test import Client

from catalog.audit.models import TrailEntry
from catalog.people import letters, sign_in
from catalog.people.models import User

PASSWORD = "a long sentence for tests"
LOOKALIKES = ["kim", " kim", "kim ", "\u2003kim\u3000", "𝐤𝐢𝐦", "ｋｉｍ", "𝓴𝓲𝓶 "]


def by_page(client: Client, name: str = "kim", password: str = PASSWORD, **more: str):
    return client.post("/login", {"username": name, "password": password, **more})


def by_api(client: Client, name: str = "kim", password: str = PASSWORD, **more: str):
    given = {"username": name, "password": password, **more}
    return client.post("/api/v1/session", given, content_type="application/json")


doors = pytest.mark.parametrize("door", [by_page, by_api], ids=["page", "api"])
WRONG = {by_page: 422, by_api: 401}


@doors
@pytest.mark.parametrize("name", LOOKALIKES)
def test_a_name_is_found_however_it_is_typed_and_counted_as_it_is_found(make_user, door, name, clock):
    make_user("kim")
    assert door(Client(), name).status_code in (200, 302)
    for n in range(5):
        door(Client(), LOOKALIKES[n], "wrong")
    assert door(Client(), name, "wrong").status_code == 429


@doors
def test_names_that_differ_in_case_are_different_and_unknown_ones_look_like_known_ones(make_user, door, clock):
    make_user("kim")
    answers = [door(Client(), name, "wrong") for name in ("kim", "Kim", "nobody")]
    assert [answer.status_code for answer in answers] == [WRONG[door]] * 3
    assert door(Client(), "Kim").status_code == WRONG[door]


def test_the_two_doors_count_together(make_user, client, clock):
    make_user("kim")
    for n in range(5):
        (by_page if n % 2 else by_api)(client, "kim", "wrong")
    for door in (by_page, by_api):
        answer = door(Client())
        assert (answer.status_code, answer["Retry-After"]) == (429, "1")


@doors
def test_the_password_is_not_looked_at_while_there_is_a_wait(make_user, door, clock, monkeypatch):
    make_user("kim")
    for _ in range(5):
        door(Client(), password="wrong")
    monkeypatch.setattr(sign_in, "authenticate", lambda *args, **more: pytest.fail("looked at"))
    assert door(Client()).status_code == 429


@doors
def test_a_stranger_elsewhere_keeps_nobody_out(make_user, door, clock):
    make_user("kim")
    for n in range(60):
        door(Client(REMOTE_ADDR=f"10.1.{n}.1"), password="wrong")
    assert door(Client(REMOTE_ADDR="192.0.2.7")).status_code in (200, 302)


@doors
def test_a_browser_used_before_comes_in_from_beside_the_attacker(make_user, door, clock):
    make_user("kim")
    known = Client()
    assert door(known).status_code in (200, 302)
    for _ in range(9):
        door(Client(), password="wrong")
    assert door(Client()).status_code == 429
    assert door(known).status_code in (200, 302)
    forged = Client()
    forged.cookies["known_browser"] = known.cookies["known_browser"].value[:-2] + "xx"
    assert door(forged).status_code == 429


def test_a_known_browser_is_known_for_its_owner_alone(make_user, clock):
    make_user("kim")
    make_user("mallory")
    stranger = Client()
    by_page(stranger, "mallory")
    for _ in range(5):
        by_page(Client(), password="wrong")
    assert by_page(stranger).status_code == 429


@doors
def test_a_right_code_leads_past_the_wait_and_each_opens_it_once(with_app, door, clock):
    _, code = with_app("kim")
    for _ in range(8):
        door(Client(), password="wrong")
    assert door(Client()).status_code == 429
    assert door(Client(), code="000000").status_code == 429
    burnt = code()
    assert door(Client(), password="wrong", code=burnt).status_code == WRONG[door]
    assert door(Client(), code=burnt).status_code == 429
    clock.pass_by(30)
    assert door(Client(), code=code()).status_code in (200, 302)


def test_an_open_session_suspends_whatever_happens_at_the_door(make_user, clock):
    make_user("kim", "steward")
    inside = Client()
    by_page(inside)
    for _ in range(40):
        by_page(Client(), password="wrong")
    assert inside.get("/api/v1/me").status_code == 200


def test_the_owner_hears_of_failures_at_the_next_sign_in_and_once(make_user, clock):
    make_user("kim")
    for _ in range(3):
        by_page(Client(REMOTE_ADDR="192.0.2.9"), password="wrong")
    client = Client()
    by_page(client)
    assert "3 failed attempts to sign in under your name since" in client.get("/account").text
    assert by_api(Client()).json()["failed_attempts"] is None
    by_api(Client(), password="wrong")
    told = by_api(Client()).json()["failed_attempts"]
    assert (told["count"], told["since"][:4]) == (1, "2027")


def test_half_a_sign_in_hears_nothing(with_app, clock):
    _, code = with_app("kim")
    by_page(Client(), password="wrong")
    half = Client()
    by_page(half)
    clock.pass_by(30)
    whole = Client()
    by_page(whole, code=code())
    assert "1 failed attempt to sign in" in whole.get("/account").text


def test_a_burst_is_one_entry_of_the_trail_an_hour_however_long_it_lasts(make_user, clock):
    make_user("kim")
    for n in range(300):
        by_page(Client(REMOTE_ADDR=f"10.1.{n % 200}.{n // 200}"), password="wrong")
        by_page(Client(REMOTE_ADDR=f"10.1.{n % 200}.{n // 200}"), "nobody", "wrong")
    entries = TrailEntry.objects.filter(action="user.sign_in_slowed")
    assert [(entry.actor_name, entry.detail) for entry in entries] == [("system", {"failures": 10})]
    clock.pass_by(3601)
    by_page(Client(), password="wrong")
    assert entries.all().count() == 2


def test_a_slip_or_two_is_no_burst(make_user, clock):
    make_user("kim")
    for _ in range(3):
        by_page(Client(), password="wrong")
    assert not TrailEntry.objects.filter(action="user.sign_in_slowed").exists()


def test_the_owner_of_an_address_is_written_to_at_once(make_user, clock, settings, rung, mailoutbox):
    settings.MAIL_CONFIGURED = True
    user = make_user("kim", email="kim@example.org", language="ko")
    for n in range(12):
        by_page(Client(REMOTE_ADDR=f"10.1.{n}.1"), password="wrong")
    assert rung == [(letters.SLOWED, user.pk)]
    letters.tell_of_failed_attempts(user.pk)
    assert (mailoutbox[0].to, "로그인" in mailoutbox[0].body) == (["kim@example.org"], True)


def test_nobody_is_rung_for_an_unknown_name_just_as_for_a_known_one(make_user, clock, settings, rung):
    settings.MAIL_CONFIGURED = True
    for n in range(12):
        by_page(Client(REMOTE_ADDR=f"10.1.{n}.1"), "nobody", "wrong")
    assert rung == [(letters.SLOWED, letters.NOBODY)]
    letters.tell_of_failed_attempts(letters.NOBODY)


def test_an_unknown_name_costs_a_hash_as_well(make_user, clock, monkeypatch):
    hashed: list[str] = []
    monkeypatch.setattr(User, "set_password", lambda self, raw: hashed.append(raw))
    by_api(Client(), "nobody", "wrong")
    assert hashed == ["wrong"]


@doors
@pytest.mark.parametrize("name", ["", "   ", "k" * 151, "\ufdfa" * 150], ids=["empty", "blank", "long", "long when spelled out"])
def test_what_can_be_no_name_is_refused(make_user, door, name, clock):
    make_user("kim")
    assert door(Client(), name).status_code in (401, 422)


def test_a_closed_account_does_not_sign_in_by_any_door(make_user, clock):
    make_user("kim", is_active=False)
    assert (by_page(Client()).status_code, by_api(Client()).status_code) == (422, 401)
