"""What changes people: accounts, roles, mandates and API keys. Each change and its trail entry are one transaction.

``by=None`` is the operator at the command line of the server.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from anonymize.errors import Problem
from catalog.audit import services as trail
from catalog.audit.errors import Conflict, Invalid, NotAllowed
from catalog.people import events, policies
from catalog.people.models import ApiKey, IdempotentAnswer, OfficerMandate, Organisation, User
from catalog.people.roles import FACTOR_DEMANDED_OF, SCOPES, Role
from catalog.people.selectors import living_keys
from catalog.people.testimony import of_key, of_organisation, of_user
from catalog.people.two_hands import could_have_made

KEY_MARK: Final = "od"
LONGEST_LIFE: Final = timedelta(days=366)
ANSWERS_KEPT_FOR: Final = timedelta(hours=24)
USE_NOTED_EVERY: Final = timedelta(minutes=5)  # a write for every read would make each reader wait for the database


@transaction.atomic
def create_organisation(*, by: User | None, slug: str, name: str, name_ko: str = "", name_zh: str = "") -> Organisation:
    """A new organisation."""
    _manages(by)
    if Organisation.objects.filter(slug=slug).exists():
        raise Conflict("There is an organisation with this slug already.")
    made = Organisation(slug=slug, name=name, name_ko=name_ko, name_zh=name_zh)
    made.full_clean()
    made.save()
    trail.record(by=by, action="organisation.created", subject=made, detail=of_organisation(made))
    return made


@transaction.atomic
def create_user(
    *,
    by: User | None,
    username: str,
    password: str,
    roles: Iterable[str] = (),
    organisation: Organisation | None = None,
    language: str = User.Language.ENGLISH,
) -> User:
    """A new account. The password must pass Django's validators; it is kept as a salted PBKDF2 hash.

    Raises:
        Invalid: the name, the password or a role is not acceptable.
        Conflict: the name is taken.
    """
    _manages(by)
    names = [_role(role) for role in roles]
    if User.objects.filter(username__iexact=username).exists():
        raise Conflict("There is an account with this name already.")
    user = User(username=username, organisation=organisation, language=language)
    try:
        validate_password(password, user)
        user.set_password(password)
        user.full_clean()
    except ValidationError as error:
        raise Invalid("The account was not made.", problems=_problems(error)) from None
    user.save()
    user.groups.set(Group.objects.filter(name__in=names))
    detail = {"roles": names, **of_user(user)}
    trail.record(by=by, action="user.created", subject=user, detail=detail)
    return user


@transaction.atomic
def grant_role(*, by: User | None, user: User, role: str) -> None:
    """Put ``user`` into a role. Nobody does this to themselves, and a closed account has none."""
    _grants(by, user)
    name = _role(role)
    _refuse_closed(user)
    if not user.groups.filter(name=name).exists():
        if name in FACTOR_DEMANDED_OF and not policies.has_role(user, *sorted(FACTOR_DEMANDED_OF)):
            _end_keys_of_one_factor(by=by, user=user)
        user.groups.add(Group.objects.get(name=name))
        trail.record(by=by, action="user.role_granted", subject=user, detail={"role": name})


@transaction.atomic
def withdraw_role(*, by: User | None, user: User, role: str) -> None:
    """Take ``user`` out of a role, at once. Raises Conflict for the role of the last administrator."""
    one_at_a_time()
    name = _role(role)
    if by is not None:
        policies.check_can_withdraw_role(by, user, name)
    end_role(by=by, user=user, role=name)


@transaction.atomic
def give_mandate(*, by: User | None, user: User, organisation: Organisation) -> OfficerMandate:
    """From now on the officer ``user`` may decide for ``organisation``."""
    _grants(by, user)
    _refuse_closed(user)
    if not policies.has_role(user, Role.OFFICER, Role.LEAD_OFFICER):
        raise Invalid("Only an officer can hold a mandate.")
    mandate, made = OfficerMandate.objects.get_or_create(user=user, organisation=organisation)
    if made:
        detail = {"organisation": organisation.slug}
        trail.record(by=by, action="user.mandate_given", subject=user, detail=detail)
    return mandate


@transaction.atomic
def withdraw_mandate(*, by: User | None, user: User, organisation: Organisation) -> None:
    """End a mandate, at once."""
    _manages(by)
    end_mandate(by=by, user=user, organisation=organisation)


# --- the steps that withdrawing and closing share: no policy is asked here, the trail is told ------------------------


def one_at_a_time() -> None:
    """Until the transaction ends nobody else takes a role away: two administrators who remove each other do so in turn, and
    the second meets the last one. (On SQLite, immediate transactions are the lock.)"""
    Group.objects.select_for_update().get(name=Role.ADMINISTRATOR)


def end_role(*, by: User | None, user: User, role: str) -> None:
    """Take a role away, if it is held."""
    if User.groups.through.objects.filter(user=user, group__name=role).delete()[0]:
        tell_those_above(by=by, user=user)
        trail.record(by=by, action="user.role_withdrawn", subject=user, detail={"role": role})


def end_mandate(*, by: User | None, user: User, organisation: Organisation) -> None:
    """Take a mandate away, if it is held."""
    if OfficerMandate.objects.filter(user=user, organisation=organisation).delete()[0]:
        tell_those_above(by=by, user=user)
        trail.record(by=by, action="user.mandate_withdrawn", subject=user, detail={"organisation": organisation.slug})


def end_key(*, by: User | None, key: ApiKey) -> None:
    """Revoke a key, unless it is revoked."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=timezone.now()):
        trail.record(by=by, action="key.revoked", subject=key, detail={"prefix": key.prefix})


