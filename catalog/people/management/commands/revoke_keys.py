"""``manage.py revoke_keys NAME``: all API keys of somebody, at once."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.people import leaving
from catalog.people.management.accounts import person, told


class Command(BaseCommand):
    help = "Revoke all API keys of somebody."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = person(options["username"])
        with told():
            ended = leaving.revoke_keys_of(by=None, user=user)
        self.stdout.write(f"Revoked {ended} keys of {user.get_username()}.")
