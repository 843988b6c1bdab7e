"""A second factor is demanded of whom it must be, counts once, and a session without it is nobody's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from catalog.audit import services as audit
from catalog.audit.errors import Conflict, NotAllowed
from catalog.audit.models import TrailEntry
from catalog.people import passwords, second_factor, services
from catalog.people.factor_store import FactorStore
from catalog.people.models import ApiKey, User
from catalog.people.roles import Role

PASSWORD = "a long sentence for tests"
DEMANDED = ["officer", "lead_officer", "administrator"]


def api_sign_in(client: Client, name: str = "kim", **more: str):
    given = {"username": name, "password": PASSWORD, **more}
    return client.post("/api/v1/session", given, content_type="application/json")


def page_sign_in(client: Client, name: str = "kim", **more: str):
    return client.post("/login", {"username": name, "password": PASSWORD, **more})


def last_entry() -> TrailEntry:
    return TrailEntry.objects.latest("seq")


# --- of whom -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [str(role) for role in Role])
def test_it_is_demanded_of_officers_lead_officers_and_administrators(make_user, demanded, role):
    assert second_factor.demanded_of(make_user("kim", role)) is (role in DEMANDED)


@pytest.mark.parametrize(("setting", "is_demanded"), [("required", True), ("optional", False), ("", True), ("off", True), ("Optional", True)])
def test_a_setting_that_is_misspelt_demands_it(make_user, settings, setting, is_demanded):
    settings.SECOND_FACTOR = setting
    assert second_factor.demanded_of(make_user("kim", "officer")) is is_demanded


@pytest.mark.parametrize("role", DEMANDED)
def test_over_the_api_no_session_is_opened_without_it(make_user, demanded, role, client):
    make_user("kim", role)
    answer = api_sign_in(client)
    assert (answer.status_code, answer.json()["code"]) == (401, "second_factor_needed")
    assert answer["WWW-Authenticate"]
    assert "/login" in answer.json()["detail"]
    assert "_auth_user_id" not in client.session


def test_over_the_api_a_code_opens_a_session(with_app, demanded, client):
    _, code = with_app("kim", "officer")
    without = api_sign_in(client)
    assert (without.status_code, without.json()["code"]) == (401, "second_factor_needed")
    wrong = api_sign_in(client, code="000000")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "second_factor_wrong")
    assert api_sign_in(client, code=code()).status_code == 200
    assert client.get("/api/v1/me").json()["username"] == "kim"


def test_who_has_one_is_asked_for_it_whatever_their_role_and_the_setting(with_app, client):
    with_app("kim", "steward")
    assert api_sign_in(client).json()["code"] == "second_factor_needed"
    page_sign_in(client)
    assert client.get("/account")["Location"].startswith("/login/code")


# --- half a session ----------------------------------------------------------------------------------------------


def pages() -> list[str]:
    """Every page and API address without parameters, from the table of addresses itself."""
    found: list[str] = []

    def walk(patterns, prefix: str) -> None:
        for pattern in patterns:
            path = prefix + str(pattern.pattern).removeprefix("^").removesuffix("$")
            if hasattr(pattern, "url_patterns"):
                walk(pattern.url_patterns, path)
            elif "<" not in path and "(" not in path:
                found.append("/" + path)

    walk(get_resolver().url_patterns, "")
    return found


OPEN_TO_HALF = {"/account/security/app", "/account/security/passkey", "/account/security/confirm"}


@pytest.mark.parametrize("enrolled", [True, False], ids=["has one", "has none yet"])
def test_half_a_session_is_nobody_at_every_address(make_user, with_app, demanded, enrolled):
    """What it sees is what nobody sees, but for the pages that ask for the factor."""
    if enrolled:
        with_app("kim", "administrator", "officer", "auditor", "steward")
    else:
        make_user("kim", "administrator", "officer", "auditor", "steward")
    assert len(pages()) > 25
    for path in pages():
        half, nobody = Client(), Client()
        page_sign_in(half)
        seen, plain = half.get(path), nobody.get(path)
        if path in OPEN_TO_HALF and not enrolled:
            assert seen.status_code in (200, 302), path
        elif seen.status_code == 302 and plain.status_code == 302:
            assert seen["Location"].split("?")[0] in ("/login/code", "/", "/login", "/account/security/app"), path
        elif plain.status_code == 401:
            assert (seen.status_code, seen.json()["code"]) == (401, "second_factor_needed"), path
        elif path != "/login/code":
            assert seen.status_code == plain.status_code, path
        assert ">kim</a>" not in getattr(seen, "text", ""), path


def test_half_a_session_changes_nothing(with_app, demanded):
    user, _ = with_app("kim", "administrator")
    half = Client()
    page_sign_in(half)
    for path in ("/account", "/account/security/password", "/account/security/recovery-codes", f"/account/security/factors/{second_factor.factors_of(user)[0].pk}/remove",
                 "/account/security/app", "/account/security/passkey", "/account/security/confirm"):  # fmt: skip
        answer = half.post(path, {"name": "k", "scopes": ["read"], "days": "30", "password": PASSWORD})
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/login/code"), path
    keys = half.post("/api/v1/keys", {"name": "k", "scopes": ["read"], "expires_at": "2027-01-01T00:00:00Z"}, content_type="application/json")
    assert keys.json()["code"] == "second_factor_needed"
    assert not ApiKey.objects.exists()
    assert Authenticator.objects.filter(user=user, type="totp").count() == 1


def test_half_a_session_signs_out_and_chooses_a_language(with_app, demanded):
    with_app("kim", "officer")
    half = Client()
    page_sign_in(half)
    assert half.get("/language?set=ko").status_code == 302
    half.post("/logout")
    assert "_auth_user_id" not in half.session


def test_without_the_middleware_nobody_is_let_in_either(with_app, demanded, settings):
    """The middleware is the ground; should it be missing, what stands on it does not hold."""
    with_app("kim", "officer")
    half = Client()
    page_sign_in(half)
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "WholeSessions" not in name]
    unguarded = Client()
    unguarded.cookies = half.cookies
    assert unguarded.get("/api/v1/me").status_code == 401
    assert unguarded.get("/account").status_code == 302 or unguarded.get("/account").status_code == 403


def test_a_role_that_is_given_in_a_running_session_is_asked_for_at_the_next_request(make_user, demanded):
    user, client = make_user("kim", "steward"), Client()
    page_sign_in(client)
    assert client.get("/api/v1/me").status_code == 200
    services.grant_role(by=None, user=user, role="officer")
    assert client.get("/api/v1/me").json()["code"] == "second_factor_needed"
    assert client.get("/reviews")["Location"].startswith("/login/code")
    services.withdraw_role(by=None, user=user, role="officer")
    assert client.get("/api/v1/me").status_code == 200


def test_a_record_of_somebody_else_in_the_same_session_does_not_count(with_app, make_user, demanded):
    _, code = with_app("kim", "officer")
    make_user("lee", "officer")
    client = Client()
    page_sign_in(client, code=code())
    page_sign_in(client, "kim")
    assert client.get("/api/v1/me").status_code == 200 or client.get("/api/v1/me").json()["code"] == "second_factor_needed"
    page_sign_in(client, "lee")
    assert client.get("/api/v1/me").json()["code"] == "second_factor_needed"


def test_the_name_of_the_session_changes_when_the_factor_was_shown(with_app, demanded, client, clock):
    _, code = with_app("kim", "officer")
    page_sign_in(client)
    before = client.session.session_key
    client.post("/login/code", {"code": code()})
    assert client.session.session_key != before
    assert client.get("/api/v1/me").status_code == 200


# --- codes -------------------------------------------------------------------------------------------------------


def test_a_code_is_taken_once(with_app, clock):
    user, code = with_app()
    now = code()
    assert second_factor.use_code(user, now) is not None
    assert second_factor.use_code(user, now) is None


def test_a_code_is_taken_once_whatever_becomes_of_the_cache(with_app, clock):
    user, code = with_app()
    now = code()
    assert second_factor.use_code(user, now) is not None
    cache.clear()
    assert second_factor.use_code(user, now) is None


def test_the_cache_alone_refuses_a_second_time_too(with_app, clock):
    """allauth's own guard works with our cache (opendata/counters.py)."""
    user, code = with_app()
    now = code()
    assert second_factor.use_code(user, now) is not None
    factor = second_factor.factors_of(user)[0]
    del factor.data[second_factor.LAST_STEP]
    factor.save()
    assert second_factor.use_code(user, now) is None


