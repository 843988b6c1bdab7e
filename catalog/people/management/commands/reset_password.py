"""``manage.py reset_password NAME``: prints a link under which the owner sets a new password, once, within an hour."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.audit.errors import PlatformError
from catalog.people import passwords
from catalog.people.models import User


class Command(BaseCommand):
    help = "Print a link for a new password of an account: it works once, within an hour. Give it to the owner alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError("There is no account of this name.")
        try:
            self.stdout.write(passwords.password_reset_link(by=None, user=user))
        except PlatformError as error:
            raise CommandError(error.detail) from None
