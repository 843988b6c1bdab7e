"""Passwords are changed by their owners, and by links that work once; sessions end with them."""

from __future__ import annotations

import re

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from catalog.audit.errors import Invalid, NotAllowed
from catalog.audit.models import TrailEntry
from catalog.people import letters, passwords, second_factor
from catalog.people.models import User
from catalog.people.roles import Role

PASSWORD = "a long sentence for tests"
NEW = "another long sentence for tests"


def sign_in(name: str = "kim", password: str = PASSWORD) -> Client:
    client = Client()
    client.post("/login", {"username": name, "password": password})
    return client


def inside(client: Client) -> bool:
    return client.get("/api/v1/me").status_code == 200


def change(client: Client, old: str = PASSWORD, new: str = NEW, again: str | None = None):
    return client.post("/account/security/password", {"old": old, "new": new, "again": new if again is None else again})


def path_of(link: str) -> str:
    return re.sub(r"^https?://[^/]+", "", link)


def test_a_changed_password_ends_every_other_session_and_the_trail_tells(make_user):
    make_user()
    here, there, half = sign_in(), sign_in(), Client()
    assert change(here)["Location"] == "/account/security"
    assert (inside(here), inside(there), inside(half)) == (True, False, False)
    assert not inside(sign_in())
    assert inside(sign_in(password=NEW))
    assert TrailEntry.objects.latest("seq").action == "user.password_changed"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"old": "wrong"}, "old password is not right"),
        ({"again": "different"}, "not alike"),
        ({"new": "short"}, "too short"),
        ({"new": "kim kim kim kim"}, "username"),
    ],
)
def test_a_password_that_is_wrong_or_not_good_enough_changes_nothing(make_user, given, said):
    make_user("kim kim kim ki" if "username" in said else "kim")
    client = sign_in("kim kim kim ki" if "username" in said else "kim")
    answer = change(client, **given)
    assert answer.status_code == 422
    assert said in answer.text
    assert f'value="{given.get("new", NEW)}"' not in answer.text
    assert User.objects.get().check_password(PASSWORD)


def test_the_old_password_cannot_be_tried_at_leisure_at_an_open_session(make_user, clock):
    make_user()
    client = sign_in()
    assert [change(client, old="wrong").status_code for _ in range(6)] == [422] * 5 + [429]
    assert change(client).status_code == 429


def test_the_service_asks_for_the_old_password_too(make_user):
    user = make_user()
    with pytest.raises(Invalid):
        passwords.change_password(by=user, old="wrong", new=NEW)
    assert User.objects.get().check_password(PASSWORD)


def test_a_link_sets_a_password_once_and_signs_nobody_in(make_user, client):
    user = make_user()
    before = sign_in()
    path = path_of(passwords.password_reset_link(by=None, user=user))
    assert client.get(path).status_code == 200
    assert client.post(path, {"new": NEW, "again": NEW})["Location"] == "/login"
    assert not inside(client)
    assert not inside(before)
    assert inside(sign_in(password=NEW))
    for again in (client.get(path), client.post(path, {"new": PASSWORD, "again": PASSWORD})):
        assert again.status_code == 410
    assert User.objects.get().check_password(NEW)
    assert list(TrailEntry.objects.values_list("action", flat=True)) == ["user.password_link_made", "user.password_reset"]


def test_a_link_leaves_the_second_factor_alone(with_app):
    user, _ = with_app("kim", "officer")
    path = path_of(passwords.password_reset_link(by=None, user=user))
    Client().post(path, {"new": NEW, "again": NEW})
    assert second_factor.enrolled(user)
    assert not inside(sign_in(password=NEW))


def test_a_link_ends_with_its_hour(make_user, client, settings, monkeypatch):
    path = path_of(passwords.password_reset_link(by=None, user=make_user()))
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert client.get(path).status_code == 410


def test_a_link_ends_when_somebody_signs_in_or_the_password_changes_otherwise(make_user, client):
    user = make_user()
    first = path_of(passwords.password_reset_link(by=None, user=user))
    sign_in()
    assert client.get(first).status_code == 410


@pytest.mark.parametrize("name", ["MQ", "x", "%20", "OTk5OTk", "MQ" * 40])
def test_a_link_that_is_not_ours_is_refused(make_user, client, name):
    make_user()
    assert client.get(f"/password/new/{name}/c0ffee-0123456789").status_code == 410


def test_a_weak_password_does_not_use_up_the_link(make_user, client):
    path = path_of(passwords.password_reset_link(by=None, user=make_user()))
    assert client.post(path, {"new": "short", "again": "short"}).status_code == 422
    assert client.post(path, {"new": NEW, "again": NEW}).status_code == 302