def tell_those_above(*, by: User | None, user: User) -> None:
    """Have the rooms above put back what somebody may no longer hold: before the trail is written, since they lock rows of
    theirs, and everybody takes the trail's lock last."""
    events.may_less.send(sender=User, user=User.objects.get(pk=user.pk), by=by)


def _end_keys_of_one_factor(*, by: User | None, user: User) -> None:
    """Keys that were made while nobody asked for a second factor do not grow with the role: another is made after showing one."""
    for key in living_keys(user):
        end_key(by=by, key=key)


def _refuse_closed(user: User) -> None:
    """Until the transaction ends it stays open: whoever closes it waits for the same row."""
    if User.objects.select_for_update().filter(pk=user.pk, is_active=True).first() is None:
        raise Conflict("This account is closed. Open it again first.")


@transaction.atomic
def issue_key(*, by: User, user: User, name: str, scopes: Iterable[str], expires_at: datetime) -> tuple[ApiKey, str]:
    """A new API key and its secret, which is shown this once and kept nowhere.

    Secret: ``od_<prefix>_<256 random bits in base64url>``.

    Raises:
        NotAllowed: the key is for somebody else, or a scope is beyond the user's roles.
        Conflict: the account was closed in the meantime.
        Invalid: no known scope, or an end date that is not within the next 366 days.
    """
    wanted = sorted(set(scopes))
    if not wanted or not set(wanted) <= set(SCOPES):
        raise Invalid(f"A key has at least one of the scopes {', '.join(SCOPES)}.", problems=_wrong("scopes"))
    policies.check_can_issue_key(by, user, wanted)
    _refuse_closed(user)
    now = timezone.now()
    if not now < expires_at <= now + LONGEST_LIFE:
        raise Invalid("A key ends within the next 366 days.", problems=_wrong("expires_at"))
    prefix = secrets.token_hex(6)
    secret = f"{KEY_MARK}_{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(
        user=user,
        name=name,
        prefix=prefix,
        hash=hash_of(secret),
        scopes=wanted,
        created_at=now,
        expires_at=expires_at,
    )
    trail.record(by=by, action="key.issued", subject=key, detail=of_key(key))
    return key, secret


@transaction.atomic
def revoke_key(*, by: User, key: ApiKey) -> None:
    """End a key, at once. Revoking a revoked key changes nothing."""
    policies.check_can_revoke_key(by, key)
    end_key(by=by, key=key)
    key.refresh_from_db()


def hash_of(secret: str) -> str:
    """SHA-256 of a key's secret, in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


def find_key(secret: str) -> ApiKey | None:
    """The key that ``secret`` belongs to, revoked and expired ones included; compared in constant time."""
    mark, _, rest = secret.partition("_")
    prefix, _, random = rest.partition("_")
    if not (mark == KEY_MARK and prefix and random and secret.isascii() and len(secret) <= 200):
        return None
    key = ApiKey.objects.select_related("user", "user__organisation").filter(prefix=prefix).first()
    if key is None or not hmac.compare_digest(key.hash, hash_of(secret)):
        return None
    return key


def note_use(key: ApiKey) -> None:
    """Remember when the key was last used, to within five minutes."""
    now = timezone.now()
    if key.last_used_at is not None and now - key.last_used_at < USE_NOTED_EVERY:
        return
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - USE_NOTED_EVERY)
    ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def forget_answers() -> int:
    """Remove the answers that were kept for repeated requests for longer than a day; how many."""
    return IdempotentAnswer.objects.filter(created_at__lt=timezone.now() - ANSWERS_KEPT_FOR).delete()[0]


def forget_answers_to(path: str) -> int:
    """Remove the answers that were kept for repeated requests to an address: what they say was destroyed; how many."""
    return IdempotentAnswer.objects.filter(path=path, status__isnull=False).delete()[0]


def _manages(by: User | None) -> None:
    if by is not None:
        policies.check_can_manage_people(by)


def _grants(by: User | None, to: User) -> None:
    if by is None:
        return
    policies.check_can_grant(by, to)
    if to.pk in could_have_made(by):
        raise NotAllowed("Nobody is given roles or mandates by an account that they made. Another administrator or the operator can.")


def _role(name: str) -> str:
    try:
        return str(Role(name))
    except ValueError:
        raise Invalid(f"The roles are {', '.join(Role)}.", problems=_wrong("roles")) from None


def _wrong(member: str) -> tuple[Problem, ...]:
    return (Problem(code="invalid", message="This cannot be accepted.", pointer=f"/{member}"),)


def _problems(error: ValidationError) -> tuple[Problem, ...]:
    """Django's findings as ours: only the validators' own words, which never quote the password."""
    if hasattr(error, "error_dict"):
        found = [(field, item) for field, items in error.error_dict.items() for item in items]
    else:
        found = [("password", item) for item in error.error_list]
    return tuple(
        Problem(code=item.code or "invalid", message=" ".join(item.messages), pointer=f"/{field}")
        for field, item in found
    )
