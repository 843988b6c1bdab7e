"""``manage.py reset_second_factor NAME``: for somebody who has lost the device and the recovery codes."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.audit.errors import PlatformError
from catalog.people import second_factor
from catalog.people.models import User


class Command(BaseCommand):
    help = "Remove all second factors of an account and end its sessions; the owner adds new ones at the next sign-in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError("There is no account of this name.")
        try:
            second_factor.reset_second_factor(by=None, user=user)
            self.stdout.write(f"{user.get_username()} has no second factor any more, and no open session.")
        except PlatformError as error:
            raise CommandError(error.detail) from None
