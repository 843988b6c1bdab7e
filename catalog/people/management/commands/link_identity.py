"""``manage.py link_identity NAME SUBJECT``: whom the single sign-on provider calls SUBJECT is this account."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.audit.errors import PlatformError
from catalog.people import single_sign_on
from catalog.people.models import User


class Command(BaseCommand):
    help = "Link an account with its owner's identity at the provider of single sign-on (the claim sub); --end ends the link."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("subject", nargs="?", default="")
        parser.add_argument("--end", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError("There is no account of this name.")
        try:
            if options["end"]:
                single_sign_on.unlink_identity(by=None, user=user)
            else:
                single_sign_on.link_identity(by=None, user=user, subject=options["subject"])
            self.stdout.write(f"{user.get_username()} is {'not linked any more' if options['end'] else 'linked'}.")
        except PlatformError as error:
            raise CommandError(error.detail) from None
