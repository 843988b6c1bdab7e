"""What asks for the second factor is read back at the boot, and of allauth nothing is reachable but through our pages."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import NoReverseMatch, get_resolver, reverse

from opendata import checks
from opendata.door_checks import ASKING, _in_order, door_rules


def broken() -> list[str]:
    return [message for is_broken, message, _ in door_rules() if is_broken]


def test_the_settings_as_they_are_pass(settings):
    assert broken() == []
    settings.SECOND_FACTOR = "required"
    assert broken() == []


def test_production_refuses_to_go_without_a_second_factor(settings):
    settings.OPENDATA_MODE = "production"
    settings.SECOND_FACTOR = "optional"
    assert "SECOND_FACTOR is not required." in broken()
    with pytest.raises(ImproperlyConfigured, match="SECOND_FACTOR"):
        checks.stop_if_unsafe()


MIDDLEWARE = "MIDDLEWARE"
BAD = [
    ("SECOND_FACTOR", "requird"),
    ("AUTHENTICATION_BACKENDS", ["allauth.account.auth_backends.AuthenticationBackend"]),
    ("AUTHENTICATION_BACKENDS", []),
    ("MFA_ADAPTER", "allauth.mfa.adapter.DefaultMFAAdapter"),
    ("MFA_TOTP_TOLERANCE", 10),
    ("PASSWORD_RESET_TIMEOUT", 10**6),
    ("PASSWORD_RESET_TIMEOUT", 0),
    ("OIDC_ISSUER", "https://id.example.org"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_setting_that_opens_a_door_is_seen(settings, name, value):
    setattr(settings, name, value)
    assert len(broken()) == 1


def test_a_provider_in_the_clear_is_refused_in_production(settings):
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = "http://id.example.org", "a", "b"
    assert broken() == []
    settings.OPENDATA_MODE, settings.SECOND_FACTOR = "production", "required"
    assert broken() == ["OIDC_ISSUER is not an https address."]


@pytest.mark.parametrize("missing", ASKING)
def test_middleware_that_is_missing_is_seen(settings, missing):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != missing]
    assert len(broken()) == 1


def test_middleware_between_is_seen(settings):
    middleware = list(settings.MIDDLEWARE)
    middleware.insert(middleware.index(ASKING[0]) + 1, "somebody.elses.Middleware")
    assert _in_order(settings.MIDDLEWARE)
    assert not _in_order(middleware)


@pytest.mark.parametrize("app", ["allauth.mfa", "allauth.usersessions"])
def test_an_app_that_is_missing_is_seen(settings, app):
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != app]
    assert len(broken()) == 1


ALLAUTH = ["allauth.account.urls", "allauth.mfa.urls", "allauth.usersessions.urls", "allauth.socialaccount.urls",
           "allauth.socialaccount.providers.openid_connect.urls"]  # fmt: skip


def routes(module: str) -> list[tuple[str, str]]:
    """Name and path of each of allauth's own addresses."""
    found: list[tuple[str, str]] = []

    def walk(patterns: list, prefix: str) -> None:
        for pattern in patterns:
            path = prefix + str(pattern.pattern).replace("^", "").replace("$", "")
            if hasattr(pattern, "url_patterns"):
                walk(pattern.url_patterns, path)
            else:
                found.append((pattern.name, path))

    walk(import_module(module).urlpatterns, "")
    return found


@pytest.mark.parametrize("module", ALLAUTH)
def test_none_of_allauths_own_pages_is_reachable(db, module):
    found = routes(module)
    assert found
    for name, path in found:
        for args in ([], ["x"], ["x", "y"]):
            with pytest.raises(NoReverseMatch):
                reverse(name, args=args)
        for folder in ("accounts/", "account/", "mfa/", "2fa/", "accounts/2fa/", "sessions/", "social/", "oidc/", ""):
            address = f"/{folder}{path.replace('<int:pk>', '1')}"
            if address.rstrip("/") not in ("/login", "/logout", ""):
                assert Client().get(address).status_code == 404, address


def test_no_address_leads_into_allauth():
    def views(patterns: list) -> list[str]:
        return [
            name
            for pattern in patterns
            for name in (views(pattern.url_patterns) if hasattr(pattern, "url_patterns") else [pattern.callback.__module__])
        ]

    modules = views(get_resolver().url_patterns)
    assert len(modules) > 80
    assert not [module for module in modules if module.startswith("allauth")]
