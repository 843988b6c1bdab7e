"""``manage.py withdraw_mandate NAME ORGANISATION``."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.people import services
from catalog.people.management.accounts import organisation, person, told


class Command(BaseCommand):
    help = "End an officer's mandate, at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("organisation", help="slug")

    def handle(self, *args: Any, **options: Any) -> None:
        user, named = person(options["username"]), organisation(options["organisation"])
        with told():
            services.withdraw_mandate(by=None, user=user, organisation=named)
        self.stdout.write(f"{user.get_username()} no longer decides for {named.slug}.")
