"""Passkeys in a real browser, with an authenticator that it plays itself; and the pages at the door, for everybody."""

from __future__ import annotations

import secrets

import pytest

from catalog.people.roles import Role
from opendata.demo.accounts import code_of
from tests.browser.conftest import Visitor
from tests.live.platform import PASSWORD

pytestmark = [pytest.mark.live, pytest.mark.browser]


@pytest.fixture
def somebody(site):
    """An account of this test's own: what it adds, other tests are not asked for."""

    def make(role: Role) -> str:
        name = f"{role}-{secrets.token_hex(3)}"
        site.manage("create_user", name, "--role", str(role), stdin=PASSWORD)
        return name

    return make


@pytest.fixture
def visitor(browser, site):
    """At localhost: browsers make no passkeys for a bare address."""
    made = Visitor(browser, site.url.replace("127.0.0.1", "localhost"))
    yield made
    complaints = made.complaints
    made.context.close()
    assert complaints == []


def with_authenticator(visitor: Visitor) -> None:
    tools = visitor.context.new_cdp_session(visitor.page)
    tools.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
    tools.send("WebAuthn.addVirtualAuthenticator", {"options": {**options, "automaticPresenceSimulation": True}})


def add_passkey(visitor: Visitor) -> str:
    """A recovery code that came with it."""
    visitor.go("/account/security/passkey")
    visitor.page.fill("#id_name", "Pocket")
    visitor.page.click("form[data-passkey] button")
    visitor.page.wait_for_selector("#codes")
    return visitor.page.inner_text("#codes").split("\n")[0]


def sign_out(visitor: Visitor) -> None:
    visitor.go("/account")
    visitor.page.click("header form button")
    visitor.page.wait_for_url(lambda url: "/account" not in url)


def test_a_passkey_is_the_second_step_and_signs_in_alone(visitor, somebody):
    name = somebody(Role.DEVELOPER)
    with_authenticator(visitor)
    visitor.sign_in(name)
    recovery = add_passkey(visitor)
    visitor.go("/account/security")
    assert "Pocket" in visitor.text()
    sign_out(visitor)

    visitor.go("/login/passkey")
    visitor.page.click("form[data-passkey] button")
    visitor.page.wait_for_url(lambda url: "/login" not in url)
    assert name in visitor.page.inner_text("header")
    sign_out(visitor)

    password_step(visitor, name)
    assert visitor.keeps_out() == []
    visitor.page.click("form[data-passkey] button")
    visitor.page.wait_for_url(lambda url: "/login" not in url)
    assert name in visitor.page.inner_text("header")
    sign_out(visitor)

    password_step(visitor, name)
    visitor.page.fill("#id_code", recovery)
    visitor.page.click("form:has(#id_code) button")
    visitor.page.wait_for_url(lambda url: "/login" not in url)
    visitor.go("/account/security")
    assert "9 recovery codes are left" in visitor.text()
    assert visitor.keeps_out() == []


def password_step(visitor: Visitor, name: str) -> None:
    visitor.go("/login")
    visitor.page.fill("#id_username", name)
    visitor.page.fill("#id_password", PASSWORD)
    visitor.page.click("main button")
    visitor.page.wait_for_selector("#id_code")


def test_a_passkey_of_another_device_signs_nobody_in(visitor, somebody):
    with_authenticator(visitor)
    visitor.go("/login/passkey")
    visitor.page.click("form[data-passkey] button")
    visitor.page.wait_for_function("document.querySelector('[data-words]').textContent !== ''")
    assert "did not show a passkey" in visitor.text()


def test_an_app_is_added_without_scripts(browser, site, somebody):
    name = somebody(Role.STEWARD)
    plain = Visitor(browser, site.url, scripts=False)
    plain.sign_in(name)
    plain.go("/account/security/app")
    secret = "".join(plain.page.inner_text(".secret").split())
    box = plain.page.locator(".qr svg").bounding_box()
    assert box is not None
    assert box["width"] > 150
    plain.page.fill("#id_code", code_of(secret, plain.page.evaluate("Date.now()") / 1000))
    plain.page.click("form:has(#id_code) button")
    plain.page.wait_for_selector("#codes")
    complaints = plain.complaints
    plain.context.close()
    assert complaints == []


@pytest.mark.parametrize("path", ["/login", "/login/passkey", "/password/forgotten"])
def test_the_door_keeps_nobody_out(visitor, path):
    visitor.go(path)
    assert visitor.keeps_out() == []


def test_ones_own_security_keeps_nobody_out(visitor, somebody):
    visitor.sign_in(somebody(Role.DEVELOPER))
    for path in ("/account/security", "/account/security/app", "/account/security/passkey", "/account/security/password"):
        visitor.go(path)
        assert visitor.keeps_out() == [], path