def test_no_code_before_one_that_was_taken_is_taken(with_app, clock):
    user, code = with_app()
    early = code()
    clock.pass_by(30)
    assert second_factor.use_code(user, code()) is not None
    assert second_factor.use_code(user, early) is None


@pytest.mark.parametrize(("seconds", "taken"), [(0, True), (30, True), (-30, True), (60, False), (-60, False)])
def test_a_clock_may_be_half_a_minute_off(with_app, clock, seconds, taken):
    user, code = with_app()
    clock.pass_by(1_000 - clock.now % 30)
    shown = code()
    clock.pass_by(seconds)
    assert (second_factor.use_code(user, shown) is not None) is taken


@pytest.mark.parametrize("wrong", ["", "12345", "abcdef", "１２３４５６", "\x00", "1" * 500])
def test_what_is_no_code_is_refused(with_app, wrong):
    user, _ = with_app()
    assert second_factor.use_code(user, wrong) is None


def test_somebody_elses_code_is_refused(with_app, clock):
    kim, _ = with_app("kim")
    _, code = with_app("lee")
    assert second_factor.use_code(kim, code()) is None


def test_codes_cannot_be_tried_at_leisure(with_app, demanded, client, clock):
    _, code = with_app("kim", "officer")
    page_sign_in(client)
    answers = [client.post("/login/code", {"code": "000000"}).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
    assert client.post("/login/code", {"code": code()}).status_code == 429
    clock.pass_by(1)
    assert client.post("/login/code", {"code": code()}).status_code == 302


def test_a_recovery_code_is_good_once_and_the_trail_tells(with_app, demanded, client):
    user, _ = with_app("kim", "officer")
    codes = second_factor.renew_recovery_codes(by=user, user=user)
    assert len(set(codes)) == 10
    assert api_sign_in(client, code=f"{codes[3][:4]} {codes[3][4:]}").status_code == 200
    assert last_entry().action == "user.recovery_code_used"
    assert api_sign_in(Client(), code=codes[3]).json()["code"] == "second_factor_wrong"
    assert second_factor.recovery_codes_left(user) == 9
    fresh = second_factor.renew_recovery_codes(by=user, user=user)
    assert not set(fresh) & set(codes)
    assert api_sign_in(Client(), code=codes[4]).status_code == 401


def test_secrets_are_sealed_in_the_database_and_no_code_is_made_with_another_key(with_app, settings):
    secret = generate_totp_secret()
    user, _ = with_app()
    Authenticator.objects.all().delete()
    second_factor.add_app(by=None, user=user, secret=secret)
    assert secret not in str(list(Authenticator.objects.values_list("data", flat=True)))
    code = second_factor.code_of_now(secret)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another" * 8
    assert second_factor.use_code(user, code) is None
    settings.SECRET_KEY_FALLBACKS = [old]
    assert second_factor.use_code(user, code) is not None


def test_a_site_is_named_to_passkeys_without_its_port(rf, settings):
    from allauth.core.context import request_context

    settings.ALLOWED_HOSTS = ["data.example.org"]
    for host in ("data.example.org", "data.example.org:8443"):
        with request_context(rf.get("/", headers={"Host": host})):
            assert FactorStore().get_public_key_credential_rp_entity()["id"] == "data.example.org"


# --- adding, removing, resetting -----------------------------------------------------------------------------------


def test_an_app_is_added_with_a_code_that_it_shows_which_is_then_used_up(make_user, clock):
    user, secret = make_user(), generate_totp_secret()
    with pytest.raises(second_factor.SecondFactorWrong):
        second_factor.add_app(by=user, user=user, secret=secret, code="000000")
    assert not second_factor.enrolled(user)
    code = second_factor.code_of_now(secret)
    assert len(second_factor.add_app(by=user, user=user, secret=secret, code=code)) == 10
    assert (last_entry().action, last_entry().detail["kind"]) == ("user.second_factor_added", "totp")
    assert second_factor.use_code(user, code) is None
    with pytest.raises(Conflict):
        second_factor.add_app(by=user, user=user, secret=generate_totp_secret(), code="000000")


def test_nobody_adds_or_removes_a_factor_of_somebody_else(make_user, with_app):
    kim, _ = with_app("kim")
    boss = make_user("boss", "administrator")
    for change in (
        lambda: second_factor.add_app(by=boss, user=make_user("lee"), secret=generate_totp_secret(), code="000000"),
        lambda: second_factor.add_passkey(by=boss, user=kim, name="x", credential={}),
        lambda: second_factor.renew_recovery_codes(by=boss, user=kim),
        lambda: second_factor.remove_factor(by=boss, user=kim, factor_id=second_factor.factors_of(kim)[0].pk),
    ):
        with pytest.raises(NotAllowed):
            change()


def test_the_last_factor_stays_while_a_role_demands_one(with_app, demanded):
    user, _ = with_app("kim", "officer")
    app = second_factor.factors_of(user)[0]
    with pytest.raises(Conflict):
        second_factor.remove_factor(by=user, user=user, factor_id=app.pk)
    second_factor.add_passkey(by=user, user=user, name="key", credential={})
    second_factor.remove_factor(by=user, user=user, factor_id=app.pk)
    with pytest.raises(Conflict):
        second_factor.remove_factor(by=user, user=user, factor_id=second_factor.factors_of(user)[0].pk)
    services.withdraw_role(by=None, user=user, role="officer")
    second_factor.remove_factor(by=user, user=user, factor_id=second_factor.factors_of(user)[0].pk)
    assert not Authenticator.objects.exists(), "recovery codes that stand in for nothing go too"


def test_recovery_codes_stand_in_for_something(make_user):
    user = make_user()
    with pytest.raises(Conflict):
        second_factor.renew_recovery_codes(by=user, user=user)


def test_an_administrator_resets_a_lost_factor_and_every_session_ends(make_user, with_app, demanded):
    boss = make_user("boss", "administrator")
    user, code = with_app("kim", "officer")
    client = Client()
    page_sign_in(client, code=code())
    assert client.get("/api/v1/me").status_code == 200
    second_factor.reset_second_factor(by=boss, user=user)
    assert client.get("/api/v1/me").status_code == 401
    assert (last_entry().action, last_entry().actor_name, last_entry().detail) == ("user.second_factor_reset", "boss", {"removed": 2})
    page_sign_in(client)
    assert client.get("/account/security/app").status_code == 200


@pytest.mark.parametrize("role", [str(role) for role in Role if role is not Role.ADMINISTRATOR])
def test_nobody_but_an_administrator_resets_a_factor_and_not_their_own(make_user, with_app, role):
    user, _ = with_app("kim", "administrator")
    for by in (make_user("someone", role), user):
        assert not second_factor.can_reset(by, user)
        with pytest.raises(NotAllowed):
            second_factor.reset_second_factor(by=by, user=user)
    assert second_factor.enrolled(user)


def test_one_administrator_does_not_take_both_factors_of_an_account(make_user, with_app):
    boss, other = make_user("boss", "administrator"), make_user("other", "administrator")
    kim, _ = with_app("kim", "officer")
    lee, _ = with_app("lee", "officer")
    passwords.password_reset_link(by=boss, user=kim)
    with pytest.raises(NotAllowed):
        second_factor.reset_second_factor(by=boss, user=kim)
    second_factor.reset_second_factor(by=boss, user=lee)
    with pytest.raises(NotAllowed):
        passwords.password_reset_link(by=boss, user=lee)
    second_factor.reset_second_factor(by=other, user=kim)
    passwords.password_reset_link(by=other, user=lee)


def test_an_account_of_ones_own_making_is_no_other_hand(make_user, with_app):
    """As an attacker would: a second administrator is made, who does the other half, or gives their maker a role."""
    boss, other = make_user("boss", "administrator"), make_user("other", "administrator")
    kim, _ = with_app("kim", "officer")
    services.create_user(by=boss, username="puppet", password="a long sentence for tests", roles=["administrator"])
    services.create_user(by=User.objects.get(username="puppet"), username="puppet2", password="a long sentence for tests", roles=["administrator"])
    passwords.password_reset_link(by=boss, user=kim)
    for name in ("puppet", "puppet2"):
        with pytest.raises(NotAllowed):
            second_factor.reset_second_factor(by=User.objects.get(username=name), user=kim)
        with pytest.raises(NotAllowed):
            services.grant_role(by=User.objects.get(username=name), user=boss, role="officer")
    second_factor.reset_second_factor(by=other, user=kim)
    services.grant_role(by=other, user=boss, role="auditor")
    lee, _ = with_app("lee", "officer")
    passwords.password_reset_link(by=User.objects.get(username="puppet2"), user=lee)
    with pytest.raises(NotAllowed):
        second_factor.reset_second_factor(by=User.objects.get(username="puppet"), user=lee)
    with pytest.raises(NotAllowed):
        second_factor.reset_second_factor(by=boss, user=lee)


def test_a_role_that_demands_a_factor_ends_the_keys_that_were_made_without_one(make_user, with_app, demanded):
    boss, kim = make_user("boss", "administrator"), make_user("kim", "developer")
    ends = timezone.now() + timedelta(days=9)
    key, secret = services.issue_key(by=kim, user=kim, name="before", scopes=["read"], expires_at=ends)
    services.grant_role(by=boss, user=kim, role="auditor")
    assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    services.grant_role(by=boss, user=kim, role="officer")
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401
    # and one that nobody ended, of an owner who owes a factor: put there past the services
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=None)
    assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


