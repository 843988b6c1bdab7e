"""How people sign in, read back at the boot: a second factor that is not asked for, or asked for by nobody, is none."""

from __future__ import annotations

from typing import Final

from django.conf import settings

from opendata.rule import Rule

AUTHENTICATION: Final = "django.contrib.auth.middleware.AuthenticationMiddleware"
# What asks for the factor, in the order in which it has to stand.
ASKING: Final = (AUTHENTICATION, "allauth.account.middleware.AccountMiddleware", "catalog.people.sessions.WholeSessions")
APPS: Final = ("allauth.account", "allauth.mfa", "allauth.usersessions", "allauth.socialaccount")
ONE_WAY_IN: Final = ["django.contrib.auth.backends.ModelBackend"]
CHOICES: Final = ("required", "optional")


def _in_order(middleware: list[str]) -> bool:
    """Next to each other: nothing may look at ``request.user`` before it is known whether the session is whole."""
    if AUTHENTICATION not in middleware:
        return False
    start = middleware.index(AUTHENTICATION)
    return tuple(middleware[start : start + len(ASKING)]) == ASKING


DOOR_RULES: Final = (
    Rule(
        "E031", lambda: settings.SECOND_FACTOR not in CHOICES,
        "SECOND_FACTOR is none of its values.", f"It is one of: {', '.join(CHOICES)}.", always=True,
    ),
    Rule(
        "E032", lambda: settings.SECOND_FACTOR != "required",
        "SECOND_FACTOR is not required.", "In production officers and administrators show a second factor; leave the variable out.",
    ),
    Rule(
        "E033", lambda: not _in_order(settings.MIDDLEWARE) or not set(APPS) <= set(settings.INSTALLED_APPS),
        "What asks for the second factor is not installed, or not in its place.",
        f"MIDDLEWARE holds, in this order and next to each other: {', '.join(ASKING)}.", always=True,
    ),
    Rule(
        "E034", lambda: settings.AUTHENTICATION_BACKENDS != ONE_WAY_IN or settings.MFA_ADAPTER != "catalog.people.factor_store.FactorStore",
        "There is another way to sign in than the one that is slowed down and asks for a second factor.",
        "Leave AUTHENTICATION_BACKENDS and MFA_ADAPTER alone.", always=True,
    ),
    Rule(
        "E035", lambda: not 0 <= settings.MFA_TOTP_TOLERANCE <= 1 or not 0 < settings.PASSWORD_RESET_TIMEOUT <= 86400,
        "Codes or links for a new password live too long.",
        "MFA_TOTP_TOLERANCE is at most 1 step, PASSWORD_RESET_TIMEOUT at most a day.", always=True,
    ),
    Rule(
        "E036", lambda: bool(settings.OIDC_ISSUER) and not (settings.OIDC_CLIENT_ID and settings.OIDC_CLIENT_SECRET),
        "OIDC_ISSUER is set without OIDC_CLIENT_ID and OIDC_CLIENT_SECRET.", "Set all three, as the provider gave them, or none.", always=True,
    ),
    Rule(
        "E037", lambda: bool(settings.OIDC_ISSUER) and not str(settings.OIDC_ISSUER).startswith("https://"),
        "OIDC_ISSUER is not an https address.", "Who can change what the provider says signs in as anybody.",
    ),
)  # fmt: skip
