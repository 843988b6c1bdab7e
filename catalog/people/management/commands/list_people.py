"""``manage.py list_people``: every account, one a line, closed ones last."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from catalog.people import selectors
from catalog.people.models import User


class Command(BaseCommand):
    help = "List every account: name, organisation, roles, mandates, last sign-in; closed ones last."

    def handle(self, *args: Any, **options: Any) -> None:
        for user in selectors.everybody():
            self.stdout.write("\t".join(_cells(user)))


def _cells(user: User) -> list[str]:
    roles = ",".join(sorted(group.name for group in user.groups.all()))
    mandates = ",".join(sorted(mandate.organisation.slug for mandate in user.mandates.all()))
    seen = user.last_login.isoformat(timespec="minutes") if user.last_login else "never signed in"
    return [user.get_username(), user.organisation.slug if user.organisation else "-", roles or "-", mandates or "-", seen, "" if user.is_active else "closed"]
