"""``manage.py setup_demo``: the demo's organisations, accounts and populations, as one JSON document on standard input.

One process for what would be a dozen commands, each of which takes longer to start than to work; ``--whole`` brings
database, static files and translations up to date first. In the embedded set-up only: these are accounts whose
passwords lie in a file. What is there already stays as it is.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from catalog.audit.errors import PlatformError
from catalog.ledger.models import Population
from catalog.ledger.services import create_population
from catalog.people import second_factor, services
from catalog.people.models import OfficerMandate, Organisation, User


class Command(BaseCommand):
    help = "Make the demo's organisations, accounts and populations from JSON on standard input (embedded set-up only)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--whole", action="store_true", help="database, translations and static files as well")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.OPENDATA_MODE != "embedded":
            raise CommandError("This makes demo accounts, for the embedded set-up only. Use create_user here.")
        if options["whole"]:
            call_command("set_up")
        try:
            order = json.loads(sys.stdin.read())
            organisations = [_organisation(asked) for asked in order["organisations"]]
            made = [_account(asked) for asked in order["accounts"]]
            populations = [_population(asked) for asked in order["populations"]]
        except (ValueError, KeyError, TypeError, ArithmeticError, ObjectDoesNotExist):
            raise CommandError("The order on standard input cannot be read.") from None
        except PlatformError as error:
            said = " ".join(problem.message for problem in error.problems)
            raise CommandError(f"{error.detail} {said}".strip()) from None
        self.stdout.write(f"{len(organisations)} organisations, {len(made)} accounts, {len(populations)} populations")


def _organisation(asked: Mapping[str, Any]) -> Organisation:
    found = Organisation.objects.filter(slug=asked["slug"]).first()
    return found or services.create_organisation(
        by=None, slug=asked["slug"], name=asked["name"], name_ko=asked["name_ko"]
    )


def _account(asked: Mapping[str, Any]) -> User:
    user = User.objects.filter(username=asked["username"]).first()
    if user is None:
        user = services.create_user(
            by=None, username=asked["username"], password=asked["password"], roles=[asked["role"]],
            organisation=_named(asked["organisation"]), language=asked["language"],
        )  # fmt: skip
    for slug in asked["mandates"]:
        if not OfficerMandate.objects.filter(user=user, organisation__slug=slug).exists():
            services.give_mandate(by=None, user=user, organisation=Organisation.objects.get(slug=slug))
    if asked["secret"] and second_factor.demanded_of(user) and not second_factor.enrolled(user):
        second_factor.add_app(by=None, user=user, secret=asked["secret"])
    return user


def _named(slug: str | None) -> Organisation | None:
    return Organisation.objects.get(slug=slug) if slug else None


def _population(asked: Mapping[str, Any]) -> Population:
    found = Population.objects.filter(slug=asked["slug"]).first()
    return found or create_population(
        by=None, slug=asked["slug"], name=asked["name"], owner=Organisation.objects.get(slug=asked["owner"]),
        epsilon_cap=Decimal(asked["epsilon"]), delta_cap=Decimal(asked["delta"]),
    )  # fmt: skip