FACTORS_FORGED = {
    "all removed": lambda kim, lee: Authenticator.objects.filter(user=kim).delete(),
    "another's put in its place": lambda kim, lee: Authenticator.objects.filter(user=kim, type="totp").update(data=Authenticator.objects.get(user=lee, type="totp").data),
    "one more added": lambda kim, lee: Authenticator.objects.create(user=kim, type="webauthn", data={"name": "k", "credential": {"id": "x"}}),
    "linked with somebody at the provider": lambda kim, lee: SocialAccount.objects.create(user=kim, provider="oidc", uid="x"),
}


@pytest.mark.parametrize("forge", FACTORS_FORGED.values(), ids=FACTORS_FORGED.keys())
def test_a_factor_that_the_trail_never_told_of_is_seen(db, forge):
    kim, lee = (services.create_user(by=None, username=name, password="a long sentence for tests", roles=["officer"]) for name in ("kim", "lee"))
    for user in (kim, lee):
        secret = generate_totp_secret()
        second_factor.add_app(by=None, user=user, secret=secret)
        second_factor.use_code(user, second_factor.code_of_now(secret))  # using it makes no other factor of it
    assert audit.verify().ok
    forge(kim, lee)
    assert {discrepancy.subject for discrepancy in audit.verify().discrepancies} == {("user", str(kim.pk))}


def test_the_operator_resets_by_command(with_app, capsys):
    user, _ = with_app("kim", "officer")
    call_command("reset_second_factor", "kim")
    assert not second_factor.enrolled(user)
    assert (last_entry().action, last_entry().actor_name) == ("user.second_factor_reset", "system")
    with pytest.raises(CommandError):
        call_command("reset_second_factor", "nobody")


def test_keys_of_such_roles_are_made_in_a_session_that_has_shown_the_factor(with_app, demanded, rf):
    user, code = with_app("kim", "officer")
    request = rf.post("/api/v1/keys")
    with pytest.raises(second_factor.SecondFactorNeeded):
        second_factor.check_may_make_key(request, user)
    client = Client()
    page_sign_in(client, code=code())
    made = client.post("/api/v1/keys", {"name": "k", "scopes": ["reviews:decide"], "expires_at": "2027-06-01T00:00:00Z"}, content_type="application/json")
    assert made.status_code in (201, 422)
    assert (made.status_code == 201) == ApiKey.objects.exists()


def test_somebody_whose_account_owes_nothing_makes_keys_as_before(make_user, demanded, rf):
    second_factor.check_may_make_key(rf.post("/"), make_user("kim", "steward"))