@pytest.mark.parametrize("role", [str(role) for role in Role if role is not Role.ADMINISTRATOR])
def test_links_are_made_by_administrators_for_others(make_user, role):
    kim, boss = make_user("kim"), make_user("boss", "administrator")
    for by, user in ((make_user("someone", role), kim), (boss, boss), (boss, make_user("gone", is_active=False))):
        with pytest.raises(NotAllowed):
            passwords.password_reset_link(by=by, user=user)
    assert passwords.password_reset_link(by=boss, user=kim).startswith("http")


def test_the_operator_prints_a_link(make_user, capsys, client):
    make_user()
    call_command("reset_password", "kim")
    link = capsys.readouterr().out.strip()
    assert client.get(path_of(link)).status_code == 200
    with pytest.raises(CommandError):
        call_command("reset_password", "nobody")


def test_without_mail_the_page_says_whom_to_ask(make_user, client, rung):
    make_user(email="kim@example.org")
    assert "Ask an administrator" in client.get("/password/forgotten").text
    client.post("/password/forgotten", {"username": "kim"})
    assert rung == []


def test_known_and_unknown_names_get_the_same_answer_and_ring_the_same_bell(make_user, settings, rung):
    settings.MAIL_CONFIGURED = True
    user = make_user(email="kim@example.org")
    answers = [re.sub(r'value="[\w-]{60,}"', "", Client().post("/password/forgotten", {"username": name}).text) for name in ("kim", "nobody")]
    assert answers[0] == answers[1]
    assert rung == [(letters.RESET, user.pk), (letters.RESET, letters.NOBODY)]


def test_the_letter_holds_a_link_that_works(make_user, settings, mailoutbox, client):
    settings.MAIL_CONFIGURED = True
    user = make_user(email="kim@example.org")
    passwords.send_reset_link(user.pk)
    link = re.search(r"http\S+", mailoutbox[0].body.split("\n\n")[1])
    assert link is not None
    assert client.get(path_of(link.group())).status_code == 200


@pytest.mark.parametrize("fields", [{"email": ""}, {"email": "kim@example.org", "is_active": False}])
def test_no_letter_goes_to_a_closed_account_or_to_no_address(make_user, mailoutbox, fields):
    passwords.send_reset_link(make_user(**fields).pk)
    assert mailoutbox == []


def test_nobodys_mailbox_is_filled(make_user, settings, rung, clock):
    settings.MAIL_CONFIGURED = True
    make_user(email="kim@example.org")
    statuses = [Client().post("/password/forgotten", {"username": name}).status_code for name in ["kim", "kim ", "𝐤𝐢𝐦", "kim", "kim", "kim"]]
    assert statuses == [200] * 5 + [429]
    assert len(rung) == 1


def test_owners_are_told_of_changes(make_user, settings, rung, mailoutbox, django_capture_on_commit_callbacks):
    settings.MAIL_CONFIGURED = True
    user = make_user(email="kim@example.org")
    with django_capture_on_commit_callbacks(execute=True):
        passwords.change_password(by=user, old=PASSWORD, new=NEW)
    assert rung == [(letters.CHANGED, user.pk)]
    letters.tell_of_change(user.pk)
    assert "was changed" in mailoutbox[0].body


def test_an_address_is_set_by_others_and_the_trail_does_not_say_which(make_user, capsys):
    boss, kim, lee = make_user("boss", "administrator"), make_user("kim"), make_user("lee", "steward")
    letters.set_address(by=boss, user=kim, email="kim@example.org")
    assert User.objects.get(username="kim").email == "kim@example.org"
    assert "example.org" not in str(list(TrailEntry.objects.values()))
    for by, user, email, error in ((lee, kim, "a@b.org", NotAllowed), (boss, boss, "a@b.org", NotAllowed), (boss, kim, "no address", Invalid)):
        with pytest.raises(error):
            letters.set_address(by=by, user=user, email=email)
    call_command("set_email", "kim", "")
    assert User.objects.get(username="kim").email == ""
    assert TrailEntry.objects.filter(action="user.address_set").count() == 2


def test_whoever_sets_the_address_of_an_account_does_not_reset_its_second_factor(make_user, with_app):
    boss = make_user("boss", "administrator")
    kim, _ = with_app("kim", "officer")
    letters.set_address(by=boss, user=kim, email="boss@example.org")
    with pytest.raises(NotAllowed):
        second_factor.reset_second_factor(by=boss, user=kim)
