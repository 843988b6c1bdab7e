"""``manage.py withdraw_role NAME ROLE``."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from catalog.people import services
from catalog.people.management.accounts import person, told
from catalog.people.roles import Role


class Command(BaseCommand):
    help = "Take a role away, at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("role", choices=[str(role) for role in Role])

    def handle(self, *args: Any, **options: Any) -> None:
        user, role = person(options["username"]), options["role"]
        with told():
            services.withdraw_role(by=None, user=user, role=role)
        self.stdout.write(f"{user.get_username()} no longer has the role {role}.")
