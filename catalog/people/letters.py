"""E-mail to the people of the platform, where the operator has configured a server (EMAIL_URL).

The web process never talks to that server: it rings a worker with an account's number, always alike, so that the time of
an answer says nothing of who has an account or an address. A letter that is lost changes nothing: every one of them tells
of what is on the pages and in the trail as well, or can be asked for again.
"""

from __future__ import annotations

import logging
from typing import Final

from celery import current_app
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext

from catalog.audit import services as trail
from catalog.audit.errors import Invalid, NotAllowed
from catalog.people import policies
from catalog.people.models import User
from catalog.people.two_hands import check_other_hand

log = logging.getLogger(__name__)

SLOWED: Final = "people.tell_of_failed_attempts"
CHANGED: Final = "people.tell_of_change"
RESET: Final = "people.send_reset_link"
NOBODY: Final = 0


def configured() -> bool:
    """Is there a server that takes our mail?"""
    return bool(settings.MAIL_CONFIGURED)


def ring(task: str, user: User | None) -> None:
    """Have a worker write to ``user``; for nobody the bell is rung all the same, and nothing comes of it."""
    if not configured():
        return
    try:
        current_app.send_task(task, args=[user.pk if user is not None else NOBODY], retry=False)
    except Exception as error:  # whatever transport is in use has errors of its own
        log.warning("the broker did not take %s: %s", task, type(error).__name__)


def ring_on_commit(task: str, user: User) -> None:
    transaction.on_commit(lambda: ring(task, user))


def reader(user_id: int) -> User | None:
    """Somebody who can be written to: an open account with an address."""
    return User.objects.filter(pk=user_id, is_active=True).exclude(email="").first()


@transaction.atomic
def set_address(*, by: User | None, user: User, email: str) -> None:
    """Where ``user`` is written to from now on; empty: nowhere. The trail says that it changed, not what it is.

    Who reads that mail can ask for a new password, so it is a way in like a link for one (two_hands.py).

    Raises:
        NotAllowed: ``by`` is no administrator, or is ``user``, or has reset their second factor.
        Invalid: this is no address.
    """
    if by is not None:
        policies.check_can_manage_people(by)
        if by.pk == user.pk:
            raise NotAllowed("Nobody sets the address of their own account.")
        check_other_hand(by, user, "user.second_factor_reset")
    try:
        if email:
            validate_email(email)
    except ValidationError:
        raise Invalid("This is no e-mail address. Nothing was changed.") from None
    if User.objects.filter(pk=user.pk).exclude(email=email).update(email=email):
        trail.record(by=by, action="user.address_set", subject=user, detail={"empty": not email})
    user.email = email


def tell_of_failed_attempts(user_id: int) -> None:
    """Somebody keeps trying to sign in under this name."""
    user = reader(user_id)
    if user is None:
        return
    with translation.override(user.language):
        _send(
            user, gettext("Failed attempts to sign in"),
            gettext(
                "Somebody is trying to sign in as %(name)s at %(site)s and does not know the password or the code. Their attempts are "
                "slowed down; your account is not locked. If it is not you, nothing needs to be done; if you use the "
                "password elsewhere, change it."
            ) % _words(user),
        )  # fmt: skip


def tell_of_change(user_id: int) -> None:
    """The password or a second factor of this account was changed."""
    user = reader(user_id)
    if user is None:
        return
    with translation.override(user.language):
        _send(
            user, gettext("Your account was changed"),
            gettext(
                "The password or a second factor of %(name)s at %(site)s was changed. If it was not you, tell an "
                "administrator at once."
            ) % _words(user),
        )  # fmt: skip


def send_link(user: User, link: str) -> None:
    """The link under which ``user`` sets a new password."""
    with translation.override(user.language):
        _send(
            user, gettext("A new password"),
            gettext(
                "Under this link you can set a new password for %(name)s at %(site)s, once, within an hour:\n\n%(link)s\n\n"
                "If you did not ask for it, nothing needs to be done."
            ) % {**_words(user), "link": link},
        )  # fmt: skip


def _words(user: User) -> dict[str, str]:
    return {"name": user.get_username(), "site": str(settings.SITE_URL)}


def _send(user: User, subject: str, text: str) -> None:
    send_mail(f"{settings.SITE_NAME}: {subject}", text, settings.DEFAULT_FROM_EMAIL, [user.email])
