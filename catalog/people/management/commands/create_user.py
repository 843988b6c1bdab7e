"""``manage.py create_user NAME --role … --organisation …``: the password comes from stdin or CREATE_USER_PASSWORD.

Never from an argument: arguments are seen by every user of the machine, and stay in the shell's history.
"""

from __future__ import annotations

import getpass
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from catalog.audit.errors import PlatformError
from catalog.people import services
from catalog.people.models import Organisation, User
from catalog.people.roles import Role


class Command(BaseCommand):
    help = "Make an account. The password is read from standard input or from CREATE_USER_PASSWORD."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--role", action="append", default=[], choices=[str(role) for role in Role])
        parser.add_argument("--organisation", help="slug of the organisation the user belongs to")
        parser.add_argument("--mandate", action="append", default=[], help="slug: an officer decides for it")
        parser.add_argument("--language", default="en", choices=User.Language.values)

    def handle(self, *args: Any, **options: Any) -> None:
        organisation = _organisation(options["organisation"]) if options["organisation"] else None
        mandates = [_organisation(slug) for slug in options["mandate"]]
        try:
            with transaction.atomic():
                user = services.create_user(
                    by=None,
                    username=options["username"],
                    password=_password(),
                    roles=options["role"],
                    organisation=organisation,
                    language=options["language"],
                )
                for mandate in mandates:
                    services.give_mandate(by=None, user=user, organisation=mandate)
        except PlatformError as error:
            found = " ".join(problem.message for problem in error.problems)
            raise CommandError(f"{error.detail} {found}".strip()) from None
        self.stdout.write(f"Made the account {user.get_username()}.")


def _organisation(slug: str) -> Organisation:
    found = Organisation.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no organisation {slug}; make it with create_organisation.")
    return found


def _password() -> str:
    given = os.environ.get("CREATE_USER_PASSWORD")
    if given is None:
        given = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise CommandError("No password: write it to standard input, or set CREATE_USER_PASSWORD.")
    return given
