"""Single sign-on by OpenID Connect, as configuration: one provider, named by OIDC_ISSUER.

The provider says who somebody is, by its own unchanging name for them (``sub``); whether that is somebody here, an
administrator has said before. Nobody gets an account by coming, and no e-mail address is taken for a person: addresses are
given to others, and not every provider checks them. allauth speaks the protocol (state, PKCE, tokens, keys); its sign-up and
its matching of accounts are never reached.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, Final

import requests
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

from catalog.audit import services as trail
from catalog.audit.errors import Conflict, Invalid, NotAllowed, PlatformError
from catalog.people import policies, second_factor
from catalog.people.models import User
from catalog.people.two_hands import check_other_hand

PROVIDER: Final = "oidc"
LONGEST_SUBJECT: Final = 255  # OpenID Connect Core, section 2
NONCE: Final = "single_sign_on.nonce"
SIGNED_WITH: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})


class NotSignedOn(PlatformError):
    """The provider did not vouch for somebody, or for somebody who has no account here."""

    code, status, title = "not_signed_on", 403, "Single sign-on did not sign you in"


def configured() -> bool:
    return bool(settings.OIDC_ISSUER)


class Provider(DefaultSocialAccountAdapter):
    """The one provider, from the settings: a row in the database cannot add another. And nobody signs up."""

    def list_apps(self, request: Any, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        if not configured() or provider not in (PROVIDER, "openid_connect"):
            return []
        details = {"server_url": settings.OIDC_ISSUER, "fetch_userinfo": False, "oauth_pkce_enabled": True}
        return [
            SocialApp(
                provider="openid_connect", provider_id=PROVIDER, name=settings.OIDC_NAME,
                client_id=settings.OIDC_CLIENT_ID, secret=settings.OIDC_CLIENT_SECRET, settings=details,
            )
        ]  # fmt: skip

    def is_open_for_signup(self, request: Any, sociallogin: Any) -> bool:
        return False

    def on_authentication_error(
        self, request: Any, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        """Told on a page of ours; nothing of what the provider said is repeated."""
        raise NotSignedOn("The sign-in was broken off, or its answer cannot be trusted. Nothing was changed. Try again.")


class _Door(OpenIDConnectOAuth2Adapter):
    """allauth's side of the protocol, up to the checked claims."""

    def __init__(self, request: HttpRequest, provider_id: str = PROVIDER) -> None:
        super().__init__(request, provider_id)

    @property
    def openid_config(self) -> dict[str, Any]:
        known: dict[str, Any] = super().openid_config
        if str(known.get("issuer", "")).rstrip("/") != str(settings.OIDC_ISSUER).rstrip("/"):
            raise OAuth2Error("the provider calls itself otherwise than OIDC_ISSUER does")
        return known

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return f"{str(settings.SITE_URL).rstrip('/')}{reverse('sso_callback')}"

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        """Its signature is checked in any case: how it came here is for the operator's network to say, not for us."""
        if jwtkit.jwt.get_unverified_header(id_token).get("alg") not in SIGNED_WITH:
            raise OAuth2Error("the token is signed with no key pair")
        claims: dict[str, Any] = jwtkit.verify_and_decode(
            credential=id_token, keys_url=self.openid_config["jwks_uri"], issuer=self.openid_config["issuer"],
            audience=app.client_id, lookup_kid=jwtkit.lookup_kid_jwk,
        )  # fmt: skip
        return claims

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> Any:
        """Ends allauth's part: the checked claims go back to :func:`claims_of`, by the way that leads past its accounts."""
        id_token = kwargs["response"].get("id_token")
        if not isinstance(id_token, str):
            raise OAuth2Error("there is no identity token")
        raise _Vouched(self._decode_id_token(app, id_token))


class _Vouched(Exception):
    """Carries the claims out of allauth's view."""

    def __init__(self, claims: dict[str, Any]) -> None:
        super().__init__("vouched for")
        self.claims = claims


