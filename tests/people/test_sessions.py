"""People see where they are signed in, and end it."""

from __future__ import annotations

import pytest
from allauth.usersessions.models import UserSession
from django.db import OperationalError
from django.test import Client

from catalog.people import sessions
from catalog.people.addresses import shortened

PASSWORD = "a long sentence for tests"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"


def sign_in(name: str = "kim", *, agent: str = FIREFOX, address: str = "203.0.113.77") -> Client:
    client = Client(REMOTE_ADDR=address, headers={"User-Agent": agent})
    assert client.post("/login", {"username": name, "password": PASSWORD}).status_code == 302
    return client


def listed(client: Client) -> list[dict]:
    return client.get("/api/v1/sessions").json()["results"]


def inside(client: Client) -> bool:
    return client.get("/api/v1/me").status_code == 200


def test_sessions_are_listed_with_browser_and_network_and_no_more(make_user):
    make_user()
    here = sign_in()
    sign_in(agent=SAFARI, address="2001:db8:1:2:3::9")
    seen = {session["browser"]: session for session in listed(here)}
    assert (seen["Firefox, Linux"]["network"], seen["Firefox, Linux"]["current"]) == ("203.0.113.x", True)
    assert (seen["Safari, iOS"]["network"], seen["Safari, iOS"]["current"]) == ("2001:db8:1::…", False)
    kept = str(list(UserSession.objects.values_list("ip", "user_agent", "data")))
    assert "203.0.113.77" not in kept
    assert "2001:db8:1:2" not in kept
    assert "140.0" not in kept


def test_a_session_is_ended_at_once(make_user):
    make_user()
    here, there = sign_in(), sign_in()
    other = next(session for session in listed(here) if not session["current"])
    assert here.delete(f"/api/v1/sessions/{other['id']}").status_code == 204
    assert (inside(here), inside(there)) == (True, False)
    assert len(listed(here)) == 1


def test_all_others_are_ended_over_the_api_and_on_the_page(make_user):
    make_user()
    here = sign_in()
    for end in (lambda: here.delete("/api/v1/sessions"), lambda: here.post("/account/security/sessions/end-others")):
        others = [sign_in(), sign_in()]
        end()
        assert (inside(here), [inside(other) for other in others]) == (True, [False, False])


def test_somebody_elses_session_is_not_there(make_user):
    make_user("kim")
    make_user("lee")
    kim, lee = sign_in("kim"), sign_in("lee")
    (target,) = listed(kim)
    assert lee.delete(f"/api/v1/sessions/{target['id']}").status_code == 404
    lee.post(f"/account/security/sessions/{target['id']}/end")
    lee.delete("/api/v1/sessions")
    assert inside(kim)
    assert len(listed(lee)) == 1


def test_a_key_has_no_sessions_and_ends_none(make_user):
    from tests import factories

    user = make_user()
    here = sign_in()
    with_key = Client(headers={"Authorization": f"Bearer {factories.key(user)}"})
    assert (with_key.get("/api/v1/sessions").status_code, with_key.delete("/api/v1/sessions").status_code) == (403, 403)
    assert inside(here)


def test_a_closed_account_has_no_session_from_the_next_request_on(make_user):
    user = make_user()
    here = sign_in()
    user.is_active = False
    user.save()
    assert not inside(here)


def test_signing_out_takes_the_session_off_the_list(make_user):
    make_user()
    here, there = sign_in(), sign_in()
    there.post("/logout")
    assert len(listed(here)) == 1
    here.delete("/api/v1/session")
    assert not UserSession.objects.exists()


def test_a_session_that_nobody_noted_is_noted_when_it_is_used(make_user, client):
    client.force_login(make_user())
    assert len(listed(client)) in (0, 1)
    assert len(listed(client)) == 1


def test_being_used_is_written_down_every_five_minutes_not_at_every_request(make_user, clock, django_assert_num_queries):
    user = make_user()
    here = sign_in()
    before = UserSession.objects.get().last_seen_at
    for _ in range(5):
        inside(here)
    assert UserSession.objects.get().last_seen_at == before
    clock.pass_by(301)
    inside(here)
    assert UserSession.objects.get().last_seen_at > before
    assert UserSession.objects.get().user == user


def test_that_a_session_cannot_be_noted_is_no_reason_to_refuse(make_user, client, monkeypatch):
    client.force_login(make_user())

    def full(*args: object, **more: object) -> None:
        raise OperationalError("disk full")

    monkeypatch.setattr(UserSession.objects, "update_or_create", full)
    assert inside(client)


@pytest.mark.parametrize(
    ("agent", "family"),
    [(FIREFOX, "Firefox, Linux"), (SAFARI, "Safari, iOS"), (EDGE, "Edge, Windows"), ("python-httpx/0.28", "Python"), ("", "?"), ("<script>", "?")],
)
def test_browsers_are_known_by_their_family(agent, family):
    assert sessions.browser_of(agent) == family


@pytest.mark.parametrize(
    ("address", "network"),
    [("203.0.113.77", "203.0.113.0"), ("2001:db8:1:2:3::9", "2001:db8:1::"), ("", "0.0.0.0"), ("unix:", "0.0.0.0")],
)
def test_addresses_are_shortened(rf, address, network):
    assert shortened(rf.get("/", REMOTE_ADDR=address)) == network
