"""``manage.py close_account NAME --reason …``: no roles, mandates, keys or sessions from now on."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.people import leaving, open_work
from catalog.people.management.accounts import person, told


class Command(BaseCommand):
    help = "Close an account at once, and list what the person has open."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--reason", required=True, help="kept in the trail")

    def handle(self, *args: Any, **options: Any) -> None:
        user = person(options["username"])
        with told():
            leaving.close_account(by=None, user=user, reason=options["reason"])
        self.stdout.write(f"Closed the account {user.get_username()}.")
        for work in open_work.of(user):
            self.stdout.write(f"open: {work.kind.replace('_', ' ')} {work.id} ({work.name})")
