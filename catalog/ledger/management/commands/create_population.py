"""The operator opens a ledger for a population: the people behind some datasets."""

from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.audit.errors import PlatformError
from catalog.ledger.services import create_population
from catalog.ledger.units import KINDS, PERSON
from catalog.people.models import Organisation


class Command(BaseCommand):
    help = "Make a population with its caps of ε and δ."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("slug")
        parser.add_argument("--name", required=True)
        parser.add_argument("--owner", required=True, help="slug of an organisation")
        parser.add_argument("--epsilon", required=True, help="cap of ε over all releases, such as 10")
        parser.add_argument("--delta", required=True, help="cap of δ over all releases, such as 1e-5")
        parser.add_argument("--unit", default=PERSON.kind, choices=KINDS, help="what the budget is kept of; it stays what it is")
        parser.add_argument("--time-zone", default="", help="where the days of a person begin, such as Asia/Seoul; not for the unit person")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = Organisation.objects.filter(slug=options["owner"]).first()
        if owner is None:
            raise CommandError(f"there is no organisation {options['owner']!r}")
        try:
            made = create_population(
                by=None, slug=options["slug"], name=options["name"], owner=owner,
                epsilon_cap=Decimal(options["epsilon"]), delta_cap=Decimal(options["delta"]),
                unit=options["unit"], time_zone=options["time_zone"],
            )  # fmt: skip
        except (PlatformError, ArithmeticError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"population {made.slug}")
