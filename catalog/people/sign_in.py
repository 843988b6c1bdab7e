"""How somebody signs in, the same for the pages and the API: the name, the password, the second factor, and a session."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any, Final

from allauth.account.internal.flows.login import clear_authentication_records, record_authentication
from allauth.mfa.models import Authenticator
from django.contrib.auth import authenticate, login
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest

from catalog.audit import services as trail
from catalog.audit.errors import PlatformError, TooMany
from catalog.people import attempts, devices, letters, second_factor, sessions
from catalog.people.addresses import address
from catalog.people.models import User

LONGEST_NAME: Final = 150
TOLD_FROM: Final = 10  # failures: fewer are a slip of the fingers
TOLD_EVERY_S: Final = 3600
CODES_PAST_A_GATE: Final = 30  # a minute, for each address


class WrongCredentials(PlatformError):
    """The name or the password is not right; which of the two is not said."""

    code, status, title = "bad_credentials", 401, "The credentials are not valid"


@dataclass(frozen=True, slots=True)
class Proof:
    """Who has shown a password, and which second factor came with it."""

    user: User
    factor: Authenticator | None = None


def as_looked_up(name: str) -> str:
    """A name as the account is found by it, and so as it is counted: spaces at its ends and look-alikes make no difference.

    What Django's form does: strip, then NFKC. Names are compared with their case.
    """
    return unicodedata.normalize("NFKC", name.strip())


def with_password(request: HttpRequest, *, name: str, password: str, code: str = "") -> Proof:
    """Look at a name and a password, and at the code that may come with them.

    An unknown name costs the same as a known one: Django hashes the password in any case.

    Raises:
        TooMany: too early; the password was not looked at. A right ``code`` leads past (attempts.py).
        WrongCredentials, second_factor.SecondFactorWrong: counted as a failure.
    """
    known = as_looked_up(name)
    if not 0 < len(known) <= LONGEST_NAME or "\0" in known:
        raise WrongCredentials("The name or the password is not right.")
    factor = None
    try:
        attempt = attempts.with_password(known, address(request), device=devices.known(request, known))
    except TooMany:
        factor = _past_the_gate(request, known, code)
        if factor is None:
            raise
        attempt = attempts.with_right_code(known)
    user = authenticate(request, username=known, password=password)
    if not isinstance(user, User):
        _failed(known)
        raise WrongCredentials("The name or the password is not right.")
    attempt.succeed()
    if factor is None and code and second_factor.enrolled(user):
        factor = with_code(request, user, code)
    return Proof(user, factor)


def with_code(request: HttpRequest, user: User, code: str) -> Authenticator:
    """Look at a code of somebody whose password was right. Raises TooMany or SecondFactorWrong."""
    name = user.get_username()
    attempt = attempts.with_code(user.pk, address(request), device=devices.known(request, name))
    factor = second_factor.use_code(user, code)
    if factor is None:
        _failed(name)
        raise second_factor.SecondFactorWrong("The code is not right, or was used before. Wait for the next one.")
    attempt.succeed()
    return factor


def confirm(user: User, password: str) -> None:
    """The password again, in an open session. Raises TooMany or WrongCredentials."""
    attempt = attempts.to_confirm(user.pk)
    if not user.check_password(password):
        _failed(user.get_username())
        raise WrongCredentials("The password is not right.")
    attempt.succeed()


def _past_the_gate(request: HttpRequest, name: str, code: str) -> Authenticator | None:
    if not code:
        return None
    attempts.check_not_too_often("code-past-gate", address(request), most=CODES_PAST_A_GATE, seconds=60)
    user = User.objects.filter(username=name, is_active=True).first()
    return second_factor.use_code(user, code) if user is not None else None


def _failed(name: str) -> None:
    number = attempts.note_failure(name)
    if number >= TOLD_FROM and attempts.once("told", name, seconds=TOLD_EVERY_S):
        _tell(name, number)


def _tell(name: str, number: int) -> None:
    """Into the trail, once an hour: whoever makes the failures must not be able to fill it. And to the owner, at once."""
    user = User.objects.filter(username=name).first()
    if user is not None:
        with transaction.atomic():
            trail.record(by=None, action="user.sign_in_slowed", subject=user, detail={"failures": number})
    letters.ring(letters.SLOWED, user)


def enter(request: HttpRequest, user: User, *, method: str = "password", **how: Any) -> None:
    """Open a session with what was shown so far. It stays half a session for whom a second factor is asked of."""
    sessions.forget(request)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    clear_authentication_records(request)
    record_authentication(request, user, method, **how)
    _settle(request, user)


def complete(request: HttpRequest, user: User, factor: Authenticator, *, passwordless: bool = False) -> None:
    """The second factor was shown in this session."""
    record_authentication(
        request, user, "mfa", id=factor.pk, type=str(factor.type), passwordless=True if passwordless else None
    )
    sessions.renew_key(request)
    _settle(request, user)


def complete_elsewhere(request: HttpRequest, user: User, provider: str) -> None:
    """A provider of single sign-on that is trusted for it vouches for a second factor."""
    record_authentication(request, user, "mfa", type=provider)
    sessions.renew_key(request)
    _settle(request, user)


def confirmed(request: HttpRequest, user: User) -> None:
    """The password was shown again."""
    record_authentication(request, user, "password", reauthenticated=True)


def _settle(request: HttpRequest, user: User) -> None:
    whole = second_factor.is_whole(request, user)
    request.halfway_user = None if whole else user  # type: ignore[attr-defined]
    request.user = user if whole else AnonymousUser()
    if whole:
        sessions.note(request, user)


def failures_told(user: User) -> attempts.Failures | None:
    """What failed under this name since it was last told, told now: call it once the session is whole."""
    failures = attempts.unheard(user.get_username())
    attempts.heard(user.get_username())
    return failures
