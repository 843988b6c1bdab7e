"""``manage.py set_email NAME ADDRESS``: where the owner is written to; ``""`` for nowhere."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.audit.errors import PlatformError
from catalog.people import letters
from catalog.people.models import User


class Command(BaseCommand):
    help = "Say where the owner of an account is written to (warnings, links to a new password)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError("There is no account of this name.")
        try:
            letters.set_address(by=None, user=user, email=options["email"])
            self.stdout.write(f"The address of {user.get_username()} is set.")
        except PlatformError as error:
            raise CommandError(error.detail) from None
