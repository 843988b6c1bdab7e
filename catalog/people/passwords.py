"""Passwords change: by their owner, or by a link that works once. Every other session of the account ends with it.

``by=None`` is the operator at the command line of the server, or the letter that somebody had sent to their own address.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from anonymize.errors import Problem
from catalog.audit import services as trail
from catalog.audit.errors import Invalid, NotAllowed, PlatformError
from catalog.people import letters, policies, sessions
from catalog.people.models import User
from catalog.people.two_hands import check_other_hand


class _Links(PasswordResetTokenGenerator):
    """A link ends with its time (PASSWORD_RESET_TIMEOUT) and with the password it was made for: so it works once."""

    key_salt = "people.passwords"


_links = _Links()


class LinkEnded(PlatformError):
    """A link for a new password that was used, is too old, or is not ours."""

    code, status, title = "link_ended", 410, "This link has ended"


def change_password(*, by: User, old: str, new: str, keep: str | None = None) -> None:
    """One's own password. ``keep``: the key of the session that stays; all others end.

    Raises :class:`Invalid` when the old password is wrong or the new one is not good enough; nothing changes then.
    """
    if not by.check_password(old):
        problems = (_problem("wrong", "This is not the password.", "old"),)
        raise Invalid("The old password is not right. Nothing was changed.", problems=problems)
    _set(by=by, user=by, new=new, action="user.password_changed", keep=keep)


@transaction.atomic
def password_reset_link(*, by: User | None, user: User) -> str:
    """A link under which ``user`` sets a new password: signed, good once, for an hour.

    The second factor is asked for all the same. An administrator who has reset it within a week is refused
    (two_hands.py).

    Raises:
        NotAllowed: ``by`` is no administrator, or is ``user``, or has reset the second factor; or the account is closed.
    """
    if by is not None:
        policies.check_can_manage_people(by)
        if by.pk == user.pk:
            raise NotAllowed("Nobody resets their own password; it is changed on the page of one's account.")
        check_other_hand(by, user, "user.second_factor_reset")
    if not user.is_active:
        raise NotAllowed("The account is closed.")
    user = User.objects.get(pk=user.pk)  # as it is now: a link is made for one password and one last sign-in
    trail.record(by=by, action="user.password_link_made", subject=user)
    name = urlsafe_base64_encode(str(user.pk).encode())
    return f"{str(settings.SITE_URL).rstrip('/')}{reverse('password_new', args=[name, _links.make_token(user)])}"


def send_reset_link(user_id: int) -> None:
    """The worker's part of a forgotten password: a letter with the link, where there is somebody to write to."""
    user = letters.reader(user_id)
    if user is not None and user.has_usable_password():
        letters.send_link(user, password_reset_link(by=None, user=user))


def user_of_link(name: str, token: str) -> User:
    """Whom a link is for. Raises :class:`LinkEnded`."""
    try:
        user = User.objects.filter(pk=int(urlsafe_base64_decode(name)), is_active=True).first()
    except (ValueError, OverflowError):
        user = None
    if user is None or not _links.check_token(user, token):
        raise LinkEnded("This link was used already, or is older than an hour. Nothing was changed. Ask for another.")
    return user


def set_by_link(*, name: str, token: str, new: str) -> User:
    """Set the new password of whom the link is for; all their sessions end. Raises :class:`LinkEnded` or :class:`Invalid`."""
    with transaction.atomic():
        user = user_of_link(name, token)
        locked = User.objects.select_for_update().get(pk=user.pk)
        if not _links.check_token(locked, token):  # two at the same moment: the link works once
            raise LinkEnded("This link was used already. Nothing was changed. Ask for another.")
        _set(by=locked, user=locked, new=new, action="user.password_reset", keep=None)
    return locked


@transaction.atomic
def _set(*, by: User, user: User, new: str, action: str, keep: str | None) -> None:
    try:
        validate_password(new, user)
    except ValidationError as error:
        problems = tuple(_problem(item.code or "invalid", " ".join(item.messages), "new") for item in error.error_list)
        raise Invalid("The new password is not good enough. Nothing was changed.", problems=problems) from None
    user.set_password(new)
    user.save(update_fields=["password"])
    sessions.end_all(user, keep=keep)
    trail.record(by=by, action=action, subject=user)
    letters.ring_on_commit(letters.CHANGED, user)


def _problem(code: str, message: str, member: str) -> Problem:
    return Problem(code=code, message=message, pointer=f"/{member}")