def start(request: HttpRequest, next_url: str) -> HttpResponseBase:
    """Send the browser to the provider. Raises :class:`NotSignedOn` when the provider cannot be reached."""
    provider = OpenIDConnectProvider(request, app=Provider(request).get_app(request, provider=PROVIDER))
    provider.oauth2_adapter_class = _Door
    nonce = request.session[NONCE] = secrets.token_urlsafe(24)
    try:
        return provider.redirect(request, "login", next_url=next_url or None, auth_params={"nonce": nonce})
    except (requests.RequestException, OAuth2Error, ValueError, KeyError, ImmediateHttpResponse):
        raise NotSignedOn("The provider of single sign-on cannot be reached, or is not the one that was configured.") from None


def claims_of(request: HttpRequest) -> dict[str, Any]:
    """What the provider says of whoever comes back from it, checked. Raises :class:`NotSignedOn`."""
    nonce = request.session.pop(NONCE, None)
    try:
        OAuth2CallbackView.adapter_view(_Door(request))(request)
    except _Vouched as vouched:
        claims = vouched.claims
    except (requests.RequestException, OAuth2Error, ValueError, KeyError, jwtkit.jwt.PyJWTError):
        claims = {}
    else:
        claims = {}
    if not (nonce and isinstance(claims.get("sub"), str) and secrets.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode())):
        raise NotSignedOn("The sign-in was broken off, or its answer cannot be trusted. Nothing was changed. Try again.")
    return claims


def account_of(claims: dict[str, Any]) -> User:
    """Who that is here. Raises :class:`NotSignedOn` for somebody whom no administrator has linked, or a closed account."""
    link = SocialAccount.objects.select_related("user").filter(provider=PROVIDER, uid=_uid(claims["sub"])).first()
    if link is None or not link.user.is_active:
        raise NotSignedOn("You are known there, and to no account here. Ask an administrator to link yours.")
    return link.user


def shows_two_factors(claims: dict[str, Any]) -> bool:
    """Does the provider vouch for a second factor, and is it believed? By default it is not."""
    if not settings.OIDC_TRUST_SECOND_FACTOR:
        return False
    methods = claims.get("amr")
    return (isinstance(methods, list) and "mfa" in methods) or claims.get("acr") in settings.OIDC_SECOND_FACTOR_ACR


@transaction.atomic
def link_identity(*, by: User | None, user: User, subject: str) -> None:
    """From now on whom the provider calls ``subject`` signs in as ``user``; a link that was there ends.

    Raises:
        NotAllowed: ``by`` is no administrator, or is ``user``, or has reset their second factor (two_hands.py).
        Invalid: no subject, or no provider is configured; Conflict: it is somebody else's.
    """
    if by is not None:
        policies.check_can_manage_people(by)
        if by.pk == user.pk:
            raise NotAllowed("Nobody links their own account.")
        if settings.OIDC_TRUST_SECOND_FACTOR and second_factor.demanded_of(user):
            raise NotAllowed("The provider's second factor is trusted here, so only the operator links accounts of these roles.")
        check_other_hand(by, user, "user.second_factor_reset")
    if not (configured() and 0 < len(subject) <= LONGEST_SUBJECT):
        raise Invalid("A subject is what the provider calls somebody, as it is in the claim sub.")
    uid = _uid(subject)
    if SocialAccount.objects.filter(provider=PROVIDER, uid=uid).exclude(user_id=user.pk).exists():
        raise Conflict("This subject is linked to another account. Nothing was changed.")
    SocialAccount.objects.filter(provider=PROVIDER, user_id=user.pk).exclude(uid=uid).delete()
    SocialAccount.objects.get_or_create(provider=PROVIDER, uid=uid, defaults={"user": user, "extra_data": {}})
    trail.record(by=by, action="user.identity_linked", subject=user)


@transaction.atomic
def unlink_identity(*, by: User | None, user: User) -> None:
    """End the link of ``user`` with the provider, at once. Where there is none, nothing changes."""
    if by is not None:
        policies.check_can_manage_people(by)
    if SocialAccount.objects.filter(provider=PROVIDER, user_id=user.pk).delete()[0]:
        trail.record(by=by, action="user.identity_unlinked", subject=user)


def _uid(subject: str) -> str:
    """A subject is somebody only together with its issuer: the same word of another provider, configured later, is not."""
    return hashlib.sha256(f"{str(settings.OIDC_ISSUER).rstrip('/')}\n{subject}".encode()).hexdigest()
