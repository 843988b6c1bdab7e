"""``manage.py reopen_account NAME``: without roles, mandates and keys."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.people import leaving
from catalog.people.management.accounts import person, told


class Command(BaseCommand):
    help = "Open a closed account again, without roles, mandates and keys."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = person(options["username"])
        with told():
            leaving.reopen_account(by=None, user=user)
        self.stdout.write(f"Opened the account {user.get_username()} again, without roles.")
