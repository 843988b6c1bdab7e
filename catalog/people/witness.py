"""Organisations, accounts, roles, mandates and keys, as the trail tells them and as the tables have them now.

Passwords are not witnessed: Django renews their hashes by itself when somebody signs in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group

from catalog.audit.witnesses import Discrepancy, Finding, Said, differing, missing, register, shown, unrecorded
from catalog.people.models import ApiKey, OfficerMandate, Organisation, User
from catalog.people.testimony import of_factor, of_key, of_organisation, of_user

# what an entry makes of an account: open to signing in, or not
ACTIVE: Final = {"user.created": True, "user.closed": False, "user.reopened": True}
FLAGS: Final = ("is_superuser", "is_staff")  # Django's own, which give nothing here and which nobody is given
ACTIONS: Final = (
    "organisation.created", *ACTIVE, "user.role_granted", "user.role_withdrawn", "user.mandate_given", "user.mandate_withdrawn",
    "key.issued", "key.revoked", "user.second_factor_added", "user.second_factor_removed", "user.second_factor_reset",
    "user.identity_linked", "user.identity_unlinked",
)  # fmt: skip


@dataclass(slots=True)
class Told:
    """All that entries tell of people, by the subject's id."""

    organisations: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    roles: dict[str, set[str]] = field(default_factory=dict)
    mandates: dict[str, set[str]] = field(default_factory=dict)
    active: dict[str, bool] = field(default_factory=dict)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    factors: dict[str, set[str]] = field(default_factory=dict)
    linked: dict[str, bool] = field(default_factory=dict)

    def hear(self, entry: Said) -> None:
        pk, detail = entry.subject_id, entry.detail
        if entry.action in ACTIVE:
            self.active[pk] = ACTIVE[entry.action]
        match entry.action:
            case "organisation.created":
                self.organisations[pk] = detail
            case "user.created":
                self.users[pk] = detail
                self.roles[pk] = set(detail["roles"])
            case "user.role_granted":
                self.roles.setdefault(pk, set()).add(detail["role"])
            case "user.role_withdrawn":
                self.roles.setdefault(pk, set()).discard(detail["role"])
            case "user.mandate_given":
                self.mandates.setdefault(pk, set()).add(detail["organisation"])
            case "user.mandate_withdrawn":
                self.mandates.setdefault(pk, set()).discard(detail["organisation"])
            case "user.second_factor_added":
                self.factors.setdefault(pk, set()).add(_factor(detail))
            case "user.second_factor_removed":
                self.factors.setdefault(pk, set()).discard(_factor(detail))
            case "user.second_factor_reset":
                self.factors[pk] = set()
            case "user.identity_linked" | "user.identity_unlinked":
                self.linked[pk] = entry.action == "user.identity_linked"
            case "key.issued":
                ends = datetime.fromisoformat(detail["expires_at"]).astimezone(UTC).isoformat()
                self.keys[pk] = {**detail, "expires_at": ends, "revoked": False}
            case "key.revoked":
                self.keys.setdefault(pk, {})["revoked"] = True


def compare(entries: Iterable[Said]) -> Iterator[Finding]:
    """Nobody is there, may do or holds what the trail never gave, nor lacks what it did not take."""
    told = Told()
    for entry in entries:
        told.hear(entry)
    yield from _organisations(told.organisations)
    yield from _users(told)
    yield from _keys(told.keys)


def _organisations(told: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    for organisation in Organisation.objects.order_by("pk").iterator(chunk_size=2000):
        subject = ("organisation", str(organisation.pk))
        known = told.pop(subject[1], None)
        yield from [unrecorded(subject, organisation.slug)] if known is None else differing(subject, known, of_organisation(organisation))
    for gone, known in told.items():
        yield missing(("organisation", gone), known)


def _users(told: Told) -> Iterator[Finding]:
    roles = _sets(Group.objects.filter(user__isnull=False).values_list("user", "name").iterator(chunk_size=2000))
    mandates = _sets(OfficerMandate.objects.values_list("user", "organisation__slug").iterator(chunk_size=2000))
    factors = _sets((factor.user_id, _factor(of_factor(factor))) for factor in Authenticator.objects.exclude(type=Authenticator.Type.RECOVERY_CODES).iterator())
    linked = {str(pk) for pk in SocialAccount.objects.values_list("user", flat=True)}
    for user in User.objects.select_related("organisation").order_by("pk").iterator(chunk_size=2000):
        pk = str(user.pk)
        subject = ("user", pk)
        known = told.users.pop(pk, None)
        if known is None:
            yield unrecorded(subject, user.get_username())
            continue
        yield from differing(subject, known, of_user(user))
        now = {"roles": sorted(roles.get(pk, ())), "mandates": sorted(mandates.get(pk, ())), "is_active": user.is_active}
        then = {"roles": sorted(told.roles.get(pk, ())), "mandates": sorted(told.mandates.get(pk, ())), "is_active": told.active[pk]}
        now |= {"second_factors": sorted(factors.get(pk, ())), "linked": pk in linked}
        then |= {"second_factors": sorted(told.factors.get(pk, ())), "linked": told.linked.get(pk, False)}
        for flag in FLAGS:
            now[flag], then[flag] = getattr(user, flag), False
        yield from (Discrepancy(subject, name, shown(then[name]), shown(now[name])) for name in now if now[name] != then[name])
    for gone, known in told.users.items():
        yield missing(("user", gone), known.get("username", "an account"))


def _factor(told: dict[str, Any]) -> str:
    return f"{told['kind']} {told.get('mark', '')[:16]}"


def _sets(pairs: Iterable[tuple[int, str]]) -> dict[str, set[str]]:
    kept: dict[str, set[str]] = {}
    for pk, name in pairs:
        kept.setdefault(str(pk), set()).add(name)
    return kept


def _keys(told: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    for key in ApiKey.objects.order_by("pk").iterator(chunk_size=2000):
        subject = ("apikey", str(key.pk))
        known = told.pop(subject[1], None)
        if known is None:
            yield unrecorded(subject, key.prefix)
        else:
            yield from differing(subject, known, {**of_key(key), "revoked": key.revoked_at is not None})
    for gone, known in told.items():
        yield missing(("apikey", gone), known.get("prefix", "a key"))


register(ACTIONS, compare)
