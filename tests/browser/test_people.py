"""An administrator at a browser: the pages hold on a desk and in a hand, in every language, and keep nobody out."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.live]
LANGUAGES = ("ko", "zh-hans", "en")


def looked_at(visitor, address: str) -> None:
    for width in (1280, 390):
        visitor.page.set_viewport_size({"width": width, "height": 900})
        for language in LANGUAGES:
            visitor.go(address)
            visitor.speak(language)
            assert visitor.page.locator("html").get_attribute("lang") == language
            assert not visitor.page.evaluate("document.documentElement.scrollWidth > innerWidth"), (address, width, language)
            assert visitor.keeps_out() == [], (address, width, language)


def test_an_account_is_made_given_a_role_and_closed(visit):
    ada = visit("ada")
    assert ada.page.url.endswith("/people")
    ada.page.click("text=Make an account")
    ada.page.fill("#id_username", "leaver")
    ada.page.fill("#id_password", "a long sentence for a leaver")
    ada.page.check("input[value=officer]")
    ada.page.click("text=Make the account")
    ada.page.wait_for_selector("text=The account is made.")
    leaver = ada.page.url.removeprefix(ada.url)
    ada.page.select_option("#give_mandate", "mobility")
    ada.page.click("text=Give the mandate")
    ada.page.wait_for_selector("th:has-text('Mobility Department')")
    ada.page.select_option("#give_role", "steward")
    ada.page.click("text=Give the role")
    ada.page.wait_for_selector("th:has-text('data steward')")
    for address in ("/people", "/people/new", leaver):
        looked_at(ada, address)
    ada.page.set_viewport_size({"width": 1280, "height": 900})
    ada.go(leaver)
    ada.page.fill("#reason", "Left the city.")
    ada.page.click("button:has-text('Close the account')")
    ada.page.wait_for_selector("text=The account is closed.")
    looked_at(ada, leaver)
