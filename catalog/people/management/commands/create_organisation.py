"""``manage.py create_organisation SLUG NAME``."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from catalog.audit.errors import PlatformError
from catalog.people import services


class Command(BaseCommand):
    help = "Make an organisation: a department, or a company that data is bought from."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("name")
        parser.add_argument("--name-ko", default="")
        parser.add_argument("--name-zh", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        names = {part: options[part] for part in ("slug", "name", "name_ko", "name_zh")}
        try:
            made = services.create_organisation(by=None, **names)
        except PlatformError as error:
            raise CommandError(error.detail) from None
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"Made the organisation {made.slug}.")
