"""The second factor: who owes one, what counts as one, and whether a session has shown it. Fails closed.

Codes of an app (TOTP, RFC 6238), passkeys (WebAuthn) and recovery codes are allauth's; which session may do what is
decided here, from allauth's own record of how the session was authenticated. A session that owes a factor and has not
shown it is nobody's to everything but the pages that ask for it: see sessions.py.

``by=None`` is the operator at the command line of the server.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from allauth.account.authentication import get_authentication_records
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from catalog.audit import services as trail
from catalog.audit.errors import Conflict, NotAllowed, PlatformError
from catalog.people import letters, policies, sessions
from catalog.people.models import User
from catalog.people.roles import FACTOR_DEMANDED_OF
from catalog.people.testimony import of_factor
from catalog.people.two_hands import check_other_hand

log = logging.getLogger(__name__)

DEMANDED_OF: Final = FACTOR_DEMANDED_OF
Kind = Authenticator.Type
LAST_STEP: Final = "last_step"  # of time for which a code was taken; no code of that or an earlier one is taken again


class SecondFactorNeeded(PlatformError):
    """The name and the password are right, and this account or its roles need a second factor as well.

    Over the API: send ``code`` with ``POST /api/v1/session``. Whoever has no second factor yet adds one on the pages,
    after signing in at ``/login``.
    """

    code, status, title = "second_factor_needed", 401, "A second factor is needed"


class SecondFactorWrong(PlatformError):
    """The code is not right, is too old, or was used before. Each code is good once, an app's for about a minute."""

    code, status, title = "second_factor_wrong", 401, "The second factor is not right"


def required() -> bool:
    """Does this platform demand it of the roles that matter? Anything but a plain ``optional`` means yes."""
    return bool(settings.SECOND_FACTOR != "optional")


def demanded_of(user: User) -> bool:
    """Is a second factor demanded of ``user``, whether or not there is one? Roles are read anew each time."""
    return required() and policies.has_role(user, *sorted(DEMANDED_OF))


def factors_of(user: User) -> QuerySet[Authenticator]:
    """The apps and passkeys of ``user``, oldest first; not the recovery codes."""
    return Authenticator.objects.filter(user_id=user.pk).exclude(type=Kind.RECOVERY_CODES).order_by("pk")


def enrolled(user: User) -> bool:
    """Has ``user`` a second factor? Then it is asked for, whatever their roles are."""
    return bool(factors_of(user).exists())


def completed(request: HttpRequest, user: User) -> bool:
    """Has this session shown a second factor of ``user``?"""
    if getattr(request, "session", None) is None:
        return False
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, user))


def is_whole(request: HttpRequest, user: User) -> bool:
    """Is this session of ``user`` a session, with all that is asked of them shown?"""
    return completed(request, user) or not (enrolled(user) or demanded_of(user))


def check_may_make_key(request: HttpRequest, user: User) -> None:
    """Whoever owes a second factor makes API keys in a session that has shown it: a key asks for none."""
    if demanded_of(user) and not completed(request, user):
        raise SecondFactorNeeded("API keys of your roles are made after showing the second factor. Nothing was made.")


@transaction.atomic
def use_code(user: User, code: str) -> Authenticator | None:
    """The factor that ``code`` belongs to, now used up; None for a code that is not right, or was used before.

    That a code was used is kept in two places: in the cache, by allauth, and with the factor, under its row's lock, where
    no restart and no second cache forgets it.
    """
    rows = Authenticator.objects.select_for_update().filter(user_id=user.pk, type__in=(Kind.TOTP, Kind.RECOVERY_CODES))
    kept = {row.type: row for row in rows}
    try:
        if Kind.TOTP in kept and _use_of_app(kept[Kind.TOTP], code):
            return kept[Kind.TOTP]
        if Kind.RECOVERY_CODES in kept and RecoveryCodes(kept[Kind.RECOVERY_CODES]).validate_code(code):
            recovery = Authenticator.objects.get(pk=kept[Kind.RECOVERY_CODES].pk)
            recovery.record_usage()
            trail.record(by=user, action="user.recovery_code_used", subject=user)
            return recovery
    except InvalidToken:
        log.error("the second factor of account %s cannot be opened: SECRET_KEY was changed", user.pk)
    return None


def _use_of_app(factor: Authenticator, code: str) -> bool:
    step = _step_of(decrypt(factor.data["secret"]), code)
    if step is None or not step > factor.data.get(LAST_STEP, -1) or not TOTP(factor).validate_code(code):
        return False
    factor.data[LAST_STEP] = step
    factor.save(update_fields=["data"])
    factor.record_usage()
    return True


def _step_of(secret: str, code: str) -> int | None:
    """The step of time for which ``code`` is right, among those that are accepted now."""
    shown = {step: format_hotp_value(hotp_value(secret, step)) for step in yield_hotp_counters_from_time()}
    return max((step for step, right in shown.items() if compare_user_code(actual=code, expected=right)), default=None)


