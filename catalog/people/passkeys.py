"""Passkeys (WebAuthn) by allauth: what a page asks of the browser, and what the browser answers.

A passkey is made so that it knows its owner and asks for a finger, a face or a PIN; so it serves as second factor, and
for signing in with nothing else. It is bound to this site's name: none works on another site that looks like it.
"""

from __future__ import annotations

import json
from typing import Any, Final

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from catalog.people import attempts
from catalog.people.addresses import address
from catalog.people.models import User
from catalog.people.second_factor import SecondFactorWrong

TRIES: Final = 60  # in ten minutes, for each address: nothing can be guessed here, but looking costs something
LONGEST_ANSWER: Final = 20_000
BROKEN: Final = (ValidationError, ValueError, TypeError, KeyError, AttributeError, LookupError)


def to_add(user: User) -> dict[str, Any]:
    """What the browser is asked to make a passkey for ``user``."""
    return _plain(auth.begin_registration(user, passwordless=True))


def added(text: str) -> dict[str, Any]:
    """The passkey that the browser made. Raises :class:`SecondFactorWrong`."""
    try:
        credential = _answer(text)
        auth.parse_registration_response(credential)
        if not auth.complete_registration(credential).is_user_verified():
            raise ValueError("nobody was asked for a finger, a face or a PIN")
    except BROKEN:
        raise SecondFactorWrong("The passkey could not be added. Nothing was changed. Try again.") from None
    return credential


def to_show(user: User | None) -> dict[str, Any]:
    """What the browser is asked for, to show a passkey of ``user``; or of anybody, to sign in with nothing else."""
    return _plain(auth.begin_authentication(user))


def shown(request: HttpRequest, text: str, user: User | None) -> tuple[User, Authenticator]:
    """Whose passkey the browser has shown. Raises :class:`SecondFactorWrong`, or TooMany."""
    attempts.check_not_too_often("passkey", address(request), most=TRIES, seconds=600)
    try:
        answer = _answer(text)
        owner = user if user is not None else auth.extract_user_from_response(answer)
        auth.parse_authentication_response(answer)
        factor = auth.complete_authentication(owner, answer)
    except BROKEN:
        raise SecondFactorWrong("This passkey is not known here. Try again.") from None
    if not owner.is_active:
        raise SecondFactorWrong("This passkey is not known here. Try again.")
    factor.record_usage()
    return owner, factor


def _answer(text: str) -> dict[str, Any]:
    answer = json.loads(text) if len(text) <= LONGEST_ANSWER else None
    if not isinstance(answer, dict):
        raise ValueError("no answer of a browser")
    return answer


def _plain(options: Any) -> dict[str, Any]:
    """The options as JSON has them: bytes in base64url."""
    return dict(json.loads(json.dumps(options, default=_spelled)))


def _spelled(value: Any) -> Any:
    return dict(value)