def code_of_now(secret: str) -> str:
    """The code that an app with this secret shows now."""
    steps = list(yield_hotp_counters_from_time())
    return str(format_hotp_value(hotp_value(secret, steps[len(steps) // 2])))


@transaction.atomic
def add_app(*, by: User | None, user: User, secret: str, code: str | None = None) -> list[str]:
    """Add an app that makes codes from ``secret``; fresh recovery codes when this is the first factor, else none.

    ``code`` shows that the app has the secret. The operator, who sets up accounts of a demo, needs none.

    Raises:
        SecondFactorWrong: the code is not of this secret and this minute.
        Conflict: there is an app already.
    """
    _oneself(by, user)
    _locked(user)
    if factors_of(user).filter(type=Kind.TOTP).exists():
        raise Conflict("There is an app already. Nothing was changed. Remove it first to add another.")
    step = None
    if by is not None:
        step = _step_of(secret, code or "")
        if step is None:
            raise SecondFactorWrong("The code is not right. Nothing was changed. Is the clock of the device right? Try the next code.")
    factor: Authenticator = TOTP.activate(user, secret).instance
    if step is not None:
        factor.data[LAST_STEP] = step
        factor.save(update_fields=["data"])
    return _added(by, user, factor)


@transaction.atomic
def add_passkey(*, by: User, user: User, name: str, credential: Mapping[str, Any]) -> list[str]:
    """Add a passkey that was checked (passkeys.py); fresh recovery codes when this is the first factor, else none."""
    _oneself(by, user)
    _locked(user)
    factor = Authenticator.objects.create(user=user, type=Kind.WEBAUTHN, data={"name": name, "credential": dict(credential)})
    return _added(by, user, factor)


def _added(by: User | None, user: User, factor: Authenticator) -> list[str]:
    codes = [] if Authenticator.objects.filter(user_id=user.pk, type=Kind.RECOVERY_CODES).exists() else _fresh_codes(user)
    trail.record(by=by, action="user.second_factor_added", subject=user, detail=of_factor(factor))
    letters.ring_on_commit(letters.CHANGED, user)
    return codes


@transaction.atomic
def renew_recovery_codes(*, by: User, user: User) -> list[str]:
    """Fresh recovery codes, shown this once; the old ones end. Raises Conflict for somebody without a second factor."""
    _oneself(by, user)
    _locked(user)
    if not enrolled(user):
        raise Conflict("Recovery codes stand in for a second factor, and there is none. Add one first.")
    codes = _fresh_codes(user)
    trail.record(by=by, action="user.recovery_codes_made", subject=user)
    letters.ring_on_commit(letters.CHANGED, user)
    return codes


def _fresh_codes(user: User) -> list[str]:
    Authenticator.objects.filter(user_id=user.pk, type=Kind.RECOVERY_CODES).delete()
    return list(RecoveryCodes.activate(user).get_unused_codes())


def recovery_codes_left(user: User) -> int:
    """How many are unused."""
    row = Authenticator.objects.filter(user_id=user.pk, type=Kind.RECOVERY_CODES).first()
    return 0 if row is None else len(RecoveryCodes(row).get_unused_codes())


@transaction.atomic
def remove_factor(*, by: User, user: User, factor_id: int) -> None:
    """Remove one factor; with the last one the recovery codes go too.

    Raises:
        Conflict: it is the last one, and the roles of ``user`` demand one; or there is no such factor.
    """
    _oneself(by, user)
    _locked(user)
    factor = factors_of(user).filter(pk=factor_id).first()
    if factor is None:
        raise Conflict("There is no such second factor any more.")
    last = factors_of(user).count() == 1
    if last and demanded_of(user):
        raise Conflict("Your roles demand a second factor, and this is your last. Nothing was removed. Add another first.")
    removed = of_factor(factor)
    factor.delete()
    if last:
        Authenticator.objects.filter(user_id=user.pk).delete()
    trail.record(by=by, action="user.second_factor_removed", subject=user, detail=removed)
    letters.ring_on_commit(letters.CHANGED, user)


def check_can_reset(by: User | None, user: User) -> None:
    """Administrators reset the factors of others; not their own, which would make one of their two factors do."""
    if by is None:
        return
    policies.check_can_manage_people(by)
    if by.pk == user.pk:
        raise NotAllowed("Nobody resets their own second factor. Another administrator or the operator can.")


def can_reset(by: User | None, user: User) -> bool:
    try:
        check_can_reset(by, user)
    except NotAllowed:
        return False
    return True


@transaction.atomic
def reset_second_factor(*, by: User | None, user: User) -> None:
    """Remove all factors of somebody who has lost them, and end all their sessions: at the next sign-in they add new ones.

    Raises:
        NotAllowed: ``by`` is no administrator, or is ``user``, or has given them a new way in this week (two_hands.py).
    """
    check_can_reset(by, user)
    check_other_hand(by, user, "user.password_link_made", "user.identity_linked", "user.address_set")
    _locked(user)
    removed, _ = Authenticator.objects.filter(user_id=user.pk).delete()
    sessions.end_all(user)
    trail.record(by=by, action="user.second_factor_reset", subject=user, detail={"removed": removed})
    letters.ring_on_commit(letters.CHANGED, user)


def _oneself(by: User | None, user: User) -> None:
    if by is not None and by.pk != user.pk:
        raise NotAllowed("A second factor is its owner's to change. An administrator can reset it.")


def _locked(user: User) -> None:
    """Two changes at once queue up here: neither may take the other for the last factor that stays."""
    User.objects.select_for_update().get(pk=user.pk)
